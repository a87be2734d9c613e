"""Scans as metrics: what runs, and would not be let in now."""

from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook.audit.results import Audited, Scan
from webhook.controller.label_bounds import Bound
from webhook.verdict import Mode

MAX_POLICIES = 200
"""Label values of policies; those beyond, by their order, are shown together."""


class AuditMetrics:
    """What runs, and would not be let in now."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._pods = Gauge("tidewaiter_audit_pods", "Pods that the last complete scan looked at.", registry=registry)
        self._workloads = Gauge(
            "tidewaiter_audit_workloads", "Workloads that the last complete scan looked at.", registry=registry
        )
        self._denied = Gauge(
            "tidewaiter_audit_denied",
            "Workloads of the last complete scan whose pods the policy would deny now.",
            ("policy",),
            registry=registry,
        )
        self._found = Gauge(
            "tidewaiter_audit_findings",
            "Workloads of the last complete scan about which the policy has a finding.",
            ("policy", "mode"),
            registry=registry,
        )
        self._seconds = Gauge("tidewaiter_audit_scan_seconds", "How long the last scan took.", registry=registry)
        self._timestamp = Gauge(
            "tidewaiter_audit_scan_timestamp_seconds", "When the last complete scan ended.", registry=registry
        )
        self._scans = Counter(
            "tidewaiter_audit_scans_total",
            "Scans: success, or failure where not everything could be looked at.",
            ("result",),
            registry=registry,
        )
        for result in ("success", "failure"):
            self._scans.labels(result)

    def scanned(self, scan: Scan) -> None:
        """Show a scan, unless it has a fault: what it does not list it knows nothing of."""
        self._seconds.set((scan.ended - scan.began).total_seconds())
        self._scans.labels("failure" if scan.fault else "success").inc()
        if scan.fault:
            return
        self._timestamp.set(scan.ended.timestamp())
        self._pods.set(scan.pods)
        self._workloads.set(len(scan.audited))
        found, denied = _workloads(scan.audited)
        policies = Bound(MAX_POLICIES)
        labels = {name: policies.of(name) for name in sorted({*denied, *(name for name, _ in found)})}
        self._denied.clear()
        self._found.clear()
        for name, count in denied.items():
            self._denied.labels(labels[name]).inc(count)
        for (name, mode), count in found.items():
            self._found.labels(labels[name], mode.value).inc(count)


def _workloads(audited: Iterable[Audited]) -> tuple[Counts[tuple[str, Mode]], Counts[str]]:
    """How many of them policies have findings about, by mode, and how many they deny; those that deny none at 0."""
    found: Counts[tuple[str, Mode]] = Counts()
    denied: Counts[str] = Counts()
    for each in audited:
        denied.update(dict.fromkeys(each.policies, 0))
        found.update({(finding.policy, finding.mode) for finding in each.findings})
        denied.update({finding.policy for finding in each.findings if finding.denies})
    return found, denied
