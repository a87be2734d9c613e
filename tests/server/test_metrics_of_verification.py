"""Verifications and caches as metrics."""

from pathlib import Path

import msgspec
import pytest

from tests.fakes.clock import FakeClock
from tests.server.test_program import Output, client, metrics, write_policy
from tests.server.test_warm_program import Shop, admits
from webhook.admission.stages import FAILED, FOUND, VERIFIED, Stage
from webhook.cache import Cache
from webhook.cli.demo.registry import DemoRegistry
from webhook.cli.demo.scenario import make_key, policies, push_images
from webhook.codes import Code
from webhook.server.metrics import Metrics
from webhook.server.program import running

COUNTED = "tidewaiter_image_verifications_total"
TIMED = "tidewaiter_image_verification_duration_seconds_count"
ASKED = "tidewaiter_cache_requests_total"


def lines(metrics: Metrics) -> list[str]:
    return metrics.text().decode().splitlines()


@pytest.mark.parametrize(
    ("outcome", "labels"),
    [
        (VERIFIED, 'reason="",result="verified"'),
        (Code.NOT_SIGNED.value, 'reason="NOT_SIGNED",result="refused"'),
        (Code.REGISTRY_UNAVAILABLE.value, 'reason="REGISTRY_UNAVAILABLE",result="error"'),
        (FAILED, 'reason="other",result="error"'),
        ("made up", 'reason="other",result="error"'),
    ],
)
def test_a_verification_is_counted_by_what_came_of_it(outcome: str, labels: str) -> None:
    metrics = Metrics("1")
    metrics.verifications.began(Stage.VERIFY, "ghcr.io", "sha256:00")(outcome)
    assert f"{COUNTED}{{{labels}}} 1.0" in lines(metrics)


def test_stages_are_timed_and_none_but_verifications_are_counted() -> None:
    metrics = Metrics("1")
    metrics.verifications.began(Stage.RESOLVE, "ghcr.io", "")(FOUND)
    metrics.verifications.began(Stage.FETCH, "ghcr.io", "sha256:00")(Code.NOT_SIGNED.value)
    text = lines(metrics)
    assert f'{TIMED}{{stage="resolve"}} 1.0' in text
    assert f'{TIMED}{{stage="fetch"}} 1.0' in text
    assert f'{TIMED}{{stage="verify"}} 0.0' in text
    assert f'{COUNTED}{{reason="",result="verified"}} 0.0' in text
    assert not any("ghcr.io" in line for line in text)


async def test_a_cache_is_shown_as_it_is_when_somebody_asks() -> None:
    cache: Cache[str, str] = Cache(maxsize=9, lifetime=lambda _: 100.0, clock=FakeClock().monotonic)

    async def work() -> str:
        return "value"

    shown = Metrics("1")
    shown.caches.follow({"tags": cache})
    await cache.get("a", work, 1.0)
    assert cache.peek("a") == cache.peek("a") == "value"
    text = lines(shown)
    assert f'{ASKED}{{cache="tags",outcome="hit"}} 2.0' in text
    assert f'{ASKED}{{cache="tags",outcome="miss"}} 1.0' in text
    assert 'tidewaiter_cache_entries{cache="tags"} 1.0' in text
    await cache.close()


async def test_a_whole_server_counts_what_it_verified_and_what_it_knew(tmp_path: Path) -> None:
    key = make_key()
    async with DemoRegistry() as registry:
        shop = Shop(registry, push_images(registry, key, make_key()), tmp_path)
        write_policy(tmp_path, policies(registry.host, key))
        settings = msgspec.structs.replace(shop.config(None), warm=False)
        async with running(settings, Output()) as service, client(tmp_path) as session:
            assert await admits(session, service, shop.images.legacy)
            assert await admits(session, service, shop.images.legacy)
            assert not await admits(session, service, shop.images.unsigned)
            text = (await metrics(session, service)).splitlines()
    assert f'{COUNTED}{{reason="",result="verified"}} 1.0' in text
    assert f'{COUNTED}{{reason="NOT_SIGNED",result="refused"}} 1.0' in text
    assert f'{ASKED}{{cache="outcomes",outcome="miss"}} 2.0' in text
    assert f'{ASKED}{{cache="outcomes",outcome="hit"}} 1.0' in text
    assert 'tidewaiter_cache_entries{cache="outcomes"} 2.0' in text
    assert f'{ASKED}{{cache="namespaces",outcome="miss"}} 0.0' in text
