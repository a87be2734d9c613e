"""`tidewaiter`, looked at as often as the kernel's clock ticks while it computes, and counted by source file.

What is built in counts for the code that called it. A profiler would slow Python down, and not the rest. Run as
`python -m benchmarks.sampled FILE serve ...`; the counts are written as JSON when it ends.
"""

import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import msgspec

from webhook.cli import main

INTERVAL_SECONDS = 0.001


def run(output: Path, arguments: list[str]) -> None:
    counts: Counter[str] = Counter()

    def look(_signal: int, frame: FrameType | None) -> None:
        counts[frame.f_code.co_filename if frame else ""] += 1

    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        main(arguments, prog_name="tidewaiter")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        output.write_bytes(msgspec.json.encode(counts))


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2:])
