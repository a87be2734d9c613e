"""The documentation's page of all metrics, `docs/metrics.md`: `python -m webhook.cli.metrics_reference` writes it."""

import sys
from collections.abc import Iterable
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from webhook.controller.metrics import Metrics as ControllerMetrics
from webhook.server.metrics import Metrics as ServerMetrics


class Family(msgspec.Struct, frozen=True, order=True):
    """One metric. `name` is that of its samples, or what they begin with in a histogram."""

    name: str
    type: str
    labels: tuple[str, ...]
    meaning: str

    @property
    def samples(self) -> tuple[str, ...]:
        """The names of its samples."""
        if self.type != "histogram":
            return (self.name,)
        return tuple(f"{self.name}_{part}" for part in ("bucket", "count", "sum"))


class Ours(CollectorRegistry):
    """A registry that remembers what was put into it."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        """Take it, and remember it."""
        super().register(collector)
        self.collectors.append(collector)


def server() -> list[Family]:
    """All metrics of `serve`, by name."""
    registry = Ours()
    ServerMetrics("", registry)
    return _families(registry)


def controller() -> list[Family]:
    """All metrics of `controller`, by name."""
    registry = Ours()
    ControllerMetrics("", registry)
    return _families(registry)


def _families(registry: Ours) -> list[Family]:
    return sorted(
        family
        for collector in registry.collectors
        for family in _described(collector)
        if family.name.startswith("tidewaiter_")
    )


def _described(collector: Any) -> Iterable[Family]:
    """What a collector has to show; the names of labels, which nothing shows before there are samples, are private."""
    describe = getattr(collector, "describe", tuple)
    for family in describe():
        labels = getattr(family, "_labelnames", ()) or getattr(collector, "_labelnames", ())
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield Family(name, family.type, tuple(labels), family.documentation)


def reference() -> str:
    """The page."""
    return f"""# Metrics

`tidewaiter serve` and `tidewaiter controller` show these at `/metrics` of their `--health-bind`, over plain HTTP. Their
names are a contract: dashboards and rules of the chart use them, and a test compares. No label is an image, a pod, a
namespace or a user. This page is made by `make docs` from `webhook/server/metrics/` and from the controller's metrics.

## serve

{_table(server())}
## controller

{_table(controller())}
Both show the `process_*` metrics of their process and `python_info` as well.
"""


def _table(families: Iterable[Family]) -> str:
    rows = "".join(
        f"| `{each.name}` | {each.type} | {', '.join(f'`{label}`' for label in each.labels)} | {each.meaning} |\n"
        for each in families
    )
    return f"| metric | type | labels | meaning |\n|---|---|---|---|\n{rows}"


if __name__ == "__main__":
    sys.stdout.write(reference())
