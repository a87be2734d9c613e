"""How registries answer, as metrics. Labels are the names that `NamedRegistries` gives them."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from webhook.registry.observer import OpenCircuits


class RegistryMetrics(Collector):
    """Fills `webhook.registry.observer.Observer`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tidewaiter_registry_requests_total",
            "Questions that registries were asked, each with its token, redirects and second try, by what came of it.",
            ("registry", "code"),
            registry=registry,
        )
        self._asked: dict[str, None] = {}
        self._open_circuits: OpenCircuits = dict
        registry.register(self)

    def registry_asked(self, registry: str, outcome: str) -> None:
        """Count a question."""
        self._asked[registry] = None
        self._requests.labels(registry, outcome).inc()

    def follow_circuits(self, open_circuits: OpenCircuits) -> None:
        """Show these as they are when somebody asks."""
        self._open_circuits = open_circuits

    def collect(self) -> Iterable[Metric]:
        """The circuits: 0 for a registry that was asked and has none open."""
        family = self._circuits()
        counts = self._open_circuits()
        for name in dict.fromkeys([*self._asked, *counts]):
            family.add_metric([name], counts.get(name, 0))
        yield family

    def describe(self) -> Iterable[Metric]:
        """The family, whatever there is to show."""
        yield self._circuits()

    @staticmethod
    def _circuits() -> GaugeMetricFamily:
        return GaugeMetricFamily(
            "tidewaiter_registry_breaker_open",
            "Circuits that are open: one for a registry that is not reached, one for each repository that fails.",
            labels=["registry"],
        )
