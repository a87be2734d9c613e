"""Serving certificates and trust roots as metrics."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook.signatures.trust import TrustRoot


class CertificateMetrics:
    """When certificates and trust roots end. Fills `webhook.trust.roots.Observer`."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
        for result in ("success", "failure"):
            self._certificate_reloads.labels(result)

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
