"""The controller's Deployment: what it is told, what it may do and why, and what it compares configurations with."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.charts.rendering import AUDIT, CHART, CI_VALUES, CLUSTER, NAMESPACE, OPTIONS, POLICY, URL, Rendering, render

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

NAME = "tidewaiter-controller"
CONTROLLER = CHART / "ci" / "controller-values.yaml"
EVERYTHING = CHART / "ci" / "everything-values.yaml"
STAMP = "tidewaiter.dev/rendered"
every_values = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)


def _rules(rendered: Rendering) -> list[tuple[str, dict[str, Any]]]:
    """The kind of role and the rule."""
    roles = [each for each in rendered.of("controller") if each["kind"] in {"ClusterRole", "Role"}]
    return [(role["kind"], rule) for role in roles for rule in role["rules"]]


def _rule(rendered: Rendering, resource: str) -> list[tuple[str, list[str], list[str]]]:
    """Kind of role, verbs and names of each rule about a resource."""
    return [
        (kind, rule["verbs"], rule.get("resourceNames", []))
        for kind, rule in _rules(rendered)
        if resource in rule["resources"]
    ]


def _flags(rendered: Rendering, prefix: str) -> list[str]:
    return [each for each in rendered.args_of("controller") if each.startswith(prefix)]


def test_it_is_a_program_of_its_own_with_two_replicas(helm: Path) -> None:
    rendered = render(helm, AUDIT)
    deployment = rendered.the("Deployment", "controller")
    assert (deployment["metadata"]["name"], deployment["spec"]["replicas"]) == (NAME, 2)
    assert rendered.pod_of("controller")["serviceAccountName"] == NAME != rendered.pod["serviceAccountName"]
    command, *flags = rendered.args_of("controller")
    assert command == "controller"
    assert {f"--namespace={NAMESPACE}", "--name=tidewaiter", "--mode=audit", "--audit-seconds=600"} <= set(flags)


def test_no_service_leads_to_it(helm: Path) -> None:
    rendered = render(helm, AUDIT)
    labels = rendered.the("Deployment", "controller")["spec"]["template"]["metadata"]["labels"]
    assert not rendered.the("Service")["spec"]["selector"].items() <= labels.items()
    assert not rendered.the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_it_judges_as_the_webhook_does(each_helm: Path) -> None:
    rendered = render(each_helm, POLICY)
    own = {"serve", "--workloads", "--pin", "--warm", "--guard", "--bind", "--tls-cert", "--tls-key"}
    engine = {each for each in rendered.args if each.partition("=")[0] not in own}
    assert engine <= set(rendered.args_of("controller"))
    assert rendered.pod["containers"][0]["env"] == rendered.pod_of("controller")["containers"][0]["env"]


def test_it_leaves_the_namespaces_alone_that_the_webhook_does(helm: Path) -> None:
    flags = _flags(render(helm, POLICY), "--exempt-namespace")
    assert flags == [f"--exempt-namespace={name}" for name in (NAMESPACE, "kube-system", "monitoring")]


def test_nothing_of_it_is_there_where_it_is_not_wanted(helm: Path) -> None:
    assert render(helm, OPTIONS).of("controller") == []


@pytest.mark.parametrize(
    ("values", "arguments", "told"),
    [
        (AUDIT, (), ["in-process", "tidewaiter-tls", "tidewaiter.tidewaiter-system.svc"]),
        (URL, (), ["in-process", "tidewaiter-tls", "tidewaiter.tidewaiter-system.svc", "tidewaiter.example.com"]),
        (
            AUDIT,
            ("--set=webhook.url=https://[fd00::7]:8443/validate",),
            ["in-process", "tidewaiter-tls", ..., "fd00::7"],
        ),
        (CLUSTER, (), ["given", "tidewaiter-example-com", "tidewaiter.tidewaiter-system.svc"]),
        (POLICY, (), ["none"]),
        (CONTROLLER, (), ["none"]),
    ],
)
def test_it_is_told_whose_certificate_is_served(
    values: Path, arguments: tuple[str, ...], told: list[Any], helm: Path
) -> None:
    flags = [each.partition("=")[2] for each in _flags(render(helm, values, *arguments), "--tls")]
    assert len(flags) == len(told)
    assert all(expected in {flag, ...} for flag, expected in zip(flags, told, strict=True))


def test_cert_manager_makes_a_certificate_of_the_release_and_tells_whom_to_trust(each_helm: Path) -> None:
    rendered = render(each_helm, CHART / "ci" / "certmanager-values.yaml")
    certificates = {
        each["metadata"]["name"]: each["spec"] for each in rendered.objects if each["kind"] == "Certificate"
    }
    served = certificates["tidewaiter-tls"]
    assert (served["secretName"], served["issuerRef"]["name"]) == ("tidewaiter-tls", "tidewaiter-ca")
    assert served["dnsNames"] == ["tidewaiter.tidewaiter-system.svc"]
    assert served["ipAddresses"] == ["203.0.113.7"]
    assert certificates["tidewaiter-ca"]["isCA"] is True
    annotations = rendered.the("ValidatingWebhookConfiguration")["metadata"]["annotations"]
    assert annotations["cert-manager.io/inject-ca-from"] == f"{NAMESPACE}/tidewaiter-tls"


def test_an_issuer_that_is_there_signs_where_it_is_named(helm: Path) -> None:
    objects = render(helm, CONTROLLER).objects
    (certificate,) = (each for each in objects if each["kind"] == "Certificate")
    assert certificate["spec"]["issuerRef"] == {
        "name": "corporate",
        "kind": "ClusterIssuer",
        "group": "cert-manager.io",
    }
    assert "Issuer" not in {each["kind"] for each in objects}


@every_values
def test_keys_of_authorities_never_come_into_a_pod_that_serves(values: Path, helm: Path) -> None:
    (volume,) = (each for each in render(helm, values).pod["volumes"] if each["name"] == "tls")
    assert [each["key"] for each in volume["secret"]["items"]] == ["tls.crt", "tls.key"]
    assert "optional" not in volume["secret"]


@every_values
def test_it_has_no_right_that_reaches_further_than_its_work(values: Path, helm: Path) -> None:
    rendered = render(helm, values)
    for kind, rule in _rules(rendered):
        assert not {"*", "deletecollection", "escalate", "bind", "impersonate"} & set(rule["verbs"])
        assert "*" not in (*rule["resources"], *rule["apiGroups"])
        if "secrets" in rule["resources"] and rule["verbs"] != ["create"]:
            pulls = kind == "ClusterRole" and rule["verbs"] == ["get"]
            assert rule.get("resourceNames") or pulls


def test_it_writes_to_no_object_of_anybody_else(helm: Path) -> None:
    writing = {
        resource
        for _, rule in _rules(render(helm, EVERYTHING))
        if {"create", "update", "patch", "delete"} & set(rule["verbs"]) and "resourceNames" not in rule
        for resource in rule["resources"]
    }
    assert writing == {
        "clusterpodpolicies/status",
        "trustroots/status",
        "reports",
        "clusterreports",
        "events",
        "leases",
        "secrets",
    }


def test_configurations_are_told_whom_to_trust_and_never_made_or_deleted(helm: Path) -> None:
    resource, names = "validatingwebhookconfigurations", ["tidewaiter", "tidewaiter-guard"]
    assert _rule(render(helm, AUDIT), resource) == [("ClusterRole", ["get", "patch", "update"], names)]
    assert _rule(render(helm, POLICY), resource) == [("ClusterRole", ["get"], names)]
    mended = render(helm, POLICY, "--set=controller.mendConfigurations=true")
    assert _rule(mended, resource) == [("ClusterRole", ["get", "update"], names)]
    assert "--mend-configurations" in mended.args_of("controller")


def test_secrets_are_those_that_it_has_to_do_with(helm: Path) -> None:
    made = [("Role", ["create"], []), ("Role", ["get", "update"], ["tidewaiter-tls"])]
    assert _rule(render(helm, AUDIT), "secrets") == made
    assert _rule(render(helm, CONTROLLER), "secrets") == []
    named = [("Role", ["get"], ["tidewaiter-example-com"]), ("Role", ["get"], ["cosign-keys"])]
    assert _rule(render(helm, CLUSTER), "secrets") == named


@pytest.mark.parametrize(
    ("api", "groups"),
    [
        ("auto", {"openreports.io", "wgpolicyk8s.io"}),
        ("openreports", {"openreports.io"}),
        ("wgpolicyk8s", {"wgpolicyk8s.io"}),
        ("none", set[str]()),
    ],
)
def test_reports_are_written_in_the_api_that_values_name(api: str, groups: set[str], helm: Path) -> None:
    rendered = render(helm, AUDIT, f"--set=reports.api={api}")
    found = {group for _, rule in _rules(rendered) for group in rule["apiGroups"]}
    assert found & {"openreports.io", "wgpolicyk8s.io"} == groups
    assert f"--report-api={api}" in rendered.args_of("controller")


def test_where_nothing_is_audited_it_may_neither_look_nor_tell(helm: Path) -> None:
    values = ("--set=controller.auditSeconds=0", "--set=registry.pullSecrets=true", "--set=policySource=cluster")
    of_the_cluster = [rule for kind, rule in _rules(render(helm, AUDIT, *values)) if kind == "ClusterRole"]
    assert {each for rule in of_the_cluster for each in rule["apiGroups"]} == {
        "admissionregistration.k8s.io",
        "tidewaiter.dev",
    }


@every_values
def test_every_rule_has_its_reason_beside_it(values: Path, helm: Path) -> None:
    for document in render(helm, values).text.split("\n---\n"):
        if re.search(r"^kind: (Cluster)?Role$", document, re.MULTILINE):
            rules = document.partition("\nrules:\n")[2]
            assert rules.startswith("  # ")
            assert rules.count("- apiGroups:") >= rules.count("\n  # ")


@every_values
def test_what_configurations_are_meant_to_be_is_what_is_rendered(values: Path, each_helm: Path) -> None:
    rendered = render(each_helm, values)
    if "controller" not in rendered.parts:
        return
    data = rendered.the("ConfigMap", "controller")["data"]
    meant = {key: yaml.safe_load(text) for key, text in data.items()}
    live = {_key(each): each for each in rendered.objects if each["kind"].endswith("WebhookConfiguration")}
    assert meant.keys() == live.keys()
    for key, each in live.items():
        assert (meant[key]["kind"], meant[key]["metadata"]["name"]) == (each["kind"], each["metadata"]["name"])
        stamp = each["metadata"]["annotations"][STAMP]
        assert re.fullmatch("[0-9a-f]{64}", stamp)
        assert stamp == meant[key]["metadata"]["annotations"][STAMP]
        assert meant[key]["webhooks"] == [_without_bundle(webhook) for webhook in each["webhooks"]]


def _key(configuration: dict[str, Any]) -> str:
    if configuration["kind"].startswith("Mutating"):
        return "pin.yaml"
    return "guard.yaml" if configuration["metadata"]["name"].endswith("-guard") else "validating.yaml"


def _without_bundle(webhook: dict[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in webhook["clientConfig"].items() if key != "caBundle"}
    return {**webhook, "clientConfig": config}


def test_another_rendering_has_another_stamp(helm: Path, helm3: Path) -> None:
    def stamp(program: Path, *arguments: str) -> str:
        configuration = render(program, AUDIT, *arguments).the("ValidatingWebhookConfiguration")
        found: str = configuration["metadata"]["annotations"][STAMP]
        return found

    assert stamp(helm) == stamp(helm3) != hashlib.sha256().hexdigest()
    assert stamp(helm) != stamp(helm, "--set=webhook.timeoutSeconds=9")
    assert stamp(helm) == stamp(helm, "--set=replicaCount=5")
