"""The order in which a repository is asked, and what is kept of its answers."""

from datetime import timedelta

import pytest
from tuf.ngclient.config import UpdaterConfig

from tests.trust.repository import NEW, OLD, TARGET, URL, Client
from webhook.errors import RegistryUnavailableError
from webhook.policy.trust_roots import TufRepository
from webhook.trust.tuf import Fetched, Repository


@pytest.mark.parametrize("consistent", [True, False])
async def test_the_target_comes_with_the_earliest_end_of_the_roles_that_vouch_for_it(consistent: bool) -> None:
    client = Client(consistent=consistent)
    assert await client.fetch() == Fetched(OLD, client.tuf.end("timestamp"))
    client.tuf.lives["targets"] = timedelta(hours=1)
    client.tuf.publish({TARGET: NEW})
    assert await client.fetch() == Fetched(NEW, client.tuf.end("targets"))


async def test_a_root_that_ends_first_ends_what_it_vouches_for() -> None:
    client = Client()
    client.tuf.lives["root"] = timedelta(minutes=5)
    client.tuf.rotate("timestamp")
    client.tuf.publish({TARGET: OLD})
    assert (await client.fetch()).expires == client.tuf.end("root")


async def test_what_did_not_change_is_not_asked_for_again(client: Client) -> None:
    await client.fetch()
    names = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]
    assert client.web.asked[:4] == names
    assert client.web.asked[4].startswith("targets/")
    assert len(client.web.asked) == 5
    assert await client.fetch() == Fetched(OLD, client.tuf.end("timestamp"))
    assert client.web.asked == names[:2]
    client.later(days=1)
    client.tuf.sign_again()
    assert (await client.fetch()).expires == client.tuf.end("timestamp")
    assert client.web.asked == names[:2]


@pytest.mark.parametrize("role", ["root", "targets", "snapshot", "timestamp"])
async def test_every_key_may_be_replaced_by_a_new_root(client: Client, role: str) -> None:
    await client.fetch()
    client.tuf.rotate(role)
    client.tuf.rotate(role)
    client.tuf.publish({TARGET: NEW})
    assert (await client.fetch()).content == NEW
    assert client.web.asked[:3] == ["2.root.json", "3.root.json", "4.root.json"]
    await client.fetch()
    assert client.web.asked[0] == "4.root.json"


async def test_versions_that_somebody_drove_up_are_forgotten_with_the_keys_that_signed_them(client: Client) -> None:
    client.tuf.versions |= {"timestamp": 2**40, "snapshot": 2**40}
    client.tuf.publish({TARGET: NEW})
    await client.fetch()
    client.tuf.versions |= {"timestamp": 1, "snapshot": 1}
    client.tuf.publish({TARGET: NEW})
    assert "must be >= " in await client.refusal()
    client.tuf.rotate("timestamp")
    client.tuf.rotate("snapshot")
    client.tuf.versions |= {"timestamp": 1, "snapshot": 1}
    client.tuf.publish({TARGET: OLD})
    assert (await client.fetch()).content == OLD


@pytest.mark.parametrize("answered", range(7))
async def test_what_breaks_off_anywhere_can_be_gone_on_with(client: Client, answered: int) -> None:
    await client.fetch()
    client.tuf.rotate("timestamp")
    client.tuf.rotate("snapshot")
    client.tuf.publish({TARGET: NEW})
    client.web.breaks_after = answered
    with pytest.raises(RegistryUnavailableError):
        await client.fetch()
    assert len(client.web.asked) == answered + 1
    client.web.breaks_after = None
    assert await client.fetch() == Fetched(NEW, client.tuf.end("timestamp"))


async def test_a_first_root_that_has_ended_leads_to_its_successor(client: Client) -> None:
    client.later(days=400)
    assert await client.refusal() == "Final root.json is expired"
    client.tuf.rotate("timestamp")
    client.tuf.publish({TARGET: NEW})
    assert (await client.fetch()).content == NEW


async def test_a_root_that_the_one_before_did_not_sign_is_refused(client: Client) -> None:
    other = Client()
    other.tuf.rotate("timestamp")
    client.tuf.files["2.root.json"] = other.tuf.files["2.root.json"]
    assert await client.refusal() == "root was signed by 0/1 keys"


async def test_a_root_that_skips_a_version_is_refused(client: Client) -> None:
    client.tuf.rotate("timestamp")
    client.tuf.rotate("timestamp")
    client.tuf.files["2.root.json"] = client.tuf.files["3.root.json"]
    assert await client.refusal() == "Expected root version 2 instead got version 3"


async def test_so_many_new_roots_are_taken_at_once_and_no_more(
    client: Client,
) -> None:
    client.repository = Repository(TufRepository(URL, client.tuf.root, TARGET), UpdaterConfig(max_root_rotations=3))
    for _ in range(4):
        client.tuf.rotate("snapshot")
    client.tuf.publish({TARGET: NEW})
    assert await client.refusal() == "snapshot was signed by 0/1 keys"
    assert client.web.asked[:4] == ["2.root.json", "3.root.json", "4.root.json", "timestamp.json"]
    assert (await client.fetch()).content == NEW
    assert client.web.asked[:2] == ["5.root.json", "6.root.json"]
