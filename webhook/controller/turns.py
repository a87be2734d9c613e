"""When the next write to the cluster may be made: at a bounded rate, for a bounded time, and not against a wall."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from webhook.clock import Clock
from webhook.errors import ClusterError

Pause = Callable[[float], Awaitable[None]]

FAILURES: Final = 5
"""In a row, of an API server that cannot be asked or wants to be left alone: then nothing more is asked of it."""


class Dropped(StrEnum):
    """Why something was not written. It is tried again after the next scan."""

    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    THROTTLED = "throttled"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    TIME = "time"

    @classmethod
    def of(cls, error: ClusterError) -> "Dropped":
        """By the status of the API server's answer, 0 where there was none."""
        known = {409: cls.CONFLICT, 413: cls.TOO_LARGE, 429: cls.THROTTLED}
        if error.status in known:
            return known[error.status]
        return cls.REFUSED if 400 <= error.status < 500 else cls.UNAVAILABLE


class Turns:
    """The turns that writes take one after the other, from now on for `seconds`."""

    def __init__(self, clock: Clock, per_second: float, seconds: float, pause: Pause = asyncio.sleep) -> None:
        self._clock = clock
        self._interval = 1 / per_second
        self._pause = pause
        self._next = clock.monotonic()
        self._end = self._next + seconds
        self._failures = 0
        self._over: Dropped | None = None

    async def take(self, write: Callable[[], Awaitable[object]]) -> Dropped | None:
        """Make the write when its turn comes: None, or why it was not made, or not to the end."""
        if not await self._may():
            return self._over or Dropped.TIME
        try:
            await write()
        except ClusterError as error:
            return self._failed(Dropped.of(error))
        self._failures = 0
        return None

    async def _may(self) -> bool:
        if self._over is not None:
            return False
        wait = self._next - self._clock.monotonic()
        if self._next >= self._end or self._clock.monotonic() >= self._end:
            self._over = Dropped.TIME
            return False
        if wait > 0:
            await self._pause(wait)
        self._next = max(self._next, self._clock.monotonic()) + self._interval
        return True

    def _failed(self, reason: Dropped) -> Dropped:
        hopeless = reason in {Dropped.THROTTLED, Dropped.UNAVAILABLE}
        self._failures = self._failures + 1 if hopeless else 0
        if self._failures >= FAILURES:
            self._over = reason
        return reason
