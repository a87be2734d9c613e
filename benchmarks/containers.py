"""Pods with more and more containers, whose images are known, and whose images are all new."""

from collections.abc import AsyncIterator

from benchmarks import asking
from benchmarks.asking import Round
from benchmarks.figures import Figure
from benchmarks.load import Job
from benchmarks.reviews import review
from benchmarks.stage import Stage, checked

CONTAINERS = (1, 5, 20)
CLIENTS = 16
ROUNDS = 2
NEW_PODS = 20


async def by_containers(stage: Stage) -> AsyncIterator[Figure]:
    """Time by containers; what it is divided by is a pod with one."""
    alone: float | None = None
    for containers in CONTAINERS:
        bodies = stage.warm_bodies(containers)
        ours, echo = await asking.ask_in_turn((stage.ours, stage.echo), bodies, CLIENTS, ROUNDS)
        found = await _new(stage, containers)
        for figure in _figures(containers, ours, echo, found):
            yield figure
        cpu = asking.cpu_microseconds(ours)
        alone = alone or cpu
        scenario = _scenario(containers)
        yield Figure(scenario=scenario, name="CPU against 1", value=cpu / alone, unit="x", by=ours[0].by)


def _figures(containers: int, ours: list[Round], echo: list[Round], new: Round) -> list[Figure]:
    for each in ours:
        checked(each)
    scenario, by = _scenario(containers), ours[0].by
    rate, echo_rate = asking.rate(ours), asking.rate(echo)
    cpu, echo_cpu = asking.cpu_microseconds(ours), asking.cpu_microseconds(echo)
    p99, echo_p99 = asking.milliseconds(ours, "p99"), asking.milliseconds(echo, "p99")
    return [
        Figure(scenario=scenario, name="reviews", value=rate, echo=echo_rate, unit="/s", by=by),
        Figure(scenario=scenario, name="p99", value=p99, echo=echo_p99, unit="ms", by=by),
        Figure(scenario=scenario, name="CPU each", value=cpu, echo=echo_cpu, unit="us", by=by),
        Figure(scenario=scenario, name="all images new, p50", value=new.tally.p50 * 1000, unit="ms", by=new.by),
    ]


async def _new(stage: Stage, containers: int) -> Round:
    """One client whose pods name so many new images each."""
    images = stage.shop.images(NEW_PODS * containers)
    pods = [review(pod, images[pod * containers : (pod + 1) * containers], containers) for pod in range(NEW_PODS)]
    job = Job(port=stage.ours.port, bodies=stage.bodies(pods), clients=1, count=NEW_PODS)
    return checked(await asking.ask(stage.ours, job), NEW_PODS)


def _scenario(containers: int) -> str:
    return f"{containers} container{'' if containers == 1 else 's'} a pod"
