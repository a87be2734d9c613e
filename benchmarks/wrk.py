"""wrk, an external load generator in C: it asks what `benchmarks.load` asks, and takes less of the machine for it.

It is used where it is on PATH, for loads that last some seconds. A job with a number of reviews, or with pauses between
them, is beyond it. Its p99 counts what a client that did not wait for answers would have seen as well.
"""

import asyncio
import shutil
import subprocess
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import msgspec

from benchmarks.load import Job, Tally
from benchmarks.reviews import PATH

SCRIPT = Path(__file__).with_suffix(".lua")
PROGRAM = shutil.which("wrk")
_TIMEOUT_SECONDS = 15


class _Printed(msgspec.Struct, frozen=True):
    """What the script prints."""

    answers: int
    failed: int
    duration: int
    p50: int
    p99: int


def version() -> str:
    """What it says about itself, "" where it is not on PATH."""
    if PROGRAM is None:
        return ""
    output = subprocess.run([PROGRAM, "-v"], capture_output=True, text=True, check=False).stdout  # its status is 1
    return " ".join(output.split()[:2])


def can(job: Job) -> bool:
    """Whether it is there, and made for such a job."""
    return PROGRAM is not None and job.count is None and not job.interval and job.seconds == int(job.seconds)


async def ask(job: Job) -> Tally:
    """Put a load on a server; `allowed` are answers without an error, whatever they say."""
    assert PROGRAM is not None
    arguments = (
        *("--threads", "1", "--connections", str(job.clients), "--duration", f"{job.seconds:.0f}s"),
        *("--timeout", f"{_TIMEOUT_SECONDS}s", "--script", str(SCRIPT)),
        *(f"https://127.0.0.1:{job.port}{PATH}", "--", job.bodies),
    )
    process = await asyncio.create_subprocess_exec(PROGRAM, *arguments, stdin=DEVNULL, stdout=PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, f"wrk failed: {output.decode()}"
    printed = msgspec.json.decode(output.splitlines()[-1], type=_Printed)
    return Tally(
        answers=printed.answers,
        allowed=printed.answers - printed.failed,
        seconds=printed.duration / 1e6,
        p50=printed.p50 / 1e6,
        p99=printed.p99 / 1e6,
    )
