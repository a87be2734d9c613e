"""Connections, load, log and event loop as metrics."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge

Amount = Callable[[], float]
"""How many there are of something now."""


class ServingMetrics:
    """How the server itself does."""

    def __init__(self, registry: CollectorRegistry) -> None:
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
        self._lag = Gauge(
            "tidewaiter_event_loop_lag_seconds",
            "The latest that the event loop was with a timer in the last half minute.",
            registry=registry,
        )
        for reason in ("dropped", "error", "timeout"):
            self._not_connected.labels(reason)

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

    def lag(self, seconds: float) -> None:
        """Set the event loop's lag."""
        self._lag.set(seconds)
