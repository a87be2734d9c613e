import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.kube.resources_api import FakeResources
from tests.policy.writing import KEY, OTHER_KEY
from webhook import pods
from webhook.codes import Code
from webhook.errors import ConfigurationError
from webhook.kube import watching
from webhook.kube.connection import Connection
from webhook.kube.key_secrets import MAX_AT_ONCE, KeySecrets
from webhook.kube.policies import ClusterPolicies
from webhook.policy.book import Book, Policy
from webhook.policy.matching import Match
from webhook.policy.resources import Compiled
from webhook.policy.unusable import UNREAD, is_usable
from webhook.signatures.authorities import KeyAuthority
from webhook.verdict import Mode

POLICIES, ROOTS = "clusterpodpolicies", "trustroots"
ANY = {"containers": {"runAsNonRoot": True}}


@pytest.fixture
def api() -> FakeResources:
    return FakeResources()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def at_once(_failures: int) -> float:
    return 0.001


async def eventually(probe: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not probe():  # noqa: ASYNC110 - what is waited for happens in another program's stead
            await asyncio.sleep(0.002)


class Running:
    """Policies that are followed, and the sets that they told of."""

    def __init__(self, policies: ClusterPolicies, sets: list[Compiled]) -> None:
        self.policies = policies
        self.sets = sets

    @property
    def names(self) -> list[str]:
        return [policy.name for policy in self.book.policies]

    @property
    def book(self) -> Book:
        return self.policies.current()

    def the(self, name: str) -> Policy:
        return next(policy for policy in self.book.policies if policy.name == name)

    async def has(self, *names: str) -> None:
        await eventually(lambda: self.names == list(names))


@asynccontextmanager
async def running(api: FakeResources, clock: FakeClock, folder: Path, **settings: Any) -> AsyncIterator[Running]:
    async with api.listening(folder) as kubeconfig, following(kubeconfig, clock, **settings) as found:
        yield found


@asynccontextmanager
async def following(kubeconfig: Path, clock: FakeClock, **settings: Any) -> AsyncIterator[Running]:
    policies = ClusterPolicies(clock, kubeconfig, tries=at_once, **settings)
    await policies.connect()
    sets: list[Compiled] = []
    async with policies.watching(sets.append):
        yield Running(policies, sets)


async def test_policies_bind_as_they_are_written_changed_and_deleted(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    await api.put(POLICIES, "first", ANY)
    async with running(api, clock, tmp_path) as found:
        await found.has("first")
        assert found.policies.unready(found.book.generation) is None
        await api.put(POLICIES, "second", {**ANY, "mode": "Warn"})
        await found.has("first", "second")
        await api.put(POLICIES, "second", {**ANY, "mode": "Audit"})
        await eventually(lambda: found.the("second").mode is Mode.AUDIT)
        await api.delete(POLICIES, "first")
        await found.has("second")
        asked = sorted(verb for verb, _ in api.asked)
        assert asked == [f"{verb} {plural}" for verb in ("list", "watch") for plural in (POLICIES, ROOTS)]
        assert len({each.book.generation for each in found.sets}) == len(found.sets)


async def test_nothing_is_ready_and_all_is_denied_before_both_kinds_were_listed(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    api.statuses["list"] = 404
    async with running(api, clock, tmp_path) as found:
        await eventually(lambda: len(api.asked) > 4)
        assert found.names == [UNREAD]
        assert found.the(UNREAD).mode is Mode.ENFORCE
        assert found.policies.unready(found.book.generation) == ("policies were not read: the API server refuses 404")
        assert found.policies.age == float("inf")
        del api.statuses["list"]
        await found.has()
        assert found.policies.unready(found.book.generation) is None


async def test_what_was_known_holds_through_an_outage_and_changes_in_it_are_caught_up_with(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    await api.put(POLICIES, "first", ANY)
    async with running(api, clock, tmp_path) as found:
        await found.has("first")
        api.away = True
        await api.break_watches()
        await eventually(lambda: len(api.asked) > 20)
        assert found.names == ["first"]
        await api.put(POLICIES, "second", ANY)
        api.away = False
        await found.has("first", "second")


async def test_after_too_long_without_a_word_everything_is_denied_until_there_is_one(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    await api.put(POLICIES, "first", ANY)
    async with running(api, clock, tmp_path, max_staleness=600.0) as found:
        await found.has("first")
        api.statuses = {"list": 500, "watch": 500}
        await api.break_watches()
        await eventually(lambda: len(api.asked) > 10)
        clock.advance(600)
        assert found.names == ["first"]
        clock.advance(60)
        assert found.names == [UNREAD]
        assert found.book is found.book
        (check,) = found.the(UNREAD).checks
        (finding,) = check(pods.of_images(()), found.the(UNREAD).rules)
        assert (finding.code, finding.message) == (
            Code.POLICY_UNUSABLE,
            "policies could not be read since 2026-01-01T00:16Z",
        )
        api.statuses = {}
        await found.has("first")


@pytest.mark.parametrize("code", [410, 500])
async def test_a_watch_that_the_api_server_ends_in_error_begins_with_a_new_list(
    api: FakeResources, clock: FakeClock, tmp_path: Path, code: int
) -> None:
    async with running(api, clock, tmp_path) as found:
        await found.has()
        del api.objects[POLICIES]
        api.objects[POLICIES] = {"new": {"metadata": {"name": "new"}, "spec": ANY}}
        status = {"kind": "Status", "code": code, "reason": "Expired", "message": "too old"}
        await api.send(POLICIES, json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
        if code == 410:
            await found.has("new")
        else:
            await eventually(lambda: [verb for verb, _ in api.asked].count(f"watch {POLICIES}") == 2)


async def test_a_bookmark_moves_the_place_from_which_the_next_watch_begins(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(api, clock, tmp_path) as found:
        await found.has()
        await api.bookmark(POLICIES)
        await api.break_watches()
        await eventually(lambda: [verb for verb, _ in api.asked].count(f"watch {POLICIES}") >= 2)
        begun = [query["resourceVersion"] for verb, query in api.asked if verb == f"watch {POLICIES}"]
        assert begun[:2] == ["1", "2"]
        assert all(query["allowWatchBookmarks"] == "true" for verb, query in api.asked if "watch" in verb)


@pytest.mark.parametrize(
    "line",
    [
        b"garbage\n",
        b"[]\n",
        b"[" * 100_000 + b"\n",
        b'{"type": "ADDED", "object": {"metadata": {"name": "x"}}}\n',
        b'{"type": "ADDED", "object": {"metadata": {"resourceVersion": "9"}}}\n',
        b'{"type": "ADDED", "object": {}}\n',
        b'{"type": "ROTATED", "object": {"metadata": {"name": "x", "resourceVersion": "9"}}}\n',
        b'{"type": "ERROR", "object": []}\n',
        b"x" * (watching.MAX_EVENT_BYTES + 1),
        b"\xff\xfe\n",
    ],
    ids=range(10),
)
async def test_garbage_changes_nothing_and_is_followed_by_a_new_list(
    api: FakeResources, clock: FakeClock, tmp_path: Path, line: bytes
) -> None:
    await api.put(POLICIES, "first", ANY)
    async with running(api, clock, tmp_path) as found:
        await found.has("first")
        await eventually(lambda: f"watch {POLICIES}" in [verb for verb, _ in api.asked])
        await api.send(POLICIES, line)
        await eventually(lambda: [verb for verb, _ in api.asked].count(f"list {POLICIES}") == 2)
        assert found.names == ["first"]
        await api.put(POLICIES, "second", ANY)
        await found.has("first", "second")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"metadata": {}, "items": []}',
        b'{"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {}}]}',
        b'{"metadata": {"resourceVersion": "1"}, "items": ' + json.dumps([{"metadata": {}}] * 10_001).encode() + b"}",
        b" " * (watching.MAX_LIST_BYTES + 1),
        b'{"metadata": {"resourceVersion": "1", "continue": "abc"}, "items": [{"metadata": {"name": "first"}}]}',
    ],
    ids=range(7),
)
async def test_a_list_that_cannot_be_used_is_none(
    api: FakeResources, clock: FakeClock, tmp_path: Path, body: bytes
) -> None:
    api.raw_list = body
    async with running(api, clock, tmp_path) as found:
        await eventually(lambda: len(api.asked) > 2)
        assert found.names == [UNREAD]
        api.raw_list = None
        await found.has()


async def test_a_part_of_a_list_is_told_of(api: FakeResources, clock: FakeClock, tmp_path: Path) -> None:
    api.raw_list = b'{"metadata": {"resourceVersion": "1", "continue": "abc"}, "items": []}'
    async with running(api, clock, tmp_path) as found:
        await eventually(lambda: len(api.asked) > 2)
        why = found.policies.unready(found.book.generation)
        assert why == "policies were not read: the API server sent a part of a list"


def unreadable(name: str, nested: str, version: int = 1) -> bytes:
    metadata = f'{{"name": "{name}", "resourceVersion": "{version}"}}'
    spec = f'{{"mode": "Warn", "match": {{"namespaces": {{"include": ["prod"]}}}}, "x": {nested}}}'
    return f'{{"spec": {spec}, "metadata": {metadata}}}'.encode()


DEEP = ["[" * depth + "]" * depth for depth in (970, 1_500, 9_990)] + ['{"a":' * 1_500 + "1" + "}" * 1_500]


@pytest.mark.parametrize("nested", DEEP, ids=range(len(DEEP)))
async def test_a_listed_policy_that_is_nested_too_deep_denies_what_it_matches_and_the_one_beside_it_is_in_force(
    api: FakeResources, clock: FakeClock, tmp_path: Path, nested: str
) -> None:
    sound = json.dumps({"metadata": {"name": "sound"}, "spec": ANY}).encode()
    items = b",".join([unreadable("deep", nested), sound])
    api.raw_list = b'{"metadata": {"resourceVersion": "1"}, "items": [' + items + b"]}"
    async with running(api, clock, tmp_path) as found:
        await found.has("deep", "sound")
        assert not is_usable(found.the("deep"))
        assert is_usable(found.the("sound"))
        assert found.the("deep").mode is Mode.WARN
        assert found.the("deep").match != found.the("sound").match


@pytest.mark.parametrize("nested", DEEP, ids=range(len(DEEP)))
async def test_a_policy_that_is_changed_to_one_nested_too_deep_denies_and_later_changes_are_seen(
    api: FakeResources, clock: FakeClock, tmp_path: Path, nested: str
) -> None:
    await api.put(POLICIES, "deep", ANY)
    async with running(api, clock, tmp_path) as found:
        await found.has("deep")
        line = b'{"type": "MODIFIED", "object": ' + unreadable("deep", nested, api.version + 1) + b"}\n"
        await api.send(POLICIES, line)
        await eventually(lambda: not is_usable(found.the("deep")))
        await api.put(POLICIES, "sound", ANY)
        await found.has("deep", "sound")
        assert is_usable(found.the("sound"))
        assert [verb for verb, _ in api.asked].count(f"list {POLICIES}") == 1


@pytest.mark.parametrize("value", [b"1e999", b"1" * 5_000, b'"\xff"'], ids=range(3))
async def test_a_policy_of_which_only_the_name_can_be_read_denies_everything(
    api: FakeResources, clock: FakeClock, tmp_path: Path, value: bytes
) -> None:
    sound = json.dumps({"metadata": {"name": "sound"}, "spec": ANY}).encode()
    items = b",".join([unreadable("broken", "?").replace(b"?", value), sound])
    api.raw_list = b'{"metadata": {"resourceVersion": "1"}, "items": [' + items + b"]}"
    async with running(api, clock, tmp_path) as found:
        await found.has("broken", "sound")
        assert not is_usable(found.the("broken"))
        assert found.the("broken").mode is Mode.ENFORCE
        assert found.the("broken").match == Match()
        assert is_usable(found.the("sound"))


async def test_a_mode_of_any_depth_makes_no_other_policy_unusable(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    deep = [
        f'{{"metadata": {{"name": "d{depth}"}}, "spec": {{"mode": {"[" * depth + "]" * depth}}}}}'
        for depth in range(940, 1_010)
    ]
    sound = json.dumps({"metadata": {"name": "sound"}, "spec": ANY})
    api.raw_list = f'{{"metadata": {{"resourceVersion": "1"}}, "items": [{", ".join([*deep, sound])}]}}'.encode()
    async with running(api, clock, tmp_path) as found:
        await eventually(lambda: "sound" in found.names)
        assert [policy.name for policy in found.book.policies if is_usable(policy)] == ["sound"]
        assert len(found.names) == 71


async def test_a_line_in_many_pieces_is_one_line() -> None:
    line = b"x" * 3_000_000

    async def chunks() -> AsyncIterator[bytes]:
        for begin in range(0, len(line), 50):
            yield line[begin : begin + 50]
        yield b"\n\n{}\nrest"

    assert [each async for each in watching.lines(chunks())] == [line, b"{}"]


async def test_a_large_object_is_one_event(api: FakeResources, clock: FakeClock, tmp_path: Path) -> None:
    async with running(api, clock, tmp_path) as found:
        await found.has()
        await api.put(POLICIES, "large", {"images": {"allow": [f"registry.example.com/{'a' * 90}"] * 5_000}})
        await found.has("large")


async def test_blank_lines_say_nothing(api: FakeResources, clock: FakeClock, tmp_path: Path) -> None:
    async with running(api, clock, tmp_path) as found:
        await found.has()
        await api.send(POLICIES, b"\n")
        await api.put(POLICIES, "first", ANY)
        await found.has("first")


async def test_more_objects_than_there_may_be_are_not_taken(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    api.objects[POLICIES] = {
        f"p{number}": {"metadata": {"name": f"p{number}"}, "spec": {}} for number in range(watching.MAX_OBJECTS)
    }
    async with api.listening(tmp_path) as kubeconfig:
        connection = Connection(kubeconfig)
        watched = watching.Watched(connection, POLICIES, clock, lambda: None, at_once)
        following = asyncio.create_task(watched.follow())
        await eventually(lambda: len(watched.objects) == watching.MAX_OBJECTS)
        await api.put(POLICIES, "one-more", ANY)
        await eventually(lambda: "there are more than" in watched.fault)
        assert "one-more" not in watched.objects
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await connection.close()


async def test_a_policy_with_a_fault_is_told_of_and_stands_in_the_set(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    async with running(api, clock, tmp_path) as found:
        await api.put(POLICIES, "broken", {"mode": "Warn", "containers": {"runAsNonRoto": True}}, status={"x": 1})
        await found.has("broken")
        assert not is_usable(found.the("broken"))
        (fault,) = found.sets[-1].faults
        assert str(fault).startswith("ClusterPodPolicy/broken: spec.containers.runAsNonRoto: unknown field")


def keyed(name: str, key: str = "cosign.pub") -> dict[str, Any]:
    authority = {"name": "release", "key": {"secretRef": {"name": name, "key": key}}}
    verify = {"name": "ours", "images": ["registry.example.com/**"], "signatures": {}}
    return {"images": {"authorities": [authority], "verify": [verify]}}


def fingerprint(found: Running, name: str) -> str:
    images = found.the(name).images
    authority = images.entries[0].authorities[0] if images else None
    return authority.key.fingerprint if isinstance(authority, KeyAuthority) else ""


async def test_a_key_comes_from_a_secret_and_is_read_again(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    api.secrets["tidewaiter/keys"] = {"cosign.pub": KEY}
    await api.put(POLICIES, "keyed", keyed("keys"))
    async with running(api, clock, tmp_path, namespace="tidewaiter", secrets_seconds=0.01) as found:
        await eventually(lambda: found.names == ["keyed"] and fingerprint(found, "keyed"))
        before = fingerprint(found, "keyed")
        api.secrets["tidewaiter/keys"] = {"cosign.pub": OTHER_KEY}
        await eventually(lambda: fingerprint(found, "keyed") != before)
        api.statuses["secret"] = 503
        sets = len(found.sets)
        asked = len(api.asked)
        await eventually(lambda: len(api.asked) > asked + 5)
        assert len(found.sets) == sets
        clock.advance(3601)
        await eventually(lambda: len(found.sets) > sets and not is_usable(found.sets[-1].book.policies[0]))
        assert found.sets[-1].faults[0].message == "cannot be read: the API server answered with status 503"


SECRET = "s3cret-and-no-key"


@pytest.mark.parametrize(
    ("name", "key", "told"),
    [
        ("missing", "cosign.pub", "cannot be read: there is no such Secret"),
        ("keys", "other", "cannot be read: the Secret has no such key"),
        ("keys", "word", "not one PEM block that begins with -----BEGIN PUBLIC KEY-----"),
        ("large", "cosign.pub", "cannot be read: it has more than 2097152 bytes"),
    ],
)
async def test_a_secret_without_a_key_makes_the_policy_unusable_and_its_content_is_never_told(
    api: FakeResources, clock: FakeClock, tmp_path: Path, name: str, key: str, told: str
) -> None:
    api.secrets["tidewaiter/keys"] = {"cosign.pub": KEY, "word": SECRET}
    api.secrets["tidewaiter/large"] = {"cosign.pub": "x" * 2_000_000}
    await api.put(POLICIES, "keyed", keyed(name, key))
    async with running(api, clock, tmp_path, namespace="tidewaiter") as found:
        await found.has("keyed")
        (fault,) = found.sets[-1].faults
        assert (fault.path, fault.message) == ("spec.images.authorities[0].key.secretRef", told)
        assert SECRET not in str(found.sets[-1])


async def test_without_a_namespace_no_secret_is_read(api: FakeResources, clock: FakeClock, tmp_path: Path) -> None:
    await api.put(POLICIES, "keyed", keyed("keys"))
    async with running(api, clock, tmp_path) as found:
        await found.has("keyed")
        assert found.sets[-1].faults[0].message == "cannot be read: no namespace is given whose Secrets may be read"


async def test_secrets_are_known_by_their_names_and_in_base64(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    api.secrets["tidewaiter/keys"] = {"a": "content"}
    async with api.listening(tmp_path) as kubeconfig:
        connection = Connection(kubeconfig)
        secrets = KeySecrets(connection, "tidewaiter", clock, 60.0)
        assert await secrets.read([("keys", "a"), ("keys", "b"), ("../x", "a")]) == {
            ("keys", "a"): b"content",
            ("keys", "b"): "the Secret has no such key",
            ("../x", "a"): "it is no name of a Secret",
        }
        await connection.close()
    gone = KeySecrets(Connection(tmp_path / "nowhere"), "tidewaiter", clock, 60.0)
    (why,) = (await gone.read([("keys", "a")])).values()
    assert str(why).startswith("the API server did not answer (")


async def test_secrets_are_asked_for_a_few_at_once_and_those_that_wait_lose_no_time(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    wanted = [(f"k{number}", "a") for number in range(3 * MAX_AT_ONCE)]
    api.secrets = {f"tidewaiter/{name}": {"a": "content"} for name, _ in wanted}
    api.gate.clear()
    async with api.listening(tmp_path) as kubeconfig:
        connection = Connection(kubeconfig)
        reading = asyncio.create_task(KeySecrets(connection, "tidewaiter", clock, 60.0).read(wanted))
        await eventually(lambda: api.waiting == MAX_AT_ONCE)
        api.gate.set()
        assert await reading == dict.fromkeys(wanted, b"content")
        assert api.most_waiting == MAX_AT_ONCE
        await connection.close()


async def test_an_api_server_that_says_nothing_holds_up_a_reading_of_secrets_once(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    wanted = [(f"k{number}", "a") for number in range(20 * MAX_AT_ONCE)]
    api.gate.clear()
    async with api.listening(tmp_path) as kubeconfig:
        connection = Connection(kubeconfig)
        await connection.core()
        found = await KeySecrets(connection, "tidewaiter", clock, 60.0, seconds=1.0).read(wanted)
        assert 0 < api.most_waiting <= MAX_AT_ONCE
        assert set(found) == set(wanted)
        assert set(found.values()) == {
            "the API server did not answer in time",
            "the API server did not answer another question",
        }
        api.gate.set()
        await connection.close()


async def test_a_failure_that_nobody_foresaw_denies_until_it_works_again(
    api: FakeResources, clock: FakeClock, tmp_path: Path
) -> None:
    await api.put(POLICIES, "first", ANY)
    failures = 0
    mended = asyncio.Event()

    def told(_compiled: Compiled) -> None:
        nonlocal failures
        if not mended.is_set():
            failures += 1
            raise RuntimeError("out of order")

    async with api.listening(tmp_path) as kubeconfig:
        policies = ClusterPolicies(clock, kubeconfig, tries=at_once)
        async with policies.watching(told):
            await eventually(lambda: failures > 2)
            assert [policy.name for policy in policies.current().policies] == [UNREAD]
            mended.set()
            await eventually(lambda: [policy.name for policy in policies.current().policies] == ["first"])


async def test_without_a_cluster_there_is_nowhere_to_read_policies_from(tmp_path: Path) -> None:
    policies = ClusterPolicies(FakeClock(), tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="no --policy is given, and there is no cluster to read policies from"):
        await policies.connect()


def test_tries_come_later_and_later_and_never_all_at_once() -> None:
    waits = [watching.backoff(failures) for failures in range(1, 20) for _ in range(50)]
    assert all(0.2 <= wait <= 5.0 for wait in waits)
    assert max(waits[:50]) <= 0.4
    assert min(waits[-50:]) >= 2.5
    assert len(set(waits)) > 900
