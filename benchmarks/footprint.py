"""What the program takes before it is asked anything, and what remembering costs."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

import msgspec

from benchmarks import processes
from benchmarks.figures import Figure, Goal
from benchmarks.memory import Growth
from benchmarks.processes import Files

STARTS = 3
DIGESTS = 100_000
MIB = 2**20


async def start(files: Files, policies: Path, registry: str) -> AsyncIterator[Figure]:
    """From the start of the process until it says that it is ready, and the memory that it has then."""
    seconds, resident = [], []
    for _ in range(STARTS):
        async with processes.tidewaiter(files, policies, registry) as server:
            seconds.append(server.ready_seconds)
            resident.append(server.resident_bytes / MIB)
    idle = max(resident)
    yield Figure(scenario="start", name="to ready", value=median(seconds), unit="s", goal=Goal(3))
    yield Figure(scenario="memory", name="idle", value=idle, unit="MiB", goal=Goal(130))
    growth = (await _growth()) / MIB
    yield Figure(scenario="memory", name=f"for {DIGESTS:,} digests", value=growth, unit="MiB")
    yield Figure(scenario="memory", name="both", value=idle + growth, unit="MiB", goal=Goal(256))


async def _growth() -> float:
    """Bytes that 100,000 verified digests take."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.memory", str(DIGESTS), stdout=PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, "the measurement of memory failed; see above"
    growth = msgspec.json.decode(output, type=Growth)
    return growth.after - growth.before
