"""The controller's metrics, in a registry of their own."""

import platform

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from webhook.audit.results import Scan
from webhook.controller.audit_metrics import AuditMetrics
from webhook.controller.part_metrics import CertificateMetrics, ConfigurationMetrics, ReportMetrics


class Metrics:
    """All metrics of one controller; `registry` is open to collectors of other parts.

    Fills `webhook.controller.policies.Observer`; `certificates`, `configurations` and `reporting` fill the observers of
    those parts, and `scanned` is told of each scan.
    """

    def __init__(self, version: str, registry: CollectorRegistry | None = None) -> None:
        registry = self.registry = registry or CollectorRegistry()
        self.certificates = CertificateMetrics(registry)
        self.configurations = ConfigurationMetrics(registry)
        self.reporting = ReportMetrics(registry)
        self._audit = AuditMetrics(registry)
        running = ("version", "python")
        build = Gauge("tidewaiter_build_info", "The version that runs, and Python's.", running, registry=registry)
        build.labels(version, platform.python_version()).set(1)
        self._leader = Gauge("tidewaiter_leader", "1 where this replica holds the Lease and works.", registry=registry)
        self._resources = Gauge(
            "tidewaiter_controller_resources", "ClusterPodPolicies and TrustRoots.", ("state",), registry=registry
        )
        self._writes = Counter(
            "tidewaiter_controller_status_writes_total",
            "Status of policies and trust roots written.",
            ("result",),
            registry=registry,
        )
        self._dropped = Counter(
            "tidewaiter_log_lines_dropped_total", "Log lines that nobody took in time.", registry=registry
        )
        for result in ("success", "failure"):
            self._writes.labels(result)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def leads(self, *, leading: bool) -> None:
        """Whether this replica works."""
        self._leader.set(leading)

    def policies_seen(self, policies: int, unusable: int) -> None:
        """How many resources there are, and how many of them cannot be used."""
        self._resources.labels("usable").set(policies - unusable)
        self._resources.labels("unusable").set(unusable)

    def status_written(self, result: str) -> None:
        """A status was written: "success", or "failure"."""
        self._writes.labels(result).inc()

    def scanned(self, scan: Scan) -> None:
        """What runs was looked at."""
        self._audit.scanned(scan)

    def log_lines_dropped(self, lines: int) -> None:
        """So many lines were lost."""
        self._dropped.inc(lines)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
