"""Registries in the metrics."""

from pathlib import Path

import msgspec

from tests.server.test_program import Output, client, metrics, write_policy
from tests.server.test_warm_program import Shop, admits
from webhook.cli.demo.registry import DemoRegistry
from webhook.cli.demo.scenario import make_key, policies, push_images
from webhook.server.metrics import Metrics
from webhook.server.program import running


def lines(metrics: Metrics) -> list[str]:
    return [line for line in metrics.text().decode().splitlines() if line.startswith("tidewaiter_registry")]


def test_questions_are_counted_by_registry_and_by_what_came_of_them() -> None:
    metrics = Metrics("1")
    for outcome in ("2xx", "2xx", "REGISTRY_UNAVAILABLE"):
        metrics.registries.registry_asked("ghcr.io", outcome)
    text = lines(metrics)
    assert 'tidewaiter_registry_requests_total{code="2xx",registry="ghcr.io"} 2.0' in text
    assert 'tidewaiter_registry_requests_total{code="REGISTRY_UNAVAILABLE",registry="ghcr.io"} 1.0' in text


def test_circuits_are_shown_as_they_are_when_somebody_looks() -> None:
    metrics = Metrics("1")
    now: dict[str, int] = {}
    metrics.registries.follow_circuits(lambda: now)
    assert lines(metrics) == []
    metrics.registries.registry_asked("ghcr.io", "5xx")
    now["other"] = 3
    assert 'tidewaiter_registry_breaker_open{registry="ghcr.io"} 0.0' in lines(metrics)
    assert 'tidewaiter_registry_breaker_open{registry="other"} 3.0' in lines(metrics)
    now.clear()
    now["ghcr.io"] = 1
    assert 'tidewaiter_registry_breaker_open{registry="ghcr.io"} 1.0' in lines(metrics)


async def test_a_server_counts_what_its_registries_are_asked_and_nothing_for_what_it_knows(tmp_path: Path) -> None:
    key = make_key()
    async with DemoRegistry() as registry:
        shop = Shop(registry, push_images(registry, key, make_key()), tmp_path)
        write_policy(tmp_path, policies(registry.host, key))
        settings = msgspec.structs.replace(shop.config(None), warm=False)
        async with running(settings, Output()) as service, client(tmp_path) as session:
            assert await admits(session, service, shop.images.legacy)
            first = await metrics(session, service)
            assert await admits(session, service, shop.images.legacy)
            second = await metrics(session, service)
    counted = [line for line in first.splitlines() if line.startswith("tidewaiter_registry")]
    assert sum(float(line.split()[-1]) for line in counted if "requests_total{" in line) == registry.requests
    assert f'tidewaiter_registry_breaker_open{{registry="{registry.host}"}} 0.0' in counted
    assert counted == [line for line in second.splitlines() if line.startswith("tidewaiter_registry")]
