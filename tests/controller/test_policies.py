"""Policies are listed, compiled and told of, in a cluster in memory."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from tests.policy.writing import KEY
from webhook.audit.results import Audited, Scan, Subject
from webhook.controller.policies import PolicyStatuses
from webhook.controller.resources import POLICIES, TRUST_ROOTS
from webhook.errors import ClusterError
from webhook.policy.resources import Compiled, Compiler

GOOD: dict[str, Any] = {"containers": {"runAsNonRoot": True}}
TYPO: dict[str, Any] = {"containers": {"runAsNonRoto": True}}
STATUS = POLICIES.path("", "p", "status")
LIST = POLICIES.path()


class Secrets:
    """Fills the port."""

    def __init__(self) -> None:
        self.content: bytes | str = "there is no such Secret"

    async def read(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes | str]:
        return dict.fromkeys(wanted, self.content)


class Recorder:
    """Fills the observer's port."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []
        self.results: list[str] = []

    def policies_seen(self, policies: int, unusable: int) -> None:
        self.seen.append((policies, unusable))

    def status_written(self, result: str) -> None:
        self.results.append(result)


class World:
    """Everything that statuses are made of and written to."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.secrets = Secrets()
        self.observer = Recorder()
        self.clock = FakeClock()
        self.changes: list[Compiled] = []
        self.statuses = PolicyStatuses(
            self.cluster,
            self.secrets,
            Compiler(),
            self.clock,
            self.observer,
            tries=lambda _failures: 0.01,
            seconds=(0.0, 60.0, 0.0),
        )
        self.statuses.on_change = self.changes.append

    def write(self, spec: Any, name: str = "p", generation: int = 1) -> None:
        """As somebody with kubectl does."""
        before = self.cluster.objects.get(POLICIES.path("", name), {})
        metadata = {"name": name, "generation": generation, **({"uid": before["metadata"]["uid"]} if before else {})}
        kept = {"status": before["status"]} if "status" in before else {}
        self.cluster.put(POLICIES, {"metadata": metadata, "spec": spec, **kept})

    @property
    def ready(self) -> tuple[str, int]:
        (condition,) = self.cluster.objects[POLICIES.path("", "p")]["status"]["conditions"]
        return condition["status"], condition["observedGeneration"]


async def test_a_status_is_written_once_by_its_own_manager_to_that_very_object() -> None:
    world = World()
    world.write(GOOD)
    assert await world.statuses.settle()
    (write,) = world.cluster.writes
    assert (write.method, write.path, write.manager) == ("PATCH", STATUS, "tidewaiter-controller")
    assert write.body is not None
    assert write.body["metadata"] == {
        "name": "p",
        "uid": world.cluster.objects[POLICIES.path("", "p")]["metadata"]["uid"],
    }
    assert set(write.body) == {"apiVersion", "kind", "metadata", "status"}
    world.clock.advance(100)
    assert await world.statuses.settle()
    assert len(world.cluster.writes) == 1


async def test_a_status_follows_what_is_written() -> None:
    world = World()
    world.write(GOOD)
    await world.statuses.settle()
    assert world.ready == ("True", 1)
    world.write(TYPO, generation=2)
    await world.statuses.settle()
    assert world.ready == ("False", 2)
    assert world.observer.seen == [(1, 0), (1, 1)]


async def test_a_status_that_somebody_changed_is_mended() -> None:
    world = World()
    world.write(GOOD)
    await world.statuses.settle()
    world.cluster.objects[POLICIES.path("", "p")]["status"]["conditions"][0]["status"] = "False"
    await world.statuses.settle()
    assert world.ready == ("True", 1)


async def test_a_secret_that_comes_makes_a_policy_usable() -> None:
    world = World()
    authority = {"name": "a", "key": {"secretRef": {"name": "keys", "key": "cosign.pub"}}}
    verify = [{"name": "v", "images": ["registry.invalid/**"], "signatures": {}}]
    world.write({"images": {"allow": ["registry.invalid/**"], "authorities": [authority], "verify": verify}})
    await world.statuses.settle()
    assert world.ready == ("False", 1)
    world.secrets.content = KEY.encode()
    await world.statuses.settle()
    assert world.ready == ("True", 1)


async def test_a_resource_that_is_deleted_meanwhile_is_not_made_again() -> None:
    world = World()
    world.write(GOOD)
    world.cluster.before.append(lambda method, _path: world.cluster.objects.clear() if method == "PATCH" else None)
    await world.statuses.settle()
    assert world.cluster.objects == {}
    assert world.cluster.writes == []


@pytest.mark.parametrize("status", [409, 429, 500, 0])
async def test_a_refused_write_is_tried_again_and_keeps_no_other_back(status: int) -> None:
    world = World()
    world.write(GOOD)
    world.write(GOOD, "q")
    world.cluster.failures["PATCH", STATUS] = ClusterError("refused", status)
    assert not await world.statuses.settle()
    assert "status" in world.cluster.objects[POLICIES.path("", "q")]
    world.cluster.failures.clear()
    assert await world.statuses.settle()
    assert world.observer.results == ["failure", "success", "success"]


async def test_kinds_that_are_not_there_have_no_resources() -> None:
    world = World()
    for kind in (POLICIES, TRUST_ROOTS):
        world.cluster.failures["GET", kind.path()] = ClusterError("no such kind", 404)
    assert await world.statuses.settle()


async def test_a_list_that_fails_leaves_what_is_known_in_force() -> None:
    world = World()
    world.write(GOOD)
    await world.statuses.settle()
    book = world.statuses.current()
    world.cluster.failures["GET", LIST] = ClusterError("away", 500)
    with pytest.raises(ClusterError):
        await world.statuses.settle()
    assert world.statuses.current() is book


async def test_each_new_book_is_told_once() -> None:
    world = World()
    unread = world.statuses.current()
    assert [policy.name for policy in unread.policies] == ["unread-policies"]
    world.write(GOOD)
    await world.statuses.settle()
    await world.statuses.settle()
    world.write(TYPO, generation=2)
    await world.statuses.settle()
    assert [len(each.faults) for each in world.changes] == [0, 1]
    assert world.statuses.current() is world.changes[-1].book


async def test_counts_of_a_scan_are_written_but_not_of_one_with_a_fault() -> None:
    world = World()
    world.write(GOOD)
    subject = Subject("v1", "Pod", "prod", "x", "1")
    now = world.clock.now()
    scan = Scan(began=now, ended=now, audited=(Audited(subject=subject, pods=3, policies=("p",)),))
    await world.statuses.publish(scan)
    await world.statuses.settle()
    audit = world.cluster.objects[POLICIES.path("", "p")]["status"]["audit"]
    assert (audit["pods"], audit["wouldDeny"]) == (3, 0)
    await world.statuses.publish(Scan(began=now, ended=now, fault="half of it"))
    await world.statuses.settle()
    assert len(world.cluster.writes) == 1


async def test_what_changes_while_very_many_counts_are_written_is_soon_looked_at() -> None:
    world = World()
    for number in range(40):
        world.write(GOOD, f"q{number}")
    world.cluster.after.append(lambda method, _path: world.clock.advance(10.0) if method == "PATCH" else None)
    running = asyncio.create_task(world.statuses.run())
    written = asyncio.Event()
    world.cluster.after.append(lambda method, path: written.set() if (method, path) == ("PATCH", STATUS) else None)
    while not world.cluster.writes:  # noqa: ASYNC110 - the fake tells nobody
        await asyncio.sleep(0)
    world.write(TYPO)
    await asyncio.wait_for(written.wait(), 10)
    assert len(world.cluster.writes) < 10
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_it_looks_when_it_is_told_to_and_goes_on_after_a_failure() -> None:
    world = World()
    world.cluster.failures["GET", LIST] = ClusterError("away", 500)
    looked, written = asyncio.Event(), asyncio.Event()

    def mend(method: str, path: str) -> None:
        if method == "GET" and len(world.cluster.requests) > 3:
            world.cluster.failures.clear()
        if path == TRUST_ROOTS.path():
            looked.set()

    world.cluster.before.append(mend)
    world.cluster.after.append(lambda method, _path: written.set() if method == "PATCH" else None)
    running = asyncio.create_task(world.statuses.run())
    await asyncio.wait_for(looked.wait(), 10)
    world.write(GOOD)
    world.statuses.look()
    await asyncio.wait_for(written.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert world.ready == ("True", 1)
