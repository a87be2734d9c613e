"""What python-tuf refuses is refused through our client too: rollback, freeze, mix-and-match, other keys."""

from datetime import timedelta

import pytest
from tuf.api._payload import MetaFile, Snapshot, Timestamp

from tests.trust.repository import NEW, OLD, TARGET, Client, signed


@pytest.mark.parametrize(
    ("role", "reason"),
    [
        ("timestamp", "timestamp.json is expired"),
        ("snapshot", "snapshot.json is expired"),
        ("targets", "New targets is expired"),
        ("root", "Final root.json is expired"),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["before", "never"])
async def test_a_frozen_repository_is_refused_when_a_role_has_ended(
    client: Client, role: str, reason: str, known: bool
) -> None:
    for other in client.tuf.lives:
        client.tuf.lives[other] = timedelta(days=1 if other == role else 2)
    client.tuf.rotate("timestamp")
    client.tuf.publish({TARGET: OLD})
    if known:
        assert (await client.fetch()).expires == client.tuf.end(role)
    client.later(days=1, seconds=1)
    assert await client.refusal() == reason


async def test_a_timestamp_that_is_older_than_the_one_before_is_refused(client: Client) -> None:
    before = dict(client.tuf.files)
    client.tuf.publish({TARGET: NEW})
    await client.fetch()
    client.tuf.files.update(before)
    assert await client.refusal() == "New timestamp version 1 must be >= 2"
    client.tuf.publish({TARGET: NEW})
    assert (await client.fetch()).content == NEW


async def test_a_timestamp_that_names_an_older_snapshot_is_refused(client: Client) -> None:
    first = Timestamp.from_dict(signed(client.tuf.files["timestamp.json"])).snapshot_meta
    client.tuf.publish({TARGET: NEW})
    await client.fetch()
    client.tuf.sign_timestamp(Timestamp(expires=client.tuf.end("timestamp"), snapshot_meta=first))
    assert await client.refusal() == "New snapshot version must be >= 2, got version 1"


async def test_a_snapshot_that_names_older_targets_is_refused(client: Client) -> None:
    first = Snapshot.from_dict(signed(client.tuf.files["1.snapshot.json"])).meta
    client.tuf.publish({TARGET: NEW})
    await client.fetch()
    client.tuf.sign_snapshot(Snapshot(expires=client.tuf.end("snapshot"), meta=first))
    assert await client.refusal() == "Expected targets.json version 1, got 2."


async def test_a_snapshot_that_names_no_targets_is_refused(client: Client) -> None:
    client.tuf.sign_snapshot(Snapshot(expires=client.tuf.end("snapshot"), meta={"other.json": MetaFile(1)}))
    assert await client.refusal() == "its snapshot does not name the targets"


@pytest.mark.parametrize("role", ["snapshot", "targets"])
async def test_metadata_of_another_state_of_the_repository_is_refused(role: str) -> None:
    client = Client(consistent=False)
    older = client.tuf.files[f"{role}.json"]
    client.tuf.publish({TARGET: NEW})
    client.tuf.files[f"{role}.json"] = older
    assert "does not match" in await client.refusal() or "length" in await client.refusal()


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp"])
async def test_metadata_by_another_key_is_refused(client: Client, role: str) -> None:
    other = Client()
    client.tuf.signers[role] = other.tuf.signers[role]
    client.tuf.publish({TARGET: NEW})
    assert await client.refusal() == f"{role} was signed by 0/1 keys"


async def test_metadata_of_one_role_is_not_taken_for_another(client: Client) -> None:
    client.tuf.files["timestamp.json"] = client.tuf.files["1.snapshot.json"]
    assert await client.refusal() == "Expected 'timestamp', got 'snapshot'"
