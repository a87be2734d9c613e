"""Statuses are written in an order, for a bounded time, and not against a wall."""

import logging
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from webhook.controller.resources import POLICIES
from webhook.controller.status_writing import FAILURES, PASS_SECONDS, Due, StatusWriting
from webhook.errors import ClusterError

USED = [{"type": "Ready", "status": "True"}]


class World:
    """Fills the observer's port beside what is written to."""

    def __init__(self, resources: int = 0) -> None:
        self.cluster = FakeCluster()
        self.clock = FakeClock()
        self.results: list[str] = []
        self.writing = StatusWriting(self.cluster, self.clock, self, 0.0)
        self.due = [self.resource(f"p{number:02}") for number in range(resources)]

    def status_written(self, result: str) -> None:
        self.results.append(result)

    def resource(self, name: str, conditions: list[dict[str, Any]] | None = None) -> Due:
        """One that has these conditions, and is to be used and counted."""
        status = {} if conditions is None else {"status": {"conditions": conditions}}
        made = self.cluster.put(POLICIES, {"metadata": {"name": name}, **status})
        return Due(POLICIES, made, {"conditions": USED, "audit": {"pods": 1}})

    def refuse(self, *names: str, status: int) -> None:
        for name in names:
            error = ClusterError(f"the API server answered {status}: {name} cannot be written", status)
            self.cluster.failures["PATCH", POLICIES.path("", name, "status")] = error

    def asked(self) -> list[str]:
        """The names of those that were written, or tried to be, since the last time."""
        names = [path.split("/")[-2] for _, path in self.cluster.requests]
        self.cluster.requests.clear()
        return names


async def test_what_somebody_waits_for_is_written_before_counts() -> None:
    world = World()
    counted, new = world.resource("a", USED), world.resource("b")
    assert await world.writing.write([counted, new])
    assert world.asked() == ["b", "a"]


async def test_after_a_while_the_rest_is_left_for_the_next_look() -> None:
    world = World(8)
    world.cluster.before.append(lambda _method, _path: world.clock.advance(PASS_SECONDS / 3))
    assert await world.writing.write(world.due)
    assert (len(world.asked()), world.writing.left) == (3, 5)
    assert await world.writing.write(world.due[6:])
    assert (len(world.asked()), world.writing.left) == (2, 0)


@pytest.mark.parametrize("status", [0, 403, 409, 429, 500])
async def test_an_api_server_that_takes_nothing_is_asked_a_few_times_only(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(50)
    world.refuse(*(each.name[1] for each in world.due), status=status)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            assert not await world.writing.write(world.due)
            assert len(world.asked()) == FAILURES
    assert world.results == ["failure"] * 3 * FAILURES
    assert len(caplog.records) == (status != 409)


async def test_those_that_are_refused_keep_no_others_back() -> None:
    world = World(FAILURES + 2)
    names = [each.name[1] for each in world.due]
    world.refuse(*names[:FAILURES], status=422)
    assert not await world.writing.write(world.due)
    assert world.asked() == names[:FAILURES]
    assert not await world.writing.write(world.due)
    assert world.asked()[:2] == names[FAILURES:]


async def test_a_refusal_is_told_again_once_all_had_been_written(caplog: pytest.LogCaptureFixture) -> None:
    world = World(1)
    for _ in range(2):
        world.refuse("p00", status=500)
        assert not await world.writing.write(world.due)
        world.cluster.failures.clear()
        assert await world.writing.write(world.due)
    assert [each.getMessage() for each in caplog.records] == [
        "the status of ClusterPodPolicy p00 could not be written: the API server answered 500: p00 cannot be written"
    ] * 2
