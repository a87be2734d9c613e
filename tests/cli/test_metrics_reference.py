"""The page of all metrics."""

from pathlib import Path

import pytest

from webhook.cli.metrics_reference import Family, controller, reference, server

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == reference()


@pytest.mark.parametrize("family", [*server(), *controller()], ids=lambda each: each.name)
def test_a_metric_has_a_meaning_and_no_label_that_a_request_fills(family: Family) -> None:
    assert family.meaning.endswith(".")
    assert not {"image", "digest", "pod", "namespace", "user", "uid"}.intersection(family.labels)


def test_labels_of_collectors_of_our_own_are_told_too() -> None:
    labels = {each.name: each.labels for each in server()}
    assert labels["tidewaiter_registry_breaker_open"] == ("registry",)
    assert labels["tidewaiter_cache_requests_total"] == ("cache", "outcome")


def test_a_histogram_has_three_kinds_of_samples() -> None:
    (family,) = (each for each in server() if each.name == "tidewaiter_admission_duration_seconds")
    assert family.samples == tuple(f"{family.name}_{part}" for part in ("bucket", "count", "sum"))
