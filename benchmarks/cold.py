"""Reviews that name an image for the first time: its signature is fetched from a registry on loopback, and verified."""

from collections.abc import AsyncIterator, Iterator
from time import process_time

from benchmarks import asking, processes
from benchmarks.asking import Round
from benchmarks.figures import Figure, Goal
from benchmarks.kinds import Kind
from benchmarks.load import Job
from benchmarks.processes import Server
from benchmarks.stage import Stage, checked, clients_text

NEW_IMAGES = {1: 150, 8: 400}
CROWD = 5_000
CROWD_CLIENTS = 500

_GOALS = {1: {"p50": Goal(2.5)}, 8: {"reviews": Goal(1000, least=True)}}


async def by_kind(stage: Stage) -> AsyncIterator[Figure]:
    """Each review names another new image, by kind of its signature; the goals are those of a key's.

    The registry is part of this process, which takes a part of the machine that real ones take elsewhere.
    """
    shop, folder = stage.shop, stage.files.folder
    policies, root = shop.policies(folder / "kinds.yaml", keyless=True), shop.trust_root(folder / "trusted_root.json")
    async with processes.tidewaiter(stage.files, policies, shop.registry.host, trust_root=root) as server:
        await stage.warm_up(server)
        yield Figure(scenario="memory", name="with a trust root", value=server.resident_bytes / 2**20, unit="MiB")
        for kind in Kind:
            for clients, count in NEW_IMAGES.items():
                for figure in await _cold(stage, server, kind, clients, count):
                    yield figure


async def _cold(stage: Stage, server: Server, kind: Kind, clients: int, count: int) -> list[Figure]:
    registry = stage.shop.registry
    job = Job(port=server.port, bodies=stage.new_bodies(stage.shop.images(count, kind)), clients=clients, count=count)
    requests, cpu = registry.requests, process_time()
    found = checked(await asking.ask(server, job), count)
    return list(_figures(kind, clients, found, (registry.requests - requests) / count, (process_time() - cpu) / count))


def _figures(kind: Kind, clients: int, found: Round, requests: float, registry_cpu: float) -> Iterator[Figure]:
    goals = {} if kind.keyless else _GOALS[clients]
    for name, value, unit in (
        ("reviews", found.tally.rate, "/s"),
        ("p50", found.tally.p50 * 1000, "ms"),
        ("p99", found.tally.p99 * 1000, "ms"),
        ("CPU each", found.cpu * 1e6, "us"),
        ("registry's CPU each", registry_cpu * 1e6, "us"),
        ("registry requests each", requests, ""),
    ):
        scenario = f"cold, {kind}, {clients_text(clients)}"
        yield Figure(scenario=scenario, name=name, value=value, unit=unit, goal=goals.get(name), by=found.by)


async def crowd(stage: Stage) -> AsyncIterator[Figure]:
    """Thousands of pods of one new image, all there at once; their times count from that moment.

    The first answer comes when the one verification has ended, for which the others wait.
    """
    registry = stage.shop.registry
    first, image = stage.shop.images(2)
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
    tally = found.tally
    yield Figure(scenario=name, name="p99 from the start", value=tally.p99, unit="s", goal=Goal(1), by=found.by)
    after = tally.p99 - tally.first
    yield Figure(scenario=name, name="p99 after the verification", value=after, unit="s", goal=Goal(1), by=found.by)
