"""Scans in the background: now and then, and soon after policies changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import uniform
from typing import Protocol

from webhook.audit.results import Scan
from webhook.clock import Clock, SystemClock

PERIOD_SECONDS = 600.0
JITTER = 0.1
"""By what part of it a period may be longer or shorter, so that clusters with one registry do not ask it together."""

START_SECONDS = 30.0
"""Within so many seconds the first scan begins."""

SETTLE_SECONDS = 5.0
"""How long policies must have been left alone before a scan that they asked for begins."""

SOONEST_SECONDS = 60.0
"""However often it is asked for, between the end of a scan and the next one."""

_log = logging.getLogger(__name__)


class Scans(Protocol):
    """Who scans: `webhook.audit.scan.Scanner`."""

    async def scan(self) -> Scan:
        """One pass over everything."""
        ...


class BackgroundAudit:
    """Scans every `period` seconds, and when it is asked to; never two scans at once. `on_scan` gets each.

    `jitter` gives a number between its two arguments; `settle` is how long after the last `ask` a scan begins, and
    `soonest` how long after the end of the one before.
    """

    def __init__(
        self,
        scanner: Scans,
        on_scan: Callable[[Scan], Awaitable[None]],
        *,
        period: float = PERIOD_SECONDS,
        start: float = START_SECONDS,
        settle: float = SETTLE_SECONDS,
        soonest: float = SOONEST_SECONDS,
        jitter: Callable[[float, float], float] = uniform,
        clock: Clock | None = None,
    ) -> None:
        self._scanner = scanner
        self._on_scan = on_scan
        self._period = period
        self._start = start
        self._settle = settle
        self._soonest = soonest
        self._jitter = jitter
        self._clock = clock or SystemClock()
        self._asked: float | None = None
        self._awoken = asyncio.Event()

    def ask(self) -> None:
        """Scan soon: something changed. Asked again meanwhile, it waits until nothing changes any more."""
        self._asked = self._clock.monotonic()
        self._awoken.set()

    async def run(self) -> None:
        """Scan for ever. Raises nothing."""
        await self._wait(self._clock.monotonic() + self._jitter(0.0, self._start), float("-inf"))
        while True:
            self._asked = None
            await self._once()
            ended = self._clock.monotonic()
            around = self._period * JITTER
            await self._wait(ended + self._jitter(self._period - around, self._period + around), ended + self._soonest)

    async def _once(self) -> None:
        try:
            scan = await self._scanner.scan()
            self._tell(scan)
            await self._on_scan(scan)
        except Exception:  # noqa: BLE001 - the next scan is made all the same
            _log.exception("what a scan found could not be told")
        await asyncio.sleep(0)  # whoever shares the loop has a turn, whatever the period is

    def _tell(self, scan: Scan) -> None:
        denied = sum(each.denied for each in scan.audited)
        would_be = sum(each.would_be_denied for each in scan.audited)
        seconds = (scan.ended - scan.began).total_seconds()
        _log.info(
            "audited %s pods of %s owners in %.1f s: %s would be denied now, %s once policies enforce",
            *(scan.pods, len(scan.audited), seconds, denied, would_be),
        )
        for note in scan.notes:
            _log.warning("%s", note)
        if scan.fault:
            _log.error("the audit is not whole: %s", scan.fault)

    async def _wait(self, regular: float, earliest: float) -> None:
        """Until it is time: regularly, or once what asked for a scan has settled, but not before `earliest`."""
        while True:
            due = regular
            if self._asked is not None:
                due = min(regular, max(self._asked + self._settle, earliest))
            left = due - self._clock.monotonic()
            if left <= 0:
                return
            self._awoken.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._awoken.wait()
