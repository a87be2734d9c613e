"""Kinds of the cluster's own in manifests and reviews."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shop, document, run
from tests.cli.test_check import write

FLAG = "--workload-kind=rollouts.argoproj.io=spec.template,spec.groups[].template"


def rollout(*images: str) -> dict[str, Any]:
    first, *others = [{"spec": {"containers": [{"name": "app", "image": image}]}} for image in images]
    metadata = {"name": "shop", "namespace": "production"}
    spec = {"template": first, "groups": [{"template": each} for each in others]}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": metadata, "spec": spec}


def test_check_judges_each_template(policies: str, tmp_path: Path) -> None:
    file = write(tmp_path, rollout("nginx", "redis"))
    results = document(run("check", "-p", policies, "-f", file, "-o", "json", FLAG))["results"]
    assert [each["resource"] for each in results] == ["Rollout/production/shop"] * 2
    assert [each["violations"][0]["path"].rpartition(".containers")[0] for each in results] == [
        "spec.template.spec",
        "spec.groups[0].template.spec",
    ]


def test_without_the_flag_there_is_nothing_to_judge(policies: str, tmp_path: Path) -> None:
    results = document(run("check", "-p", policies, "-f", write(tmp_path, rollout("nginx")), "-o", "json"))
    assert results["results"] == []


def test_pin_writes_digests_into_it(shop: Shop, tmp_path: Path) -> None:
    name, _, digest = shop.images.legacy.partition("@")
    file = write(tmp_path, rollout(f"{name}:1.0"))
    result = run("pin", "-f", file, FLAG, "--insecure-registry", shop.host)
    assert f"{name}:1.0@{digest}" in result.stdout


@pytest.mark.parametrize("command", ["check", "pin"])
def test_a_flag_that_cannot_be_read_is_exit_code_2(command: str, policies: str, tmp_path: Path) -> None:
    file = write(tmp_path, rollout("nginx"))
    result = run(command, "-p", policies, "-f", file, "--workload-kind=rollouts=spec")
    assert result.exit_code == 2
    assert "--workload-kind" in result.stderr


def test_review_answers_about_it(policies: str) -> None:
    request = {
        "uid": "u-1",
        "resource": {"group": "argoproj.io", "version": "v1alpha1", "resource": "rollouts"},
        "namespace": "production",
        "operation": "CREATE",
        "object": rollout("nginx"),
    }
    text = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
    answer = document(run("review", "-p", policies, "-", FLAG, stdin=text))["response"]
    assert answer["allowed"]
    assert "spec.template.spec.containers[0]" in answer["warnings"][0]
