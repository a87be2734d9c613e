"""The chart's rules for Prometheus, by promtool and by the metrics that there are."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.queries import known, metrics
from tests.charts.rendering import CHART
from tests.system.tools import ToolMissing, tool

RULES = CHART / "files" / "rules.yaml"
TESTS = Path(__file__).with_name("rules_test.yaml")
RECORDED = {"tidewaiter:webhook_timeout_seconds"}


@pytest.fixture(scope="session")
def promtool() -> Path:
    try:
        return tool("promtool")
    except ToolMissing as missing:
        pytest.skip(str(missing))


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def expectations() -> list[str]:
    """The name of the alert that each test wants to fire, "" where none may."""
    samples = [
        sample["labels"]
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for question in test["promql_expr_test"]
        for sample in question["exp_samples"] or [{"labels": ""}]
    ]
    return [found[1] if (found := re.search(r'alertname="(\w+)"', labels)) else "" for labels in samples]


def test_names_of_metrics_are_found_in_a_query() -> None:
    query = (
        'sum by (le) (rate(x_total{b="c_d"}[5m])) > 0.5 * scalar(max(y:z)) and on (n) up offset 10m unless time() < 7'
    )
    assert metrics(query) == {"x_total", "y:z", "up"}


def test_promtool_finds_no_fault_in_the_rules(promtool: Path) -> None:
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_none_when_it_should_not(promtool: Path) -> None:
    done = run(promtool, "test", "rules", TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_rule_that_never_fires_fails_its_tests(promtool: Path, tmp_path: Path) -> None:
    document = yaml.safe_load(RULES.read_text())
    for group in document["groups"]:
        for rule in group["rules"]:
            rule["expr"] = "vector(1) > 2"
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(document))
    written = yaml.safe_load(TESTS.read_text())
    written["rule_files"] = ["rules.yaml"]
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(written))
    done = run(promtool, "test", "rules", tmp_path / "test.yaml")
    assert done.returncode == 1
    assert all(f'alertname="{alert}"' in done.stdout + done.stderr for alert in ALERTS)


def test_there_is_a_test_for_each_alert_and_for_calm() -> None:
    assert set(expectations()) == {*ALERTS, ""}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_metrics_that_there_are(rule: dict[str, Any]) -> None:
    assert metrics(rule["expr"]) <= known() | RECORDED


@pytest.mark.parametrize("alert", ALERTS.values(), ids=ALERTS.keys())
def test_an_alert_says_what_is_the_case_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook"}
    named = {name for text in alert["annotations"].values() for name in re.findall(r"\b(?:tidewaiter_\w+)", text)}
    assert {name for name in named if not any(each.startswith(name) for each in known())} == set()
    others = {name for text in alert["annotations"].values() for name in re.findall(r"\bTidewaiter\w+", text)}
    assert others <= set(ALERTS)


def test_the_timeout_of_the_webhook_stands_once_where_the_chart_puts_the_release_s_own() -> None:
    text = "\n".join(line for line in RULES.read_text().splitlines() if not line.startswith("#"))
    assert text.count("vector(10)") == 1
