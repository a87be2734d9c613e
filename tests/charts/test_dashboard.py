"""The chart's dashboard for Grafana, by the metrics that there are."""

import json
import re
from typing import Any

import pytest

from tests.charts.queries import OF_APISERVER, known, metrics
from tests.charts.rendering import CHART
from webhook.cli.metrics_reference import controller, server
from webhook.codes import INCONCLUSIVE

DASHBOARD: dict[str, Any] = json.loads((CHART / "files" / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]

NOT_SHOWN = {
    "tidewaiter_certificate_failures_total",
    "tidewaiter_certificate_reload_total",
    "tidewaiter_certificate_renewals_total",
    "tidewaiter_configuration_failures_total",
    "tidewaiter_policies_last_reload_success_timestamp_seconds",
    "tidewaiter_policy_reload_total",
    "tidewaiter_tls_handshakes_in_progress",
    "tidewaiter_trust_root_info",
}
"""Metrics that alerts, or whoever looks for a cause, ask for."""


@pytest.mark.parametrize("query", QUERIES)
def test_a_panel_names_metrics_that_there_are(query: str) -> None:
    assert metrics(query)
    assert metrics(query) <= known()


def test_every_metric_is_shown_or_left_out_on_purpose() -> None:
    shown = {name for query in QUERIES for name in metrics(query)}
    missing = {each.name for each in (*server(), *controller()) if not shown.intersection(each.samples)}
    assert missing == NOT_SHOWN


def test_labels_of_legends_and_matchers_are_those_of_the_metrics() -> None:
    labels = {each.name: set(each.labels) for each in (*server(), *controller())}
    for panel in PANELS:
        for target in panel["targets"]:
            names = {
                re.sub(r"_(bucket|count|sum)$", "", name) for name in metrics(target["expr"]) if "webhook_" not in name
            }
            there = {label for name in names for label in labels.get(name, ())} | {"namespace", "instance"}
            if metrics(target["expr"]) & OF_APISERVER:
                there |= {"name", "code", "error_type"}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= there, panel["title"]


def test_the_view_of_the_api_server_is_of_our_webhooks_alone() -> None:
    views = [query for query in QUERIES if "apiserver_" in query]
    assert len(views) == 4
    assert all('name=~".*tidewaiter.dev"' in query for query in views)


def test_all_codes_that_mean_not_found_out_are_on_their_panel() -> None:
    (panel,) = (panel for panel in PANELS if panel["title"] == "Could not be found out")
    found = re.search(r'code=~"([^"]+)"', panel["targets"][0]["expr"])
    assert found
    assert all(re.fullmatch(found[1], code.value) for code in INCONCLUSIVE)


def test_a_source_a_namespace_and_an_instance_are_chosen_by_variables() -> None:
    assert [each["name"] for each in DASHBOARD["templating"]["list"]] == ["datasource", "namespace", "instance"]
    sources = [panel["datasource"]["uid"] for panel in PANELS]
    assert set(sources) == {"${datasource}"}


def test_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_panels_have_numbers_and_titles_of_their_own() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert len({panel["title"] for panel in PANELS}) == len(PANELS)
