"""What a scan found, written where a cluster's people look: reports and Events.

Nothing waits for it and nothing depends on it. What the API server does not take is dropped, counted and tried again
after the next scan.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Protocol

from webhook.admission.report import plain
from webhook.audit.events import Known, known, told
from webhook.audit.reports import OPENREPORTS, WGPOLICY, Api, Release, reports
from webhook.audit.results import Scan
from webhook.clock import Clock
from webhook.controller.event_writing import policy_uids, write_events
from webhook.controller.ports import Cluster
from webhook.controller.report_writing import Place, Stored, Writing, served_apis, stored_reports
from webhook.controller.turns import Dropped, Pause, Turns
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind

_log = logging.getLogger(__name__)


class ReportsApi(StrEnum):
    """In which API reports are written; `auto` takes what the cluster serves, and none where it serves none."""

    AUTO = "auto"
    OPENREPORTS = "openreports"
    WGPOLICY = "wgpolicyk8s"
    NONE = "none"

    @property
    def candidates(self) -> tuple[Api, ...]:
        """The APIs that may be taken, the better one first."""
        return _CANDIDATES[self]


_CANDIDATES: dict[ReportsApi, tuple[Api, ...]] = {
    ReportsApi.AUTO: (OPENREPORTS, WGPOLICY),
    ReportsApi.OPENREPORTS: (OPENREPORTS,),
    ReportsApi.WGPOLICY: (WGPOLICY,),
    ReportsApi.NONE: (),
}


@dataclass(frozen=True, slots=True)
class ReportingSettings:
    """Whose reports these are, where they go, and how much is asked of the API server for them.

    After `seconds` no write is begun; what is left then comes after the next scan.
    """

    namespace: str
    name: str
    api: ReportsApi = ReportsApi.AUTO
    events: bool = True
    writes_per_second: float = 20.0
    seconds: float = 300.0

    @property
    def release(self) -> Release:
        """Whose labels and names everything bears."""
        return Release(self.namespace, self.name)


class ReportingObserver(Protocol):
    """Counts what is written."""

    def reports_written(self, number: int) -> None:
        """So many reports were made or replaced after a scan."""
        ...

    def reports_dropped(self, reason: str) -> None:
        """A report was not written or not deleted, for one of the reasons of `Dropped`."""
        ...

    def events_dropped(self, number: int) -> None:
        """So many Events were not written, because there were too many or the API server did not take them."""
        ...


class Reporting:
    """Writes what scans found. `pause` is how it waits between writes."""

    def __init__(
        self,
        cluster: Cluster,
        settings: ReportingSettings,
        clock: Clock,
        observer: ReportingObserver | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._cluster = cluster
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._pause = pause
        self._known: Known | None = None

    async def publish(self, scan: Scan) -> None:
        """Write what has changed, Events first, in a bounded time. What the API server does not take raises nothing."""
        turns = Turns(self._clock, self._settings.writes_per_second, self._settings.seconds, self._pause)
        if self._settings.events:
            await self._publish_events(scan, turns)
        if self._settings.api is not ReportsApi.NONE:
            await self._publish_reports(scan, turns)

    async def _publish_events(self, scan: Scan, turns: Turns) -> None:
        policies = await policy_uids(self._cluster)
        events, left_out = await asyncio.to_thread(told, scan, self._known, policies, self._settings.release)
        self._known = await asyncio.to_thread(known, scan, self._known)
        dropped = left_out + await write_events(self._cluster, events, scan.ended, turns)
        if dropped and self._observer is not None:
            self._observer.events_dropped(dropped)

    async def _publish_reports(self, scan: Scan, turns: Turns) -> None:
        release = self._settings.release
        try:
            served = await served_apis(self._cluster)
            api = next((each for each in self._settings.api.candidates if each in served), None)
            kinds = served.pop(api) if api else {}
            stored = await stored_reports(self._cluster, kinds.values(), release)
        except ClusterError as error:
            self._count(0, Counter([Dropped.of(error)]), str(error))
            return
        stored |= await self._outdated(chain.from_iterable(each.values() for each in served.values()))
        writing = Writing(self._cluster, stored, turns)
        if api:
            await writing.write(reports(scan, release, api), kinds)
        if not scan.fault:
            await writing.delete_others()
        self._count(writing.written, writing.dropped)

    async def _outdated(self, kinds: Iterable[Kind]) -> dict[Place, Stored]:
        """Reports of ours in an API that is not taken any more, which would tell everything twice."""
        try:
            return await stored_reports(self._cluster, kinds, self._settings.release)
        except ClusterError as error:
            _log.info("older reports were not looked for: %s", plain(str(error)))
            return {}

    def _count(self, written: int, dropped: Counter[Dropped], why: str = "") -> None:
        if dropped:
            counts = ", ".join(f"{count} {reason.value}" for reason, count in dropped.items())
            _log.warning("reports left for the next scan: %s%s", counts, f" ({plain(why)})" if why else "")
        if self._observer is not None:
            self._observer.reports_written(written)
            for reason in dropped.elements():
                self._observer.reports_dropped(reason.value)
