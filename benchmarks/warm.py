"""Reviews whose images are all known, which is what most reviews are."""

from collections.abc import AsyncIterator, Iterable, Sequence
from statistics import median

from benchmarks import asking, processes
from benchmarks.asking import Round
from benchmarks.figures import Figure, Goal
from benchmarks.stage import Stage, checked, clients_text

ROUNDS = 3
OTHER_POLICIES = 999

_GOALS = {
    1: {"p50": Goal(0.3), "p99": Goal(1)},
    16: {"reviews": Goal(6500, least=True), "part of echo": Goal(0.55, least=True), "p99": Goal(6)},
    64: {"reviews": Goal(6500, least=True), "p99": Goal(20)},
}


async def by_clients(stage: Stage) -> AsyncIterator[Figure]:
    """At 1, 16 and 64 clients, beside the echo server; no registry is asked, and each review is logged."""
    bodies, registry = stage.warm_bodies(), stage.shop.registry
    stage.ours.forget_log()
    requests, decided = registry.requests, (await stage.ours.decisions()).all
    for clients in _GOALS:
        found = await asking.ask_in_turn((stage.ours, stage.echo, stage.plain), bodies, clients, ROUNDS)
        for figure in _figures(clients, *found):
            yield figure
    decided = (await stage.ours.decisions()).all - decided
    lines = await stage.ours.logged(decided) / decided
    requests = registry.requests - requests
    name = "warm, all of them"
    yield Figure(scenario=name, name="registry requests", value=requests, unit="", goal=Goal(0))
    yield Figure(scenario=name, name="log lines each", value=lines, unit="", goal=Goal(1, least=True))
    yield Figure(scenario=name, name="memory after", value=stage.ours.resident_bytes / 2**20, unit="MiB")


def _figures(clients: int, ours: list[Round], echo: list[Round], plain: list[Round]) -> Iterable[Figure]:
    scenario, goals = f"warm, {clients_text(clients)}", _GOALS[clients]
    for each in (*ours, *plain):
        checked(each)
    cpu, echo_cpu = asking.cpu_microseconds(ours), asking.cpu_microseconds(echo)
    for name, unit, one, other in (
        ("reviews", "/s", asking.rate(ours), asking.rate(echo)),
        ("p50", "ms", asking.milliseconds(ours, "p50"), asking.milliseconds(echo, "p50")),
        ("p99", "ms", asking.milliseconds(ours, "p99"), asking.milliseconds(echo, "p99")),
        ("CPU each", "us", cpu, echo_cpu),
        ("part of echo", "", asking.ratio(ours, echo), None),
        ("part of echo, by CPU", "", echo_cpu / cpu, None),
        ("part of a plain webhook", "", asking.ratio(ours, plain), None),
        ("the same, by CPU", "", asking.cpu_microseconds(plain) / cpu, None),
    ):
        yield Figure(
            scenario=scenario, name=name, value=one, echo=other, unit=unit, goal=goals.get(name), by=ours[0].by
        )


async def many_policies(stage: Stage) -> AsyncIterator[Figure]:
    """1,000 policies of which one matches, against that one alone."""
    policies = stage.shop.policies(stage.files.folder / "many.yaml", OTHER_POLICIES)
    async with processes.tidewaiter(stage.files, policies, stage.shop.registry.host) as many:
        await stage.warm_up(many)
        few, plenty = await asking.ask_in_turn((stage.ours, many), stage.warm_bodies(), 16, ROUNDS)
        for figure in _comparison(few, plenty):
            yield figure
        name = f"{OTHER_POLICIES + 1:,} policies"
        yield Figure(scenario=name, name="start to ready", value=many.ready_seconds, unit="s")
        yield Figure(scenario=name, name="memory", value=many.resident_bytes / 2**20, unit="MiB")


def _comparison(few: Sequence[Round], plenty: Sequence[Round]) -> Iterable[Figure]:
    scenario, goal, by = f"{OTHER_POLICIES + 1:,} policies", Goal(1.15), few[0].by
    for each in (*few, *plenty):
        checked(each)
    cpu = median(many.cpu / one.cpu for one, many in zip(few, plenty, strict=True))
    time = asking.ratio(few, plenty)
    yield Figure(scenario=scenario, name="time against 1", value=time, unit="x", goal=goal, by=by)
    yield Figure(scenario=scenario, name="CPU against 1", value=cpu, unit="x", goal=goal, by=by)
