"""Caches as metrics, read from them when somebody asks: a hit costs its cache one addition, and nothing here."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from webhook.cache import Counted

Caches = Mapping[str, Counted]
"""By name, which is one of ours."""


class CacheMetrics(Collector):
    """What caches were asked for, and how much they hold."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._caches: dict[str, Counted] = {}
        registry.register(self)

    def follow(self, caches: Caches) -> None:
        """Show these too, as they are when somebody asks."""
        self._caches.update(caches)

    def collect(self) -> Iterable[Metric]:
        """The counts of every cache, and its size."""
        requests, entries = self._families()
        for name, cache in self._caches.items():
            counts = cache.counts
            requests.add_metric([name, "hit"], counts.hits)
            requests.add_metric([name, "joined"], counts.joined)
            requests.add_metric([name, "miss"], counts.misses)
            requests.add_metric([name, "renewed"], counts.renewed)
            entries.add_metric([name], cache.size)
        return requests, entries

    def describe(self) -> Iterable[Metric]:
        """Both, whatever there is to show."""
        return self._families()

    @staticmethod
    def _families() -> tuple[CounterMetricFamily, GaugeMetricFamily]:
        return (
            CounterMetricFamily(
                "tidewaiter_cache_requests_total",
                "Questions to a cache: hit, joined (somebody asks already), miss, or renewed ahead of its end.",
                labels=["cache", "outcome"],
            ),
            GaugeMetricFamily(
                "tidewaiter_cache_entries",
                "Values that the cache holds, those that have ended and were not cleared yet among them.",
                labels=["cache"],
            ),
        )
