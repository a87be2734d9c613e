"""Values, their schema and their documentation say the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

from tests.charts.rendering import AUDIT, CHART, CI_VALUES, ROOT, RefusedError, render
from tests.system.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
OF_PARENT_CHARTS = {"global", "enabled"}
OPEN = {
    "policies",
    "trustRoots",
    "resources",
    "podDisruptionBudget",
    "webhook.clientCA",
    "controller.resources",
    "dashboard.labels",
} | {f"registry.{key}" for key in ("caFiles", "credentialProviders", "mirrors")}
"""Values that are documented as a whole."""
SECTIONS = {
    key
    for key, value in VALUES.items()
    if isinstance(value, dict) and value and key not in {"policies", "resources", "podDisruptionBudget"}
}


def _validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(SCHEMA)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_every_object_whose_fields_the_schema_names_has_no_others() -> None:
    open_objects = [
        path for path, part in _schemas(SCHEMA, "") if "properties" in part and part["additionalProperties"]
    ]
    assert open_objects == []


def _schemas(part: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        yield path, part
        for key, inner in part.items():
            yield from _schemas(inner, f"{path}/{key}")


def test_the_defaults_follow_the_schema() -> None:
    assert [error.message for error in _validator().iter_errors(VALUES)] == []


def test_a_parent_chart_may_have_globals_and_a_condition() -> None:
    assert _validator().is_valid({**VALUES, "global": {"anything": {"at": "all"}}, "enabled": True})


def test_schema_and_values_have_the_same_keys() -> None:
    assert SCHEMA["properties"].keys() - OF_PARENT_CHARTS == VALUES.keys()
    for key in SECTIONS:
        assert SCHEMA["properties"][key]["properties"].keys() == VALUES[key].keys()


@pytest.mark.system
def test_the_readme_is_what_helm_docs_makes_of_its_template_and_the_values(tmp_path: Path) -> None:
    shutil.copytree(CHART, tmp_path / "tidewaiter")
    (tmp_path / "tidewaiter" / "README.md").unlink()
    line: list[str | Path] = [
        tool("helm-docs"),
        "--log-level=error",
        f"--chart-search-root={tmp_path}",
        "--sort-values-order=file",
    ]
    subprocess.run(line, check=True, timeout=60)
    made = (tmp_path / "tidewaiter" / "README.md").read_text(encoding="utf-8")
    assert made == (CHART / "README.md").read_text(encoding="utf-8")


def test_every_value_has_a_description() -> None:
    assert {path for path, _ in _descriptions()} == set(_documented(VALUES))


def _documented(values: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        path = prefix + key
        if isinstance(value, dict) and value and path not in OPEN:
            yield from _documented(value, f"{path}.")
        else:
            yield path


def _descriptions() -> Iterator[tuple[str, str]]:
    """Path and text of each `# --` comment, which may go on over further lines, and the key below it."""
    parent, words = "", list[str]()
    for line in (CHART / "values.yaml").read_text(encoding="utf-8").splitlines():
        comment, key = re.match(r" *# (?:-- )?(.*)", line), re.match(r"( *)([A-Za-z]+):(.*)", line)
        if comment:
            words = [comment[1]] if "# -- " in line else [*words, comment[1]]
        elif key and words:
            yield (f"{parent}.{key[2]}" if key[1] else key[2]), " ".join(words)
            words = []
        elif key and not key[1]:
            parent = key[2]


def test_every_value_is_tried_by_some_rendering() -> None:
    tried = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in CI_VALUES]
    assert [path for path in _documented(VALUES) if not any(_has(values, path) for values in tried)] == []


def _has(values: Any, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return True


def test_chart_image_and_program_have_one_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["appVersion"] == version
    assert f"ARG VERSION={version}\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.system
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("moed=policy", "moed"),
        ("mode=Policy", "mode"),
        ("mode=enforce", "mode"),
        ("noMatch=Deny", "noMatch"),
        ("policy.starter.mode=Audit", "policy"),
        ("policies.Starter.mode=Audit", "policies.*Starter"),
        ("policies.starter.match=null", "policies/starter/match"),
        ("policies.a.match=null", "policies/a/match"),
        ("policies.starter.match={a}", "policies/starter/match"),
        ("trustRoots.Corp.file=x", "trustRoots.*Corp"),
        ("trustRoots.corp=x", "trustRoots/corp"),
        ("trustRootRefresh=never", "trustRootRefresh"),
        ("warm=yes please", "warm"),
        ("image.repo=x", "repo"),
        ("image.digest=sha256:0", "digest"),
        ("tls.existingsecret=x", "existingsecret"),
        ("tls.mode=inprocess", "mode"),
        ("tls.issuerRef.names=x", "issuerRef"),
        ("controller.enable=true", "enable"),
        ("controller.auditSeconds=1", "auditSeconds"),
        ("reports.api=kyverno", "api"),
        ("trustBundle.configmap=x", "configmap"),
        ("autoscaling.minReplicas=0", "minReplicas"),
        ("networkPolicy.apiServer={10.0.0.1}", "apiServer"),
        ("serviceMonitor.interval=often", "interval"),
        ("prometheusRule.label.a=b", "label"),
        ("dashboard.folder=x", "folder"),
        ("extraObjects={1}", "extraObjects"),
        ("tls.caBundle=-----BEGIN CERTIFICATE----- -----BEGIN PRIVATE KEY-----", "caBundle"),
        ("webhook.url=http://tidewaiter.example.com/validate", "url"),
        ("webhook.url=https://tidewaiter.example.com/", "url"),
        ("webhook.timeoutSeconds=31", "timeoutSeconds"),
        ("webhook.containerPort=8080", "containerPort"),
        ("registry.insecureRegistries={http://registry.example.com}", "insecureRegistries"),
        ("registry.caFiles.https://registry.configMap=ca", "caFiles.*https"),
        ("registry.caFiles.registry.configmap=ca", "caFiles/registry"),
        ("registry.allowAddresses={10.0.0.1}", "allowAddresses"),
        ("registry.mirrors.registry=mirror.example.com", "mirrors/registry"),
        ("registry.mirrors.registry={}", "mirrors/registry"),
        ("registry.mirrors.registry={https://mirror.example.com}", "mirrors/registry"),
        ("registry.mirrors.registry={mirror.example.com/}", "mirrors/registry"),
        ("registry.mirrors.a/b={mirror.example.com}", "mirrors.*a/b"),
        ("registry.proxy=http://user:hunter2@proxy.example.com", "proxy"),
        ("registry.proxy=https://proxy.example.com", "proxy"),
        ("registry.proxy=proxy.example.com", "proxy"),
        ("registry.noProxy={registry.example.com:5000}", "noProxy"),
        ("registry.credentialProviders.file=x", "credentialProviders"),
        ("registry.credentialProviders.binDir=bin", "binDir"),
        ("webhook.clientCA.name=kube-apiserver", "clientCA"),
        ("extraVolumes[0].name=tls", "extraVolumes"),
        ("extraVolumeMounts[0].name=x", "extraVolumeMounts"),
        ("serviceAccount.name=other", "serviceAccount"),
        ("extraArgs={serve}", "extraArgs"),
        (r"podLabels.app\.kubernetes\.io/name=other", "podLabels"),
        (r"podLabels.app\.kubernetes\.io/component=other", "podLabels"),
        ("runAsUser=0", "runAsUser"),
        ("securityContext.privileged=true", "securityContext"),
    ],
)
def test_a_value_that_is_misspelt_or_out_of_range_stops_helm(value: str, named: str, each_helm: Path) -> None:
    with pytest.raises(RefusedError, match=r"(?s)schema.*" + named):
        render(each_helm, AUDIT, f"--set={value}")
