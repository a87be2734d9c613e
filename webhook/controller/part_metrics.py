"""What the controller's parts tell, as metrics: one class for the observer of each.

Label values come from our code or from the release's configurations; each set of them has a ceiling.
"""

from collections.abc import Set as AbstractSet

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook.controller.label_bounds import Bound

MAX_REASONS = 32
MAX_CONFIGURATIONS = 16
MAX_FIELDS = 64


class CertificateMetrics:
    """Certificates that the controller makes and renews. Fills `webhook.controller.certificates.settings.Observer`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reasons = Bound(MAX_REASONS)
        self._names = Bound(MAX_CONFIGURATIONS)
        self._expiry = Gauge(
            "tidewaiter_certificate_expiry_timestamp_seconds",
            "When the certificate ends.",
            ("kind",),
            registry=registry,
        )
        self._renewals = Counter(
            "tidewaiter_certificate_renewals_total", "Certificates that were made anew.", ("kind",), registry=registry
        )
        self._failures = Counter(
            "tidewaiter_certificate_failures_total",
            "Looks after certificates that came to nothing.",
            ("reason",),
            registry=registry,
        )
        self._broken = Counter(
            "tidewaiter_configuration_trust_broken_total",
            "Times that somebody else had written a webhook configuration's caBundle, which was taken back.",
            ("configuration",),
            registry=registry,
        )

    def certificate_expires(self, kind: str, timestamp: float) -> None:
        """Take note of when a certificate ends, in seconds since 1970."""
        self._expiry.labels(kind).set(timestamp)

    def renewed(self, kind: str) -> None:
        """Count a certificate that was made anew."""
        self._renewals.labels(kind).inc()

    def failed(self, reason: str) -> None:
        """Count a look that came to nothing."""
        self._failures.labels(self._reasons.of(reason)).inc()

    def broken_trust(self, configuration: str) -> None:
        """Count a caBundle that was somebody else's."""
        self._broken.labels(self._names.of(configuration)).inc()


class ConfigurationMetrics:
    """Webhook configurations and what became of them. Fills `webhook.controller.configurations.observer.Observer`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reasons = Bound(MAX_REASONS)
        self._names = Bound(MAX_CONFIGURATIONS)
        self._fields = Bound(MAX_FIELDS)
        self._drifted: dict[str, frozenset[str]] = {}
        self._drift = Gauge(
            "tidewaiter_configuration_drift",
            "1 while a field of a webhook configuration is not as it was rendered.",
            ("configuration", "field"),
            registry=registry,
        )
        self._drifts = Counter(
            "tidewaiter_configuration_drifts_total",
            "Times that a field of a webhook configuration was found not to be as it was rendered any more.",
            ("configuration", "field"),
            registry=registry,
        )
        self._mended = Counter(
            "tidewaiter_configuration_mended_total",
            "Times that the controller made a webhook configuration what it was rendered as.",
            ("configuration",),
            registry=registry,
        )
        self._gone = Gauge(
            "tidewaiter_configuration_gone",
            "1 while a webhook configuration of the release is not there: nobody asks the webhook.",
            ("configuration",),
            registry=registry,
        )
        self._failures = Counter(
            "tidewaiter_configuration_failures_total",
            "Looks at webhook configurations that came to nothing.",
            ("reason",),
            registry=registry,
        )

    def drifted(self, configuration: str, fields: AbstractSet[str]) -> None:
        """Take note of all fields that are not as they should be, none where all are."""
        name = self._names.of(configuration)
        before = self._drifted.get(name, frozenset())
        now = self._drifted[name] = frozenset(self._fields.of(str(field)) for field in sorted(fields))
        for field in before - now:
            self._drift.labels(name, field).set(0)
        for field in now - before:
            self._drift.labels(name, field).set(1)
            self._drifts.labels(name, field).inc()

    def mended(self, configuration: str) -> None:
        """Count a configuration that was made what it should be."""
        self._mended.labels(self._names.of(configuration)).inc()

    def gone(self, configuration: str, is_gone: bool) -> None:  # noqa: FBT001 - the observer's shape
        """Take note of whether a configuration is not there."""
        self._gone.labels(self._names.of(configuration)).set(is_gone)

    def failed(self, reason: str) -> None:
        """Count a look that came to nothing."""
        self._failures.labels(self._reasons.of(reason)).inc()


class ReportMetrics:
    """Reports and Events that are written. Fills `webhook.controller.reporting.ReportingObserver`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reasons = Bound(MAX_REASONS)
        self._written = Counter("tidewaiter_reports_written_total", "Reports that were written.", registry=registry)
        self._dropped = Counter(
            "tidewaiter_reports_dropped_total",
            "Reports that were not written, or not deleted.",
            ("reason",),
            registry=registry,
        )
        self._events = Counter(
            "tidewaiter_events_dropped_total",
            "Events that were not written: there were too many, or the API server did not take them.",
            registry=registry,
        )

    def reports_written(self, number: int) -> None:
        """Count reports."""
        self._written.inc(number)

    def reports_dropped(self, reason: str) -> None:
        """Count a report that was not written."""
        self._dropped.labels(self._reasons.of(reason)).inc()

    def events_dropped(self, number: int) -> None:
        """Count Events that were not written."""
        self._events.inc(number)
