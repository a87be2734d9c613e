"""What the guard is asked about, and when there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.charts.rendering import AUDIT, CLUSTER, NAMESPACE, OPTIONS, POLICY, URL, render

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

POLICIES, NAMESPACES = "policies.guard.tidewaiter.dev", "namespaces.guard.tidewaiter.dev"
RIGHT = {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]}


@pytest.mark.parametrize(
    ("values", "arguments", "guarded"),
    [
        (CLUSTER, [], [POLICIES, NAMESPACES]),
        (CLUSTER, ["--set=guard.enabled=false"], []),
        (CLUSTER, ["--set=mode=audit"], []),
        (POLICY, [], []),
        (POLICY, ["--set=podSecurityLabels=true"], [NAMESPACES]),
        (POLICY, ['--set-json=policies.production.match.namespaceSelector={"matchLabels":{"a":"b"}}'], [NAMESPACES]),
        (POLICY, ["--set=existingPoliciesConfigMap=mine", "--set-json=trustRoots={}"], [NAMESPACES]),
        (AUDIT, ["--set=podSecurityLabels=true"], []),
        (OPTIONS, [], []),
    ],
)
def test_there_is_a_guard_where_findings_deny_and_something_is_to_be_guarded(
    values: Path, arguments: list[str], guarded: list[str], each_helm: Path
) -> None:
    rendered = render(each_helm, values, *arguments)
    assert list(rendered.guard) == guarded
    assert ("--guard" in rendered.args) is bool(guarded)
    assert (RIGHT in rendered.the("ClusterRole")["rules"]) is bool(guarded)


def test_policies_and_namespaces_are_looked_at_as_they_are_written(helm: Path) -> None:
    guard = render(helm, CLUSTER).guard
    rules = [(each["failurePolicy"], each["rules"]) for each in guard.values()]
    once = {"operations": ["CREATE", "UPDATE"], "scope": "Cluster"}
    kinds = ["clusterpodpolicies", "trustroots"]
    assert rules == [
        ("Fail", [{**once, "apiGroups": ["tidewaiter.dev"], "apiVersions": ["v1alpha1"], "resources": kinds}]),
        ("Fail", [{**once, "apiGroups": [""], "apiVersions": ["v1"], "resources": ["namespaces"]}]),
    ]
    for each in guard.values():
        assert each["clientConfig"]["service"]["path"] == "/guard"
        assert (each["sideEffects"], each["timeoutSeconds"]) == ("None", 10)


def _exempt(helm: Path, values: Path, *arguments: str) -> list[str]:
    """The expressions by which the guard is not asked about policies and trust roots."""
    webhook = render(helm, values, "--set=mode=policy", "--set=policySource=cluster", *arguments).guard[POLICIES]
    return [each["expression"] for each in webhook.get("matchConditions", [])]


def test_only_what_the_installation_makes_itself_is_not_looked_at(each_helm: Path) -> None:
    (expression,) = _exempt(each_helm, CLUSTER)
    assert expression == (
        "request.operation != 'CREATE'"
        " || object.metadata.?annotations[?'helm.sh/hook'].orValue('') != 'post-install'"
        " || !(request.resource.resource + '/' + object.metadata.?name.orValue('')"
        ' in ["clusterpodpolicies/production","trustroots/sigstore"])'
    )


def test_everything_is_looked_at_from_the_first_upgrade_on(each_helm: Path) -> None:
    assert _exempt(each_helm, CLUSTER, "--is-upgrade") == []


def test_everything_is_looked_at_where_the_installation_makes_nothing(each_helm: Path) -> None:
    assert _exempt(each_helm, AUDIT, "--set-json=policies.starter=null") == []


@pytest.mark.parametrize("match", ["null", "[]", '["a"]', '"a"'])
def test_a_match_that_is_no_object_is_no_fault_of_the_templates(match: str, each_helm: Path) -> None:
    rendered = render(each_helm, POLICY, "--skip-schema-validation", f"--set-json=policies.production.match={match}")
    assert rendered.guard == {}


def test_the_release_and_kube_system_stay_in_the_hands_of_whoever_has_them(helm: Path) -> None:
    (term,) = render(helm, CLUSTER).guard[NAMESPACES]["namespaceSelector"]["matchExpressions"]
    assert (term["key"], term["operator"]) == ("kubernetes.io/metadata.name", "NotIn")
    assert term["values"] == [NAMESPACE, "kube-system"]


def test_the_guard_is_asked_at_the_url_where_there_is_one(helm: Path) -> None:
    guard = render(helm, URL, "--set=mode=policy", "--set=noMatch=allow", "--set=podSecurityLabels=true").guard
    assert guard[NAMESPACES]["clientConfig"]["url"] == "https://tidewaiter.example.com/guard"
