"""Metrics, in a registry of their own. Label values come from closed sets or from policies, never from a request.

Children are looked up once: `.labels()` at each request costs more than the count itself.
"""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from webhook.admission import guard, image_review
from webhook.admission.patch import PIN
from webhook.admission.review import Record
from webhook.objects import KINDS
from webhook.server.registry_metrics import RegistryMetrics
from webhook.signatures.trust import TrustRoot
from webhook.verdict import Mode

Amount = Callable[[], float]
"""How many there are of something now."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OTHER = "other"
OPERATIONS = frozenset({"CREATE", "UPDATE", "DELETE", "CONNECT"})
RESOURCE_KINDS = frozenset(kind.kind for kind in KINDS) | {image_review.KIND, *guard.KINDS.values()}
DECISIONS = frozenset({"allow", "deny", "warn", "error", "ignored", PIN})
MODES = frozenset({"policy", "audit"})
_NONE: Mapping[Mode, int] = {}
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 20, 25, 30)
"""Kyverno's, so that dashboards compare; the smallest three are ours, since a warm review takes far less than 5 ms."""


class Metrics:
    """All metrics of one server.

    `registry` is open to collectors of other parts; `registries` is told how the registries of images answer.
    """

    def __init__(self, version: str) -> None:
        registry = self.registry = CollectorRegistry()
        self.registries = RegistryMetrics(registry)
        self._requests = Counter(
            "tidewaiter_admission_requests_total",
            "Admission reviews that were answered.",
            ("operation", "resource_kind", "decision", "mode", "dry_run"),
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
        self._exemption_expiry = Gauge(
            "tidewaiter_exemption_expiry_timestamp_seconds",
            "When the exemption ends, or has ended; of those of a policy with one reason, the first.",
            ("policy", "reason"),
            registry=registry,
        )
        self._pins = Counter(
            "tidewaiter_pinned_images_total",
            "Images named by tag whose digest was looked up to be put beside it.",
            ("result",),
            registry=registry,
        )
        self._refused = Counter(
            "tidewaiter_http_refused_total",
            "Requests and connections that were refused before any review.",
            ("status",),
            registry=registry,
        )
        self._not_connected = Counter(
            "tidewaiter_connections_failed_total",
            "Connections that ended before TLS was agreed on: in error, by timeout, or dropped in favour of others.",
            ("reason",),
            registry=registry,
        )
        self._connections = Gauge(
            "tidewaiter_connections", "Client connections for reviews, with those that shake hands.", registry=registry
        )
        self._handshakes = Gauge(
            "tidewaiter_tls_handshakes_in_progress", "TLS handshakes that are under way.", registry=registry
        )
        self._in_progress = Gauge(
            "tidewaiter_reviews_in_progress", "Reviews that are read or judged now.", registry=registry
        )
        self._waiting = Gauge("tidewaiter_reviews_waiting", "Reviews that wait for room.", registry=registry)
        self._log_dropped = Counter(
            "tidewaiter_log_lines_dropped_total",
            "Log lines that were lost because the output was closed, full or too slow.",
            registry=registry,
        )
        self._policies = Gauge(
            "tidewaiter_policies",
            "Policies in force; those of the cluster that are not ready have a fault, and deny what they match.",
            ("mode", "ready"),
            registry=registry,
        )
        self._policy_age = Gauge(
            "tidewaiter_policies_sync_age_seconds",
            "How long ago the API server was last heard about policies, where they are the cluster's.",
            registry=registry,
        )
        self._reloads = Counter(
            "tidewaiter_policy_reload_total", "Attempts to load policies.", ("result",), registry=registry
        )
        self._reloaded = Gauge(
            "tidewaiter_policies_last_reload_successful",
            "Whether the last attempt to load policies was successful.",
            registry=registry,
        )
        self._reload_time = Gauge(
            "tidewaiter_policies_last_reload_success_timestamp_seconds",
            "When policies were last loaded successfully.",
            registry=registry,
        )
        self._expiry = Gauge(
            "tidewaiter_certificate_expiry_timestamp_seconds",
            "When the certificate ends.",
            ("kind",),
            registry=registry,
        )
        self._certificate_reloads = Counter(
            "tidewaiter_certificate_reload_total", "Attempts to load certificates.", ("result",), registry=registry
        )
        self._root_expiry = Gauge(
            "tidewaiter_trust_root_expiry_timestamp_seconds",
            "When the trust root, fetched from a repository, may no longer be used.",
            ("name",),
            registry=registry,
        )
        self._root_info = Gauge(
            "tidewaiter_trust_root_info",
            "The content of the trust root. One that policies need and that is not here has not been fetched.",
            ("name", "fingerprint"),
            registry=registry,
        )
        self._root_refreshes = Counter(
            "tidewaiter_trust_root_refreshes_total",
            "Attempts to fetch the trust root from its repository.",
            ("name", "result"),
            registry=registry,
        )
        self._lag = Gauge(
            "tidewaiter_event_loop_lag_seconds",
            "The latest that the event loop was with a timer in the last half minute.",
            registry=registry,
        )
        Gauge("tidewaiter_build_info", "The version that runs.", ("version",), registry=registry).labels(version).set(1)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self._request_children: dict[tuple[str, str, str, str, bool], Counter] = {}
        self._violation_children: dict[tuple[str, str, str], Counter] = {}
        self._duration_children = {decision: self._durations.labels(decision) for decision in (*DECISIONS, OTHER)}
        for reason in ("dropped", "error", "timeout"):
            self._not_connected.labels(reason)
        for result in ("success", "failure"):
            self._reloads.labels(result)
            self._certificate_reloads.labels(result)
            self._pins.labels(result)

    def decided(self, record: Record, seconds: float) -> None:
        """Count a decision."""
        key = (record.operation, record.kind, record.decision, record.mode, record.dry_run)
        child = self._request_children.get(key)
        if child is None:
            child = self._request_child(record)
        child.inc()
        (self._duration_children.get(record.decision) or self._duration_children[OTHER]).observe(seconds)
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

    def refused(self, status: int) -> None:
        """Count a request that was refused by status, or a connection (429)."""
        self._refused.labels(str(status)).inc()

    def not_connected(self, reason: str) -> None:
        """Count a connection that ended before it was made."""
        self._not_connected.labels(reason).inc()

    def follow(self, *, connections: Amount, handshakes: Amount, in_progress: Amount, waiting: Amount) -> None:
        """Show these amounts as they are when somebody asks."""
        self._connections.set_function(connections)
        self._handshakes.set_function(handshakes)
        self._in_progress.set_function(in_progress)
        self._waiting.set_function(waiting)

    def log_lines_dropped(self, count: int) -> None:
        """Count lost log lines."""
        self._log_dropped.inc(count)

    def policies_loaded(
        self, by_mode: Mapping[Mode, int], timestamp: float, unusable: Mapping[Mode, int] = _NONE
    ) -> None:
        """Take note of a set of policies that came into force at a time (seconds since 1970).

        `unusable` are those among them that have a fault.
        """
        for mode in Mode:
            broken = unusable.get(mode, 0)
            self._policies.labels(mode.value, "true").set(by_mode.get(mode, 0) - broken)
            self._policies.labels(mode.value, "false").set(broken)
        self._reloads.labels("success").inc()
        self._reloaded.set(1)
        self._reload_time.set(timestamp)

    def exemptions(self, ends: Mapping[tuple[str, str], float]) -> None:
        """Take note of the exemptions that there are, and of no others: by policy and reason when they end."""
        self._exemption_expiry.clear()
        for (policy, reason), timestamp in ends.items():
            self._exemption_expiry.labels(policy, reason).set(timestamp)

    def policies_watched(self, age: Amount) -> None:
        """Show how many seconds ago the API server was heard about them."""
        self._policy_age.set_function(age)

    def policies_failed(self) -> None:
        """Take note of a set of policies that could not be used; the one before stays in force."""
        self._reloads.labels("failure").inc()
        self._reloaded.set(0)

    def certificate_loaded(self, expiries: Mapping[str, float]) -> None:
        """Take note of certificates: by kind when they end, in seconds since 1970."""
        self._certificate_reloads.labels("success").inc()
        for kind, timestamp in expiries.items():
            self._expiry.labels(kind).set(timestamp)

    def certificate_failed(self) -> None:
        """Take note of certificates that could not be used; those before stay."""
        self._certificate_reloads.labels("failure").inc()

    def trust_roots(self, roots: Mapping[str, TrustRoot]) -> None:
        """Take note of the trust roots that are there, by name, and of no others."""
        self._root_info.clear()
        self._root_expiry.clear()
        for name, root in roots.items():
            self._root_info.labels(name, root.fingerprint).set(1)
            if root.expires is not None:
                self._root_expiry.labels(name).set(root.expires.timestamp())

    def trust_root_refreshed(self, name: str, *, ok: bool) -> None:
        """Count an attempt to fetch a trust root."""
        self._root_refreshes.labels(name, "success" if ok else "failure").inc()

    def lag(self, seconds: float) -> None:
        """Set the event loop's lag."""
        self._lag.set(seconds)

    def text(self) -> bytes:
        """All of it, in the format of `CONTENT_TYPE`."""
        return generate_latest(self.registry)


def _known(value: str, values: frozenset[str]) -> str:
    return value if value in values else OTHER
