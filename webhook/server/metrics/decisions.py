"""Decisions as metrics. Children are looked up once: `.labels()` at each request costs more than the count itself."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from webhook.admission import guard, image_review
from webhook.admission.patch import PIN
from webhook.admission.review import Record
from webhook.objects import KINDS
from webhook.server.metrics.buckets import BUCKETS

OTHER = "other"
OPERATIONS = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})
RESOURCE_KINDS = frozenset(kind.kind for kind in KINDS) | {image_review.KIND, *guard.KINDS.values()}
DECISIONS = frozenset({"allow", "deny", "warn", "error", "ignored", PIN})
MODES = frozenset({"policy", "audit"})


class DecisionMetrics:
    """What was decided, how fast, and for which findings."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tidewaiter_admission_requests_total",
            "Admission reviews that were answered.",
            ("operation", "resource_kind", "decision", "mode", "dry_run"),
            registry=registry,
        )
        self._would_deny = Counter(
            "tidewaiter_admission_would_deny_total",
            "Reviews with findings that were only recorded, and deny once their policy enforces.",
            registry=registry,
        )
        self._durations = Histogram(
            "tidewaiter_admission_duration_seconds",
            "Time from the head of a request to its answer.",
            ("decision",),
            buckets=(0.0005, 0.001, 0.0025, *BUCKETS),
            registry=registry,
        )
        self._violations = Counter(
            "tidewaiter_violations_total",
            "Findings in admission reviews.",
            ("policy", "code", "mode"),
            registry=registry,
        )
        self._exempted = Counter(
            "tidewaiter_exempted_findings_total",
            "Findings in admission reviews that an exemption accepted.",
            ("policy", "code"),
            registry=registry,
        )
        self._pins = Counter(
            "tidewaiter_pinned_images_total",
            "Images named by tag whose digest was looked up to be put beside it.",
            ("result",),
            registry=registry,
        )
        self._request_children: dict[tuple[str, str, str, str, bool], Counter] = {}
        self._violation_children: dict[tuple[str, str, str], Counter] = {}
        self._duration_children = {decision: self._durations.labels(decision) for decision in (*DECISIONS, OTHER)}
        for result in ("success", "failure"):
            self._pins.labels(result)

    def decided(self, record: Record, seconds: float) -> None:
        """Count a decision."""
        key = (record.operation, record.kind, record.decision, record.mode, record.dry_run)
        child = self._request_children.get(key)
        if child is None:
            child = self._request_child(record)
        child.inc()
        (self._duration_children.get(record.decision) or self._duration_children[OTHER]).observe(seconds)
        if record.would_deny:
            self._would_deny.inc()
        if record.decision == PIN:
            self._pinned(record)
        for each in record.violations:
            violation = (each.policy, each.code, each.mode)
            found = self._violation_children.get(violation)
            if found is None:
                found = self._violation_children[violation] = self._violations.labels(*violation)
            found.inc()
        for each in record.exempted:
            self._exempted.labels(each.policy, each.code).inc()

    def _pinned(self, record: Record) -> None:
        for image in record.images:
            self._pins.labels("failure" if image.digest is None else "success").inc()

    def _request_child(self, record: Record) -> Counter:
        """The child for a record, kept under the record's own words only where all of them are known ones."""
        labels = (
            _known(record.operation, OPERATIONS),
            _known(record.kind, RESOURCE_KINDS),
            _known(record.decision, DECISIONS),
            _known(record.mode, MODES),
        )
        child = self._requests.labels(*labels, "true" if record.dry_run else "false")
        if OTHER not in labels:
            self._request_children[*labels, record.dry_run] = child
        return child


def _known(value: str, values: frozenset[str]) -> str:
    return value if value in values else OTHER
