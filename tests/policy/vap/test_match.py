"""Which namespaces a generated policy is about."""

from typing import Any

import pytest

from tests.policy.writing import of_match, policy
from webhook.policy.vap.match import NAMESPACE_NAME, conditions, constraints


def selected(match: str, *exempt: str) -> list[dict[str, Any]]:
    found = constraints(policy(of_match("p", match)).match, exempt)
    expressions: list[dict[str, Any]] = found["namespaceSelector"]["matchExpressions"]
    return expressions


def test_nothing_given_restricts_nothing() -> None:
    assert selected("") == []


def test_names_are_selected_by_the_label_that_the_api_server_writes() -> None:
    assert selected("{namespaces: {include: [b, a], exclude: [c]}}", "kube-system") == [
        {"key": NAMESPACE_NAME, "operator": "NotIn", "values": ["c", "kube-system"]},
        {"key": NAMESPACE_NAME, "operator": "In", "values": ["a", "b"]},
    ]


def test_the_selector_of_labels_is_kept() -> None:
    written = (
        "{namespaceSelector: {matchLabels: {team: red}, matchExpressions: [{key: a, operator: Exists},"
        " {key: b, operator: DoesNotExist}, {key: c, operator: NotIn, values: [w, v]}]}}"
    )
    assert selected(written) == [
        {"key": "team", "operator": "In", "values": ["red"]},
        {"key": "a", "operator": "Exists"},
        {"key": "b", "operator": "DoesNotExist"},
        {"key": "c", "operator": "NotIn", "values": ["v", "w"]},
    ]


def test_globs_become_a_condition() -> None:
    match = policy(of_match("p", '{namespaces: {include: ["prod-*", other, "*-x-*"]}}')).match
    assert constraints(match, ())["namespaceSelector"]["matchExpressions"] == []
    assert conditions(match)[1] == {
        "name": "namespaces",
        "expression": "request.namespace.matches('^(?:prod-.*|other|.*-x-.*)$')",
    }


@pytest.mark.parametrize("match", ["", "{namespaces: {include: [a]}}"])
def test_what_a_node_shows_of_its_static_pods_is_left_alone(match: str) -> None:
    [mirror] = conditions(policy(of_match("p", match)).match)
    assert "kubernetes.io/config.mirror" in mirror["expression"]


def test_pods_and_debugging_containers_are_judged() -> None:
    rules = constraints(policy(of_match("p")).match, ())["resourceRules"]
    assert [(each["resources"], each["operations"]) for each in rules] == [
        (["pods"], ["CREATE", "UPDATE"]),
        (["pods/ephemeralcontainers"], ["UPDATE"]),
    ]
