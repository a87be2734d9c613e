"""One works at a time. Leases lie in a cluster in memory; the library that renews them counts real seconds."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from webhook.clock import SystemClock
from webhook.controller.election import Election, LeaseLostError, Periods
from webhook.controller.lease import LEASE, LeaseLock
from webhook.errors import ClusterError

DURATION, DEADLINE = 15.0, 10.0
PATH = LEASE.path("system", "watch")
SHORT = Periods(3.0, 2.0, 1.0)


def lock(
    cluster: FakeCluster, identity: str, clock: FakeClock | SystemClock, periods: Periods | None = None
) -> LeaseLock:
    duration, deadline, _ = periods or (DURATION, DEADLINE, 0.0)
    return LeaseLock(
        cluster, "system", "watch", identity, clock, duration=duration, deadline=deadline, labels={"made": "here"}
    )


async def taken(one: LeaseLock) -> bool:
    """Whether a try of the library's, as far as the lock sees it, makes the Lease ours."""
    read, record = await one.get("watch", "system")
    return read and await one.update("watch", "system", record)


def holder(cluster: FakeCluster) -> Any:
    return cluster.objects[PATH]["spec"]["holderIdentity"]


async def test_the_first_makes_the_lease() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    assert await taken(lock(cluster, "a", clock))
    assert cluster.objects[PATH]["metadata"]["labels"] == {"made": "here"}
    assert cluster.objects[PATH]["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2026-01-01T00:16:40.000000Z",
        "renewTime": "2026-01-01T00:16:40.000000Z",
        "leaseTransitions": 1,
    }


async def test_a_renewal_leaves_the_time_of_acquisition() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one = lock(cluster, "a", clock)
    await taken(one)
    clock.advance(5)
    assert await taken(one)
    spec = cluster.objects[PATH]["spec"]
    assert (spec["acquireTime"][14:19], spec["renewTime"][14:19], spec["leaseTransitions"]) == ("16:40", "16:45", 1)
    assert one.left == DEADLINE


async def test_anothers_lease_is_left_alone_until_it_was_unchanged_for_its_duration() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one, other = lock(cluster, "a", clock), lock(cluster, "b", clock)
    await taken(one)
    assert not await taken(other)
    clock.advance(DURATION - 1)
    await taken(one)
    assert not await taken(other)
    clock.advance(DURATION - 0.5)
    assert not await taken(other)
    clock.advance(0.5)
    assert await taken(other)
    assert (holder(cluster), cluster.objects[PATH]["spec"]["leaseTransitions"]) == ("b", 2)


async def test_a_longer_duration_of_the_holder_counts() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    await taken(lock(cluster, "a", clock, Periods(60.0, 40.0, 8.0)))
    other = lock(cluster, "b", clock)
    await taken(other)
    clock.advance(59)
    assert not await taken(other)
    clock.advance(1)
    assert await taken(other)


@pytest.mark.parametrize("thief", ["b", ""])
async def test_a_holder_that_finds_another_has_lost_it_for_good(thief: str) -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one = lock(cluster, "a", clock)
    await taken(one)
    cluster.objects[PATH]["spec"]["holderIdentity"] = thief
    assert not await taken(one)
    assert one.left == 0
    cluster.objects[PATH]["spec"]["holderIdentity"] = "a"
    assert not await taken(one)


async def test_time_runs_from_before_the_request_and_without_any_answer() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one = lock(cluster, "a", clock)
    cluster.after.append(lambda method, _path: clock.advance(3) if method == "POST" else None)
    await taken(one)
    assert one.left == DEADLINE - 3
    cluster.failures["GET", PATH] = ClusterError("away")
    clock.advance(6)
    assert not await taken(one)
    assert one.left == 1
    clock.advance(6)
    assert one.left == 0


async def test_whoever_writes_first_has_it() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one, other = lock(cluster, "a", clock), lock(cluster, "b", clock)
    for each in (one, other):
        await each.get("watch", "system")
    assert await one.update("watch", "system", None)
    assert not await other.update("watch", "system", None)
    assert holder(cluster) == "a"


async def test_what_is_released_is_anybodys_at_once() -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one, other = lock(cluster, "a", clock), lock(cluster, "b", clock)
    await taken(one)
    await taken(other)
    await one.release()
    assert (holder(cluster), one.left) == ("", 0)
    assert await taken(other)


@pytest.mark.parametrize("ours", [False, True])
async def test_nothing_is_released_that_is_anothers(ours: bool) -> None:
    cluster, clock = FakeCluster(), FakeClock()
    one = lock(cluster, "a", clock)
    if ours:
        await taken(one)
        cluster.objects[PATH]["spec"]["holderIdentity"] = "b"
    else:
        await taken(lock(cluster, "b", clock))
    await one.release()
    assert holder(cluster) == "b"


@pytest.mark.parametrize(("method", "what"), [("GET", "read"), ("POST", "written")])
async def test_why_there_is_no_lease_is_told_once_however_often_it_is_tried(
    method: str, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = FakeCluster()
    one = election(cluster, "one")
    refused = asyncio.Event()

    def refuse(asked: str, _path: str) -> None:
        if asked == method:
            if cluster.requests.count((method, PATH)) > 2:
                refused.set()
            raise ClusterError("the API server answered 403: no", 403)

    cluster.before.append(refuse)
    running = asyncio.create_task(one.run(Work()))
    await asyncio.wait_for(refused.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [each.getMessage() for each in caplog.records] == [
        f"the Lease system/watch cannot be {what}: the API server answered 403: no"
    ]


class Work:
    """What is done while the Lease is held."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = False

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


def election(cluster: FakeCluster, identity: str) -> Election:
    return Election(lock(cluster, identity, SystemClock(), SHORT), SHORT)


async def test_one_works_and_gives_up_the_lease_when_it_is_cancelled() -> None:
    cluster, work = FakeCluster(), Work()
    one = election(cluster, "a")
    running = asyncio.create_task(one.run(work))
    await work.begun.wait()
    assert (one.leading, one.overdue, holder(cluster)) == (True, False, "a")
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert (one.leading, work.ended, holder(cluster)) == (False, True, "")


async def test_a_second_one_works_only_after_the_first() -> None:
    cluster, work, later = FakeCluster(), Work(), Work()
    first = asyncio.create_task(election(cluster, "a").run(work))
    await work.begun.wait()
    second = asyncio.create_task(election(cluster, "b").run(later))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(later.begun.wait(), SHORT.duration + 1)
    first.cancel()
    await asyncio.wait_for(later.begun.wait(), 60)
    assert work.ended
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)


async def test_work_ends_before_the_error_where_the_lease_is_taken() -> None:
    cluster, work = FakeCluster(), Work()
    running = asyncio.create_task(election(cluster, "a").run(work))
    await work.begun.wait()
    cluster.objects[PATH]["spec"]["holderIdentity"] = "thief"
    with pytest.raises(LeaseLostError, match="held by 'thief' now"):
        await asyncio.wait_for(running, 60)
    assert work.ended
    assert holder(cluster) == "thief"


async def test_work_ends_by_the_deadline_where_no_renewal_is_answered() -> None:
    cluster, work = FakeCluster(), Work()
    running = asyncio.create_task(election(cluster, "a").run(work))
    await work.begun.wait()
    cluster.failures["GET", PATH] = ClusterError("away")
    with pytest.raises(LeaseLostError, match="could not be renewed in time"):
        await running
    assert work.ended


async def test_work_that_fails_is_told_and_the_lease_given_up() -> None:
    cluster = FakeCluster()

    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await election(cluster, "a").run(work)
    assert holder(cluster) == ""


def test_periods_are_those_of_kubernetes() -> None:
    assert Periods.of(15) == (15, 10, 2)
    assert Periods.of(3) == (3, 2, 1)
