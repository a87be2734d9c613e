"""Reviews that name an image for the first time: its signature is fetched from a registry on loopback, and verified."""

from collections.abc import AsyncIterator

from benchmarks import asking
from benchmarks.figures import Figure, Goal
from benchmarks.load import Job
from benchmarks.shop import Form
from benchmarks.stage import Stage, checked

NEW_IMAGES = {1: 300, 8: 1500}
CROWD = 5_000
CROWD_CLIENTS = 500

_GOALS = {1: {"p50": Goal(2.5)}, 8: {"reviews": Goal(1000, least=True)}}


async def by_clients(stage: Stage) -> AsyncIterator[Figure]:
    """Each review names another new image, signed in either format."""
    registry = stage.shop.registry
    for form in Form:
        for clients, count in NEW_IMAGES.items():
            bodies = stage.new_bodies(stage.shop.images(count, form))
            requests = registry.requests
            job = Job(port=stage.ours.port, bodies=bodies, clients=clients, count=count)
            found = checked(await asking.ask(stage.ours, job), count)
            requests = registry.requests - requests
            for name, value, unit in (
                ("reviews", found.tally.rate, "/s"),
                ("p50", found.tally.p50 * 1000, "ms"),
                ("p99", found.tally.p99 * 1000, "ms"),
                ("CPU each", found.cpu * 1e6, "us"),
                ("registry requests each", requests / count, ""),
            ):
                scenario = f"cold, {form}, {clients} client{'' if clients == 1 else 's'}"
                yield Figure(scenario=scenario, name=name, value=value, unit=unit, goal=_GOALS[clients].get(name))


async def crowd(stage: Stage) -> AsyncIterator[Figure]:
    """Thousands of pods of one new image, all there at once; their times count from that moment."""
    registry = stage.shop.registry
    first, image = stage.shop.images(2, Form.LEGACY)
    requests = registry.requests
    job = Job(port=stage.ours.port, bodies=stage.new_bodies([first]), clients=1, count=1)
    checked(await asking.ask(stage.ours, job), 1)
    for_one = registry.requests - requests
    job = Job(
        port=stage.ours.port,
        bodies=stage.new_bodies([image] * CROWD),
        clients=CROWD_CLIENTS,
        count=CROWD,
        at_once=True,
    )
    requests = registry.requests
    found = checked(await asking.ask(stage.ours, job), CROWD)
    name = f"{CROWD:,} pods of one new image"
    verifications = (registry.requests - requests) / for_one
    yield Figure(scenario=name, name="verifications", value=verifications, unit="", goal=Goal(1))
    yield Figure(scenario=name, name="p99 from the start", value=found.tally.p99, unit="s", goal=Goal(1))
