"""One registry that answers after seconds, with many pods waiting for it, beside reviews of another one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from benchmarks import asking, processes
from benchmarks.asking import Round
from benchmarks.figures import Figure, Goal
from benchmarks.load import Job
from benchmarks.processes import Server
from benchmarks.reviews import review
from benchmarks.stage import Stage, clients_text
from webhook.cli.demo.registry import DemoRegistry, missing

ANSWER_SECONDS = 3.0
PODS = 200
RETRY_SECONDS = 5.0
"""Each pod is another one of a new image, and each is created anew no sooner than this."""
SLOW_IMAGES = 3_000
PRESSURE_SECONDS = 150.0
SETTLE_SECONDS = 1.0
"""Until all of those pods are there."""

ROUNDS = 3
WARM_CLIENTS = 4
WARM_REVIEWS = 4_000
NEW_IMAGES = 300
ROUND_SECONDS = 5.0
"""At most; a round takes a second where nothing waits for the slow registry."""

_GOAL = Goal(1.5)
"""The design wants no change at all; half as much again is left to noise, and to what 200 waiting reviews compute."""

Load = Callable[[Server], Awaitable[Round]]


class SlowRegistry(DemoRegistry):
    """It has nothing, and takes seconds to say so. `most` is how many requests it had under way at once."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0
        self._under_way = 0

    async def handle(self, _request: web.Request) -> web.StreamResponse:
        """404, after a while."""
        self._under_way += 1
        self.most = max(self.most, self._under_way)
        try:
            await asyncio.sleep(ANSWER_SECONDS)
        finally:
            self._under_way -= 1
        return missing()


async def bulkhead(stage: Stage) -> AsyncIterator[Figure]:
    """p99 of the other registry's reviews: where the slow one is asked for too, and of another server in turn."""
    registry = stage.shop.registry
    loads = {f"warm, {clients_text(WARM_CLIENTS)}": _warm(stage), f"cold, {clients_text(1)}": _cold(stage)}
    async with SlowRegistry() as slow:
        policies = stage.shop.policies(stage.files.folder / "slow.yaml", slow=slow.host)
        async with processes.tidewaiter(stage.files, policies, registry.host, slow.host) as server:
            await stage.warm_up(server)
            async with asking.pressed(_pressure(stage, server, slow)):
                await asyncio.sleep(SETTLE_SECONDS)
                found = {
                    name: [(await load(stage.ours), await load(server)) for _ in range(ROUNDS)]
                    for name, load in loads.items()
                }
    yield Figure(scenario="slow registry", name="pods waiting for it", value=PODS, unit="")
    yield Figure(scenario="slow registry", name="requests to it at once", value=slow.most, unit="")
    for name, rounds in found.items():
        without, beside = ([each[index] for each in rounds] for index in range(2))
        for figure in _figures(f"slow registry, {name}", without, beside):
            yield figure


def _pressure(stage: Stage, server: Server, slow: DemoRegistry) -> Job:
    images = (f"{slow.host}/shop/slow-{number:05}@sha256:{number:064x}" for number in range(SLOW_IMAGES))
    bodies = stage.bodies([review(pod, [image]) for pod, image in enumerate(images)])
    return Job(port=server.port, bodies=bodies, clients=PODS, seconds=PRESSURE_SECONDS, interval=RETRY_SECONDS)


def _warm(stage: Stage) -> Load:
    """By number and not by time, so that our own clients ask: they know which answers are theirs."""
    bodies = stage.warm_bodies()

    async def load(server: Server) -> Round:
        job = Job(port=server.port, bodies=bodies, clients=WARM_CLIENTS, count=WARM_REVIEWS, seconds=ROUND_SECONDS)
        return await asking.ask(server, job)

    return load


def _cold(stage: Stage) -> Load:
    async def load(server: Server) -> Round:
        bodies = stage.new_bodies(stage.shop.images(NEW_IMAGES))
        job = Job(port=server.port, bodies=bodies, clients=1, count=NEW_IMAGES, seconds=ROUND_SECONDS)
        return await asking.ask(server, job)

    return load


def _figures(scenario: str, without: list[Round], beside: list[Round]) -> list[Figure]:
    failed = sum(each.tally.answers - each.tally.allowed for each in beside)
    before, after = asking.milliseconds(without, "p99"), asking.milliseconds(beside, "p99")
    half = asking.milliseconds(beside, "p50") / asking.milliseconds(without, "p50")
    by = beside[0].by
    return [
        Figure(scenario=scenario, name="p99 without it", value=before, unit="ms", by=by),
        Figure(scenario=scenario, name="p99 beside it", value=after, unit="ms", by=by),
        Figure(scenario=scenario, name="p99 against without", value=after / before, unit="x", goal=_GOAL, by=by),
        Figure(scenario=scenario, name="p50 against without", value=half, unit="x", by=by),
        Figure(scenario=scenario, name="refused", value=failed, unit="", goal=Goal(0), by=by),
    ]
