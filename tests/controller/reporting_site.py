"""A cluster that is reported to."""

from collections import Counter
from dataclasses import replace
from typing import Any

from tests.audit.found import finding, scan
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster, Write
from webhook.audit.results import Audited
from webhook.controller.reporting import Reporting, ReportingSettings
from webhook.kube.cluster import Kind

REPORT = Kind("openreports.io", "v1alpha1", "Report", "reports")
CLUSTER_REPORT = Kind("openreports.io", "v1alpha1", "ClusterReport", "clusterreports")
OLD = Kind("wgpolicyk8s.io", "v1alpha2", "PolicyReport", "policyreports")
QUIET = ReportingSettings("tidewaiter", "tidewaiter", events=False)
DENIED = finding()


class Pausing(FakeClock):
    """A clock that goes on when somebody waits."""

    async def pause(self, seconds: float) -> None:
        self.advance(seconds)


class Counting:
    """Fills `webhook.controller.reporting.ReportingObserver`."""

    def __init__(self) -> None:
        self.written = 0
        self.dropped: Counter[str] = Counter()
        self.events_lost = 0

    def reports_written(self, number: int) -> None:
        self.written += number

    def reports_dropped(self, reason: str) -> None:
        self.dropped[reason] += 1

    def events_dropped(self, number: int) -> None:
        self.events_lost += number


class Site:
    """A cluster, and what reports to it."""

    def __init__(self, *kinds: Kind, settings: ReportingSettings = QUIET) -> None:
        self.cluster = FakeCluster(kinds)
        self.counted = Counting()
        self.clock = Pausing()
        self.settings = settings
        self.reporting = self.another()

    def another(self, **changed: Any) -> Reporting:
        """Another controller of the same release, or of one that is set otherwise."""
        settings = replace(self.settings, **changed)
        return Reporting(self.cluster, settings, self.clock, self.counted, self.clock.pause)

    async def publish(self, *found: Audited, by: Reporting | None = None, **changed: Any) -> list[Write]:
        """The writes that a scan leads to."""
        before = len(self.cluster.writes)
        await (by or self.reporting).publish(scan(*found, **changed))
        return self.cluster.writes[before:]

    def stored(self, kind: Kind = REPORT) -> list[dict[str, Any]]:
        folder = f"/apis/{kind.group}/"
        return [each for path, each in self.cluster.objects.items() if path.startswith(folder) and kind.plural in path]
