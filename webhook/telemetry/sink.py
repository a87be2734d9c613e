"""Where log lines leave the process: a thread of its own writes them in batches.

A reader that stalls fills the pipe, and a write to a full pipe blocks; on the event loop it would stop admission. Here
it only holds up the thread, and what does not fit into a bounded backlog is dropped and counted.
"""

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

MAX_BACKLOG_BYTES = 8 * 2**20
"""About 1.5 s of decisions at full load."""


class Output(Protocol):
    """What lines are written to, such as `sys.stdout.buffer`."""

    def write(self, data: bytes, /) -> object:
        """Write all of it. Raises `OSError`, or `ValueError` where it was closed."""
        ...

    def flush(self) -> object:
        """Hand what was written to the system."""
        ...


class LineSink:
    """Takes whole lines from any thread. `dropped` is told how many lines were lost, from any thread too."""

    def __init__(
        self, output: Output, dropped: Callable[[int], None], max_backlog_bytes: int = MAX_BACKLOG_BYTES
    ) -> None:
        self._output = output
        self._dropped = dropped
        self._max = max_backlog_bytes
        self._backlog = 0
        self._lock = threading.Lock()
        self._batches: SimpleQueue[tuple[bytes, int] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, data: bytes, lines: int) -> None:
        """Have `data` written, which is so many whole lines. Never waits."""
        with self._lock:
            fits = self._backlog + len(data) <= self._max
            if fits:
                self._backlog += len(data)
        if fits:
            self._batches.put((data, lines))
        else:
            self._dropped(lines)

    async def close(self, seconds: float) -> None:
        """Have everything written that was put before, and end; give up after so many seconds."""
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join, seconds)

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            data, lines = batch
            try:
                self._output.write(data)
                self._output.flush()
            except (OSError, ValueError):
                self._dropped(lines)
            with self._lock:
                self._backlog -= len(data)
