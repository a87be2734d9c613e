"""Policies and their exemptions as metrics."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge

from webhook.server.metrics.serving import Amount
from webhook.verdict import Mode

_NONE: Mapping[Mode, int] = {}


class PolicyMetrics:
    """Which policies are in force, and how fresh they are."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
        self._exemption_expiry = Gauge(
            "tidewaiter_exemption_expiry_timestamp_seconds",
            "When the exemption ends, or has ended; of those of a policy with one reason, the first.",
            ("policy", "reason"),
            registry=registry,
        )
        for result in ("success", "failure"):
            self._reloads.labels(result)

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
