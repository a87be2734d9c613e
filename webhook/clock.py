"""Time as a port, so that tests own it: wall time for validity, monotonic time for deadlines and caches."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Wall time, timezone-aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump, from an arbitrary start."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Wall time, UTC."""
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)
