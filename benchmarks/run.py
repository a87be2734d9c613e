"""`make bench`: all figures of the server, beside those of a bare echo server in the same run.

Takes about two minutes. Prints a table with the goals beside the figures, and writes `benchmarks/results/latest.json`.
"""

import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import uvloop

from benchmarks import cold, figures, footprint, processes, verifying, warm
from benchmarks.figures import Figure, Results
from benchmarks.processes import Files
from benchmarks.shop import Form, Shop
from benchmarks.stage import Stage
from webhook.cli.demo.certificate import write_certificate
from webhook.cli.demo.registry import DemoRegistry

RESULTS = Path(__file__).parent / "results" / "latest.json"
KNOWN_IMAGES = 24


async def measure(folder: Path) -> AsyncIterator[Figure]:
    """All figures, one after the other."""
    files = Files(folder, *write_certificate(folder))
    async with AsyncExitStack() as stack:
        shop = Shop(await stack.enter_async_context(DemoRegistry()))
        known = shop.images(KNOWN_IMAGES, Form.LEGACY)
        policies = folder / "policies.yaml"
        policies.write_text(shop.policies(), encoding="ascii")
        async for figure in footprint.start(files, policies, shop.registry.host):
            yield figure
        ours = await stack.enter_async_context(processes.tidewaiter(files, policies, shop.registry.host))
        echo = await stack.enter_async_context(processes.echo(files, "fixed"))
        plain = await stack.enter_async_context(processes.echo(files, "json"))
        stage = Stage(files, shop, ours, echo, plain, known)
        await stage.warm_up(ours)
        for scenario in (warm.by_clients, warm.many_policies, cold.by_clients, cold.crowd):
            async for figure in scenario(stage):
                yield figure
    async for figure in verifying.by_kind():
        yield figure


async def main() -> None:
    machine = figures.machine()
    found: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder:
        async for figure in measure(Path(folder)):
            if not found or found[-1].scenario != figure.scenario:
                print(f"{figure.scenario} ...", file=sys.stderr, flush=True)
            found.append(figure)
    results = Results(machine, found)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    figures.show(results)


if __name__ == "__main__":
    uvloop.run(main())
