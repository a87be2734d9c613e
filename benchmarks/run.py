"""`make bench`: all figures of the server, beside those of a bare echo server in the same run.

Takes two to three minutes. Prints a table with the goals beside the figures, and writes them to
`benchmarks/results/latest.json`, and a plot beside it. What a figure means is in `benchmarks/README.md`.
`python -m benchmarks.run SCENARIO...` measures those alone, and writes nothing.
"""

import sys
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack
from pathlib import Path
from time import perf_counter

import msgspec
import uvloop

from benchmarks import audit, cold, containers, explaining, figures, footprint, plot, processes, slow, verifying, warm
from benchmarks.figures import Figure, Results
from benchmarks.processes import Files
from benchmarks.shop import Shop
from benchmarks.stage import Stage
from tests.fakes.stocked import StockedRegistry
from webhook.cli.demo.certificate import write_certificate

RESULTS = Path(__file__).parent / "results" / "latest.json"
STARTED = perf_counter()
KNOWN_IMAGES = 24
SCENARIOS = {
    "warm": warm.by_clients,
    "policies": warm.many_policies,
    "containers": containers.by_containers,
    "cold": cold.by_kind,
    "crowd": cold.crowd,
    "slow": slow.bulkhead,
    "audit": audit.ten_thousand_pods,
}


async def measure(folder: Path, chosen: Collection[str]) -> Results:
    """All figures, one after the other, and where the time goes that is too long; or those that were chosen."""
    files = Files(folder, *write_certificate(folder))
    results = Results(figures.machine(), [])
    async with AsyncExitStack() as stack:
        shop = Shop(await stack.enter_async_context(StockedRegistry()))
        policies = shop.policies(folder / "policies.yaml")
        if not chosen:
            await _take(results, footprint.start(files, policies, shop.registry.host))
            await _take(results, verifying.by_kind())
        ours = await stack.enter_async_context(processes.tidewaiter(files, policies, shop.registry.host))
        echo = await stack.enter_async_context(processes.echo(files, "fixed"))
        plain = await stack.enter_async_context(processes.echo(files, "json"))
        stage = Stage(files, shop, ours, echo, plain, shop.images(KNOWN_IMAGES))
        await stage.warm_up(ours)
        for name, scenario in SCENARIOS.items():
            if not chosen or name in chosen:
                await _take(results, scenario(stage))
        results.explained.extend([each async for each in explaining.of_missed(stage, results.figures)])
    return results


async def _take(results: Results, found: AsyncIterator[Figure]) -> None:
    """Add figures as they come, and tell what is being measured."""
    async for figure in found:
        if not results.figures or results.figures[-1].scenario != figure.scenario:
            print(f"{perf_counter() - STARTED:4.0f} s: {figure.scenario}", file=sys.stderr, flush=True)
        results.figures.append(figure)


async def main() -> None:
    chosen = sys.argv[1:]
    if not SCENARIOS.keys() >= set(chosen):
        sys.exit(f"scenarios: {', '.join(SCENARIOS)}")
    with tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder:
        results = await measure(Path(folder), chosen)
    if not chosen:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
        RESULTS.with_suffix(".svg").write_text(plot.plot(results), encoding="utf-8")
    figures.show(results)


if __name__ == "__main__":
    uvloop.run(main())
