"""Where the time goes, for goals that were missed: the parts of a warm review, and samples of the server under load."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks import asking, processes, reviewer
from benchmarks.figures import Explanation, Figure
from benchmarks.kinds import Kind
from benchmarks.load import Job
from benchmarks.stage import Stage, checked

CLIENTS = 8
WARM_REVIEWS = 30_000
NEW_IMAGES = 400
PARTS = 10
_OF_KNOWN_IMAGES = ("warm, ", "1,000 policies", "5,000 pods")


async def of_missed(stage: Stage, figures: Sequence[Figure]) -> AsyncIterator[Explanation]:
    """One for each load whose goals were missed; known images decide what a crowd and many policies take too."""
    missed = {each.scenario for each in figures if each.goal is not None and not each.goal.reached(each.value)}
    if any(each.startswith(_OF_KNOWN_IMAGES) for each in missed):
        yield Explanation("a warm review by itself, in us of CPU", await reviewer.breakdown())
        found = await _sampled(stage, stage.warm_bodies(), WARM_REVIEWS)
        yield Explanation("warm, in % of the server's CPU", found)
    for kind in Kind:
        if any(each.startswith(f"cold, {kind}, ") for each in missed):
            bodies = stage.new_bodies(stage.shop.images(NEW_IMAGES, kind))
            found = await _sampled(stage, bodies, NEW_IMAGES)
            yield Explanation(f"cold, {kind}, in % of the server's CPU", found)


async def _sampled(stage: Stage, bodies: str, count: int) -> Mapping[str, float]:
    """The largest parts of the server's CPU time, in per cent, while it answers so many reviews."""
    folder, host = stage.files.folder, stage.shop.registry.host
    policies, output = stage.shop.policies(folder / "sampled.yaml"), folder / "samples"
    async with processes.tidewaiter(stage.files, policies, host, samples=output) as server:
        await stage.warm_up(server)
        checked(await asking.ask(server, Job(port=server.port, bodies=bodies, clients=CLIENTS, count=count)), count)
    return largest(msgspec.json.decode(output.read_bytes(), type=dict[str, int]))


def largest(samples: Mapping[str, int]) -> Mapping[str, float]:
    """The largest parts, in per cent of all."""
    parts: Counter[str] = Counter()
    for file, count in samples.items():
        parts[_part(Path(file))] += count
    return {name: 100 * count / parts.total() for name, count in parts.most_common(PARTS)}


def _part(file: Path) -> str:
    """The library that a source file belongs to; the module, where it is one of ours."""
    if "site-packages" in file.parts:
        return file.parts[file.parts.index("site-packages") + 1].removesuffix(".py")
    if "webhook" in file.parts:
        return ".".join(file.with_suffix("").parts[file.parts.index("webhook") :])
    if file.name.startswith("<"):
        return "generated constructors"
    return f"Python's {'asyncio' if 'asyncio' in file.parts else file.stem}"
