"""Which of the replicas works: the one that holds the Lease.

The rules are those of `kubernetes.aio.leaderelection`: a Lease is renewed often, somebody else's is left alone until it
has ended, and whoever could not renew for `deadline` seconds stops before others may begin. See `lease` for what is
added to them.
"""

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from webhook.controller.lease import LeaseLock
from webhook.errors import ClusterError, TidewaiterError

_log = logging.getLogger(__name__)

RELEASE_SECONDS = 5.0
"""What giving up the Lease may take; others take it over when it ends, if that fails."""


class LeaseLostError(TidewaiterError):
    """The Lease may be another's by now: whoever worked by it must have stopped, and starts anew."""


class Periods(NamedTuple):
    """Seconds: how long a Lease lasts, how long its holder counts on it without a renewal, and between tries."""

    duration: float
    deadline: float
    retry: float

    @classmethod
    def of(cls, seconds: float) -> "Periods":
        """In the proportions of Kubernetes' own controllers, 15 : 10 : 2; tries come a second apart at the least."""
        return cls(seconds, seconds * 2 / 3, max(1.0, seconds * 2 / 15))


class Election:
    """Takes part for as long as `run` runs. `leading` says whether we work."""

    def __init__(self, lock: LeaseLock, periods: Periods) -> None:
        self.leading = False
        self._lock = lock
        self._periods = periods

    @property
    def overdue(self) -> bool:
        """Whether we work still although the Lease may be another's."""
        return self.leading and not self._lock.left

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the Lease, then work until cancelled; the Lease is given up in the end.

        Raises `LeaseLostError` where it is lost, after the work was cancelled, and whatever `work` raises.
        """
        rules = self._rules()
        try:
            await rules.acquire()
            await self._lead(rules, work)
        finally:
            self.leading = False
            await asyncio.shield(self._release())

    async def _lead(self, rules: Any, work: Callable[[], Awaitable[None]]) -> None:
        _log.info("working: this replica holds the Lease %s/%s", self._lock.namespace, self._lock.name)
        self.leading = True
        working = asyncio.ensure_future(work())
        renewing = asyncio.ensure_future(rules.renew_loop())
        watching = asyncio.ensure_future(self._end())
        tasks = working, renewing, watching
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(results[0], Exception):
            raise results[0]
        raise LeaseLostError(f"the Lease is lost: {self._lock.lost or 'it could not be renewed in time'}")

    async def _end(self) -> None:
        """Until the Lease may be another's, whatever the wall clock and pending answers say."""
        while left := self._lock.left:  # noqa: ASYNC110 - time passes, and nobody tells
            await asyncio.sleep(min(left, self._periods.retry))

    async def _release(self) -> None:
        try:
            async with asyncio.timeout(RELEASE_SECONDS):
                await self._lock.release()
        except (ClusterError, TimeoutError) as error:
            _log.warning("the Lease could not be released, it will end: %s", error)

    def _rules(self) -> Any:
        """The library's, which is loaded with the Kubernetes client that it is a part of."""
        rules = importlib.import_module("kubernetes.aio.leaderelection.leaderelection")
        logging.getLogger(rules.__name__).setLevel(logging.CRITICAL)  # each try is an error to it, for ever
        settings = importlib.import_module("kubernetes.aio.leaderelection.electionconfig").Config(
            self._lock,
            lease_duration=self._periods.duration,
            renew_deadline=self._periods.deadline,
            retry_period=self._periods.retry,
            onstarted_leading=_nothing,
            onstopped_leading=_nothing,
        )
        return rules.LeaderElection(settings)


async def _nothing() -> None:
    """The library calls back only from its own `run`, which says nothing of work that fails."""
