"""Answers of a repository's server that are missing, too long or damaged."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.api._payload import MetaFile, Snapshot, TargetFile, Targets, Timestamp

from tests.fakes.tuf import FakeTuf
from tests.trust.repository import NEW, OLD, TARGET, Client
from webhook.errors import RegistryUnavailableError
from webhook.trust.errors import UnusableError
from webhook.trust.tuf import MAX_TARGET_BYTES


@pytest.mark.parametrize("path", ["timestamp.json", "1.snapshot.json", "1.targets.json"])
async def test_metadata_that_is_not_there_is_named(client: Client, path: str) -> None:
    del client.tuf.files[path]
    assert await client.refusal() == f"there is no {path}"


async def test_a_target_that_is_not_there_is_named(client: Client) -> None:
    [path] = [path for path in client.tuf.files if path.endswith(f".{TARGET}")]
    del client.tuf.files[path]
    assert await client.refusal() == f"there is no {path}"


async def test_a_target_that_the_metadata_does_not_name_is_not_asked_for(client: Client) -> None:
    client.tuf.publish({"other.json": NEW})
    assert await client.refusal() == 'its targets do not name "trusted_root.json"'


async def test_a_target_other_than_the_metadata_says_is_refused(client: Client) -> None:
    client.tuf.publish({TARGET: OLD}, listed={TARGET: NEW})
    [path] = [path for path in FakeTuf(client.tuf.now, {TARGET: NEW}).files if path.endswith(f".{TARGET}")]
    client.tuf.files[path] = OLD
    assert (await client.refusal()).startswith("Observed hash ")


async def test_a_target_beyond_the_ceiling_is_not_asked_for(client: Client) -> None:
    target = TargetFile(MAX_TARGET_BYTES + 1, {"sha256": "0" * 64}, TARGET)
    client.tuf.sign_targets(Targets(expires=client.tuf.end("targets"), targets={TARGET: target}))
    assert await client.refusal() == f"the target has more than {MAX_TARGET_BYTES} bytes"


@pytest.mark.parametrize(
    ("path", "ceiling"),
    [
        ("2.root.json", 512_000),
        ("timestamp.json", 16_384),
        ("1.snapshot.json", 2_000_000),
        ("1.targets.json", 5_000_000),
    ],
)
async def test_no_more_is_read_than_python_tufs_own_ceilings(client: Client, path: str, ceiling: int) -> None:
    meta = {"targets.json": MetaFile(1)}
    client.tuf.sign_snapshot(Snapshot(expires=client.tuf.end("snapshot"), meta=meta))
    client.tuf.sign_timestamp(Timestamp(expires=client.tuf.end("timestamp"), snapshot_meta=MetaFile(2)))
    client.tuf.files["1.snapshot.json"] = client.tuf.files["2.snapshot.json"]
    path = path.replace("1.snapshot", "2.snapshot")
    client.tuf.files[path] = b" " * (ceiling + 1)
    with pytest.raises(Exception, match=f"more than {ceiling} bytes"):
        await client.fetch()
    client.tuf.files[path] = b" " * ceiling
    assert await client.refusal() == "Failed to deserialize JSON"


async def test_no_more_is_read_of_metadata_than_the_metadata_above_it_says(client: Client) -> None:
    length = len(client.tuf.files["1.targets.json"])
    client.tuf.files["1.targets.json"] += b" "
    with pytest.raises(Exception, match=f"more than {length} bytes"):
        await client.fetch()


async def test_a_server_that_cannot_be_asked_is_not_taken_for_one_that_has_nothing(client: Client) -> None:
    client.web.error = RegistryUnavailableError("tuf.example.com did not answer")
    with pytest.raises(RegistryUnavailableError, match="did not answer"):
        await client.fetch()


@pytest.mark.parametrize(
    "root", [b"{}", b"[]", b"null", b"\xff", b'{"signed": {"_type": "root"}, "signatures": []}', b"[" * 100_000]
)
def test_root_metadata_that_cannot_be_used_is_told_at_once(client: Client, root: bytes) -> None:
    with pytest.raises(UnusableError, match="its root metadata cannot be used: "):
        client.known_by(root)


def test_root_metadata_that_does_not_sign_itself_is_refused(client: Client) -> None:
    document = json.loads(client.tuf.root)
    document["signed"]["version"] = 2
    root = json.dumps(document).encode()
    with pytest.raises(UnusableError, match="root was signed by 0/1 keys"):
        client.known_by(root)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["2.root.json", "timestamp.json", "2.snapshot.json", "2.targets.json"]), st.data())
async def test_damaged_metadata_is_refused_and_never_more_than_that(path: str, data: st.DataObject) -> None:
    client = Client()
    client.tuf.rotate("snapshot")
    client.tuf.publish({TARGET: NEW})
    whole = client.tuf.files[path]
    position = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[position] = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[position]))
    client.tuf.files[path] = bytes(damaged)
    try:
        fetched = await client.fetch()
    except UnusableError:
        return
    assert fetched.content == NEW
    assert path in {"2.root.json", "timestamp.json"}, "only white space and unused signatures may differ"


@given(st.sampled_from(["2.root.json", "timestamp.json"]), st.binary(max_size=200))
@settings(max_examples=40)
async def test_garbage_is_refused_and_never_more_than_that(path: str, garbage: bytes) -> None:
    client = Client()
    client.tuf.files[path] = garbage
    assert await client.refusal()
