"""Who is asked about which pods: EXM-… are the exemptions and lock-outs of the threat model."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.rendering import (
    AUDIT,
    CI_VALUES,
    FOREIGN,
    NAMESPACE,
    OPTIONS,
    POLICY,
    RESOURCES,
    URL,
    RefusedError,
    keys,
    render,
)
from webhook.objects import KINDS

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

every_values = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)


def _judged(namespace: str, webhook: dict[str, Any]) -> bool:
    """Whether the webhook is asked about pods of a namespace, as the API server reads its selector."""
    (term,) = webhook["namespaceSelector"]["matchExpressions"]
    assert term.keys() == {"key", "operator", "values"}
    assert term["key"] == "kubernetes.io/metadata.name"
    assert term["operator"] == "NotIn"
    return namespace not in term["values"]


@every_values
def test_exm_01_and_02_namespaces_are_left_alone_by_their_exact_name(values: Path, helm: Path) -> None:
    exempt = yaml.safe_load(values.read_text(encoding="utf-8")).get("exemptNamespaces", [])
    for webhook in render(helm, values).webhooks.values():
        assert not any(_judged(name, webhook) for name in (NAMESPACE, "kube-system", *exempt))
        assert all(_judged(name, webhook) for name in ("kube-evil", "kube-system-2", "default", "prod", "kube-public"))


@pytest.mark.parametrize("pattern", ["kube-*", "*", "", "kube-system,", "Prod", "a.b"])
def test_exm_02_a_pattern_is_no_name_of_a_namespace(pattern: str, each_helm: Path) -> None:
    with pytest.raises(RefusedError, match="exemptNamespaces"):
        render(each_helm, AUDIT, f'--set-json=exemptNamespaces=["{pattern}"]')


@every_values
def test_exm_04_and_05_pods_and_users_cannot_be_exempt(values: Path, helm: Path) -> None:
    configuration = render(helm, values).the("ValidatingWebhookConfiguration")
    assert not {"objectSelector", "matchConditions", "matchLabels"} & set(keys(configuration))


@pytest.mark.parametrize(
    "value", ["objectSelector.matchLabels.skip=yes", "matchConditions[0].name=mine", "failurePolicy=x"]
)
def test_exm_04_and_05_there_is_no_value_that_would_exempt_them(value: str, each_helm: Path) -> None:
    with pytest.raises(RefusedError, match="webhook"):
        render(each_helm, AUDIT, f"--set=webhook.{value}")


def test_exm_06_a_namespace_that_the_chart_makes_is_held_by_pod_security(helm: Path) -> None:
    labels = render(helm, OPTIONS).the("Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@every_values
def test_exm_09_the_configuration_comes_last_and_nothing_removes_it_but_the_release(values: Path, helm: Path) -> None:
    kinds = {*RESOURCES, *FOREIGN, "Job"}
    objects = [each for each in render(helm, values).objects if each["kind"] not in kinds]
    assert objects[-1]["kind"] == "ValidatingWebhookConfiguration"
    assert not [each for each in objects if "helm.sh/hook" in str(each["metadata"].get("annotations"))]
    assert not {"finalizers", "preStop", "postStart", "ownerReferences"} & set(keys(objects))


def test_exm_09_no_replica_is_no_reason_to_drop_the_configuration(helm: Path) -> None:
    scaled = render(helm, POLICY, "--set=replicaCount=0")
    assert scaled.the("Deployment")["spec"]["replicas"] == 0
    assert scaled.webhooks == render(helm, POLICY).webhooks


@every_values
def test_every_way_to_make_or_change_a_pod_is_judged(values: Path, helm: Path) -> None:
    assert render(helm, values).webhooks["pods.tidewaiter.dev"]["rules"] == [
        _rule("", ["pods"], ["CREATE", "UPDATE"]),
        _rule("", ["pods/ephemeralcontainers"], ["UPDATE"]),
    ]


def test_every_kind_with_a_template_of_pods_gets_early_word(helm: Path) -> None:
    webhook = render(helm, AUDIT).webhooks["workloads.tidewaiter.dev"]
    asked = {
        (group, resource) for rule in webhook["rules"] for group in rule["apiGroups"] for resource in rule["resources"]
    }
    assert asked == {(kind.group, kind.resource) for kind in KINDS if not kind.is_pod}
    for rule in webhook["rules"]:
        (group,) = rule["apiGroups"]
        assert rule == _rule(group, rule["resources"], ["CREATE", "UPDATE"])


def test_kinds_of_the_clusters_own_get_early_word_in_every_version(helm: Path) -> None:
    before = render(helm, OPTIONS, "--set=workloadKinds=null").webhooks["workloads.tidewaiter.dev"]["rules"]
    rules = render(helm, OPTIONS).webhooks["workloads.tidewaiter.dev"]["rules"]
    assert rules == [
        *before,
        _rule("argoproj.io", ["rollouts"], ["CREATE", "UPDATE"], version="*"),
        _rule("tekton.dev", ["tasks"], ["CREATE", "UPDATE"], version="*"),
    ]


@pytest.mark.parametrize(
    "kinds",
    [
        '{"deployments.apps": "spec.template"}',
        '{"Rollouts.argoproj.io": "spec.template"}',
        '{"rollouts.argoproj.io": "spec..template"}',
        '{"rollouts.argoproj.io": "spec.template,"}',
        '{"rollouts.argoproj.io": "spec.steps[0]"}',
        '{"rollouts.argoproj.io": ["spec.template"]}',
    ],
)
def test_a_kind_that_the_program_would_not_take_is_refused(kinds: str, each_helm: Path) -> None:
    with pytest.raises(RefusedError, match="workloadKinds"):
        render(each_helm, AUDIT, f"--set-json=workloadKinds={kinds}")


def _rule(group: str, resources: list[str], operations: list[str], version: str = "v1") -> dict[str, Any]:
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": operations,
        "resources": resources,
        "scope": "Namespaced",
    }


def test_early_word_never_stands_in_the_way_and_can_be_declined(helm: Path) -> None:
    asked = render(helm, POLICY, "--set=workloads=deny").webhooks
    assert asked["workloads.tidewaiter.dev"]["failurePolicy"] == "Ignore"
    assert asked["pods.tidewaiter.dev"]["failurePolicy"] == "Fail"
    assert list(render(helm, POLICY, "--set=workloads=ignore").webhooks) == ["pods.tidewaiter.dev"]


@every_values
def test_a_review_has_no_side_effects_and_an_end(values: Path, helm: Path) -> None:
    for webhook in render(helm, values).webhooks.values():
        assert webhook["admissionReviewVersions"] == ["v1"]
        assert webhook["sideEffects"] == "None"
        assert webhook["matchPolicy"] == "Equivalent"
        assert webhook["timeoutSeconds"] == (5 if values == OPTIONS else 10)


@every_values
def test_the_api_server_trusts_the_authority_that_was_given_and_nothing_else_is_rendered(
    values: Path, helm: Path
) -> None:
    given = yaml.safe_load(values.read_text(encoding="utf-8")).get("tls", {}).get("caBundle")
    rendered = render(helm, values)
    for webhook in (*rendered.webhooks.values(), *rendered.guard.values()):
        bundle = webhook["clientConfig"].get("caBundle")
        assert (bundle and base64.b64decode(bundle, validate=True).decode()) == given


def test_the_api_server_calls_the_service(helm: Path) -> None:
    rendered = render(helm, OPTIONS)
    name = rendered.the("Service")["metadata"]["name"]
    called = {"name": name, "namespace": NAMESPACE, "path": "/validate", "port": 443}
    for webhook in rendered.webhooks.values():
        assert webhook["clientConfig"].keys() == {"service", "caBundle"}
        assert webhook["clientConfig"]["service"] == called


def test_the_api_server_calls_the_url_instead_where_there_is_one(helm: Path) -> None:
    for webhook in render(helm, URL).webhooks.values():
        assert webhook["clientConfig"].keys() == {"url"}
        assert webhook["clientConfig"]["url"] == "https://tidewaiter.example.com/validate"
