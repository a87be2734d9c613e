"""The life of `serve`: listen, answer, and on SIGTERM come to an end that fails no request.

The end has three parts. Draining: not ready any more, and still answering, with `Connection: close`, until nobody sends
requests here (kube-apiserver goes on using connections to a pod that is ending, kubernetes/kubernetes#127335). Grace:
no new connections, reviews in flight are finished. Then the log is written out. A second signal skips what is left.
"""

import asyncio
import logging
import signal
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from webhook.errors import ConfigurationError
from webhook.server.connection import Listener
from webhook.server.decision_log import DecisionLog
from webhook.server.entrance import Entrance
from webhook.server.handlers import Admission
from webhook.server.health import Health
from webhook.server.metrics import Metrics
from webhook.server.ports import Handler, Readiness, Tracing
from webhook.server.routes import Routes
from webhook.server.settings import ServeSettings
from webhook.server.tls import Certificates

_log = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What a program calls `Service.end` for."""

ABORT_SECONDS = 0.1
"""What aiohttp may wait for a handler that is cut off; for 0 it would wait for ever."""

LAG_SECONDS = 0.25
LAG_SAMPLES = 120
"""Half a minute of them: no scrape misses a stall."""


class Periodic:
    """Does something again and again. A call that raises is logged by the event loop, and the next one comes."""

    def __init__(self, seconds: float, action: Callable[[], None]) -> None:
        self._seconds = seconds
        self._action = action
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Do it first after one period."""
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._tick)

    def stop(self) -> None:
        """Do it no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self.start()
        self._action()


class LagMeter:
    """How late the event loop is with a timer: the greatest of the latest samples."""

    def __init__(self, numbers: Metrics) -> None:
        self._metrics = numbers
        self._samples: deque[float] = deque(maxlen=LAG_SAMPLES)
        self._expected = 0.0

    def sample(self) -> None:
        """Take a sample; due each `LAG_SECONDS`."""
        now = asyncio.get_running_loop().time()
        if self._expected:
            self._samples.append(max(0.0, now - self._expected))
            self._metrics.lag(max(self._samples))
        self._expected = now + LAG_SECONDS


class Service:
    """Both sites and what keeps them going, as an async context manager: it listens inside, nothing is left after."""

    def __init__(
        self,
        settings: ServeSettings,
        routes: Routes,
        ready: Readiness,
        numbers: Metrics,
        log: DecisionLog,
        tracing: Tracing | None = None,
    ) -> None:
        self._settings = settings
        self._log = log
        self._certificates = Certificates(settings.tls, numbers)
        self._admission = Admission(routes, numbers, log, settings.limits, audit=settings.audit)
        self._health = Health(ready, numbers)
        limits = settings.limits
        handle: Handler = self._admission.handle
        if tracing is not None:
            handle = tracing.handler(handle, frozenset(routes))
        self._reviews = Listener(handle, limits, numbers.refused, self._certificates.permits, numbers.not_connected)
        self._probes = Listener(self._health.handle, limits, numbers.refused)
        self._entrance = Entrance(self._reviews, limits, self._certificates.context)
        self._side_entrance = Entrance(self._probes, limits)
        self._periodic = (
            Periodic(self._reviews.sweep_seconds, self._reviews.sweep),
            Periodic(self._probes.sweep_seconds, self._probes.sweep),
            Periodic(settings.certificate_poll_seconds, self._certificates.refresh),
            Periodic(LAG_SECONDS, LagMeter(numbers).sample),
        )
        numbers.follow(
            connections=lambda: self._reviews.count,
            handshakes=lambda: self._entrance.shaking,
            in_progress=lambda: self._admission.in_progress,
            waiting=lambda: self._admission.waiting,
        )
        self._ending = asyncio.Event()
        self._hurry = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Listen. Raises `ConfigurationError` where an address cannot be had."""
        settings = self._settings
        await self._side_entrance.open(*settings.health_bind)
        try:
            await self._entrance.open(*settings.bind)
        except ConfigurationError:
            self._side_entrance.close()
            raise
        for each in self._periodic:
            each.start()
        _log.info("listening on %s, health on %s", *self.addresses)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take no more connections, give the requests in flight their time, and end."""
        self._entrance.close()
        self._admission.draining = True
        await self._finish()
        for each in self._periodic:
            each.stop()
        self._side_entrance.close()
        await self._side_entrance.end()
        await self._probes.shutdown(ABORT_SECONDS)
        self._log.flush()

    @property
    def addresses(self) -> tuple[tuple[str, int], tuple[str, int]]:
        """Where it listens: host and port for reviews, and for health."""
        return self._entrance.address, self._side_entrance.address

    @property
    def connections(self) -> int:
        """How many clients are connected for reviews."""
        return self._reviews.count

    @property
    def busy(self) -> bool:
        """Whether reviews are in progress, or it comes to its end: no time for what can wait."""
        return self._admission.in_progress > 0 or self._ending.is_set()

    def end(self) -> None:
        """Begin to drain; at once and without grace if called again."""
        if self._ending.is_set():
            self._hurry.set()
        self._ending.set()

    async def wait(self) -> None:
        """Until it was told to end, and has drained."""
        await self._ending.wait()
        _log.info("draining for %s s", self._settings.drain_seconds)
        self._admission.draining = True
        self._health.draining = True
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                await self._hurry.wait()
        except TimeoutError:
            _log.info("drained, %s connections are left", self.connections)

    async def _finish(self) -> None:
        """Close what is idle, and give the rest its grace, as long as nobody is in a hurry."""
        self._reviews.close_idle()
        finished = asyncio.ensure_future(self._reviews.empty.wait())
        hurry = asyncio.ensure_future(self._hurry.wait())
        grace = self._settings.grace_seconds
        await asyncio.wait((finished, hurry), timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        finished.cancel()
        hurry.cancel()
        await self._entrance.end()
        await self._reviews.shutdown(ABORT_SECONDS)
