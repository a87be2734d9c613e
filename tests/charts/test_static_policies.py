"""The Job that hands the static part of policies to the API server, and what it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.charts.rendering import CHART, CLUSTER, NAMESPACE, POLICY, RefusedError, Rendering, render

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

STATIC = CHART / "ci" / "static-values.yaml"
NAME = "tidewaiter-static-policies"


def _named(rendering: Rendering, kind: str) -> dict[str, Any]:
    [found] = [each for each in rendering.objects if each["kind"] == kind and each["metadata"]["name"] == NAME]
    return found


def test_a_job_applies_the_policies_that_the_program_judges_by(each_helm: Path) -> None:
    rendering = render(each_helm, STATIC)
    job = _named(rendering, "Job")
    spec = job["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert container["args"] == [
        "policy",
        "vap",
        "--policy=/etc/tidewaiter/policies",
        "--mode=policy",
        f"--exempt-namespace={NAMESPACE}",
        "--exempt-namespace=kube-system",
        "--exempt-namespace=monitoring",
        "--apply",
        "--owner=tidewaiter",
    ]
    [serving] = rendering.pod["containers"]
    assert container["image"] == serving["image"]
    assert container["securityContext"] == serving["securityContext"]
    assert spec["volumes"] == [each for each in rendering.pod["volumes"] if each["name"] == "policies"]
    assert rendering.the("ValidatingWebhookConfiguration")["metadata"]["name"] == "tidewaiter"


def test_it_runs_after_each_change_of_the_release(helm: Path) -> None:
    assert _named(render(helm, STATIC), "Job")["metadata"]["annotations"] == {
        "helm.sh/hook": "post-install,post-upgrade,post-rollback",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    }


def test_the_service_does_not_lead_to_it(helm: Path) -> None:
    rendering = render(helm, STATIC)
    selector = rendering.the("Service")["spec"]["selector"]
    labels = _named(rendering, "Job")["spec"]["template"]["metadata"]["labels"]
    assert not selector.items() <= labels.items()


def test_it_may_write_static_policies_and_nothing_else(helm: Path) -> None:
    rendering = render(helm, STATIC)
    assert _named(rendering, "ClusterRole")["rules"] == [
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingadmissionpolicies", "validatingadmissionpolicybindings"],
            "verbs": ["get", "list", "create", "patch", "delete"],
        },
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingwebhookconfigurations"],
            "resourceNames": ["tidewaiter"],
            "verbs": ["get"],
        },
    ]
    binding = _named(rendering, "ClusterRoleBinding")
    account = _named(rendering, "ServiceAccount")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}]
    assert binding["roleRef"]["name"] == NAME
    assert account["metadata"]["namespace"] == NAMESPACE
    assert _named(rendering, "Job")["spec"]["template"]["spec"]["serviceAccountName"] == NAME


def test_a_dry_run_of_the_release_is_one_of_them_too(helm: Path) -> None:
    job = _named(render(helm, STATIC, "--set=mode=audit"), "Job")
    assert "--mode=audit" in job["spec"]["template"]["spec"]["containers"][0]["args"]


def test_nothing_of_it_is_there_unless_asked_for(helm: Path) -> None:
    assert [each for each in render(helm, POLICY).objects if NAME in str(each["metadata"]["name"])] == []


def test_policies_of_the_cluster_are_not_taken(helm: Path) -> None:
    with pytest.raises(RefusedError, match=r"policySource is cluster and staticPolicies\.enabled is set"):
        render(helm, CLUSTER, "--set=staticPolicies.enabled=true")
