"""Which namespaces a policy speaks about."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.writing import VALID, of_match, policy
from webhook.policy.matching import Glob, LabelRequirement, Match, Operator

GLOBS = [
    ("prod", "prod", True),
    ("prod", "prod-a", False),
    ("prod", "", False),
    ("prod-*", "prod-a", True),
    ("prod-*", "prod-", True),
    ("prod-*", "prod", False),
    ("prod-*", "a-prod-a", False),
    ("*-prod", "a-prod", True),
    ("*-prod", "a-prod-b", False),
    ("*", "", True),
    ("*", "anything", True),
    ("**", "anything", True),
    ("a*a", "a", False),
    ("a*a", "aa", True),
    ("a*b*c", "a-b-c", True),
    ("a*b*c", "acb", False),
    ("a*b*c", "abc", True),
    ("ab*ba", "aba", False),
    ("a*b*b", "ab", False),
    ("a*b*b", "abb", True),
    ("*ab*ab*", "abab", True),
    ("*ab*ab*", "aba", False),
    ("kube-*", "kube\n", False),
]


@pytest.mark.parametrize(("glob", "name", "matches"), GLOBS)
def test_a_star_stands_for_any_characters_and_the_rest_for_itself(glob: str, name: str, matches: bool) -> None:
    assert Glob.of(glob).matches(name) is matches


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_a_glob_means_the_regular_expression_that_it_looks_like(glob: str, name: str) -> None:
    expression = ".*".join(map(re.escape, glob.split("*")))
    assert Glob.of(glob).matches(name) == (re.fullmatch(expression, name) is not None)


def test_a_glob_of_many_stars_takes_no_time() -> None:
    assert not Glob.of("*a" * 30 + "b").matches("a" * 63)


LABELS = [
    (Operator.IN, {"tier": "gold"}, True),
    (Operator.IN, {"tier": "bronze"}, False),
    (Operator.IN, {}, False),
    (Operator.NOT_IN, {"tier": "gold"}, False),
    (Operator.NOT_IN, {"tier": "bronze"}, True),
    (Operator.NOT_IN, {}, True),
    (Operator.EXISTS, {"tier": ""}, True),
    (Operator.EXISTS, {"team": "gold"}, False),
    (Operator.DOES_NOT_EXIST, {"tier": ""}, False),
    (Operator.DOES_NOT_EXIST, {}, True),
]


@pytest.mark.parametrize(("operator", "labels", "holds"), LABELS)
def test_labels_are_selected_as_kubernetes_selects_them(
    operator: Operator, labels: dict[str, str], holds: bool
) -> None:
    assert LabelRequirement("tier", operator, frozenset({"gold", "silver"})).holds(labels) is holds


KEYS = st.sampled_from("abc")
VALUES = st.sampled_from("xyz")
NAMESPACE_LABELS = st.dictionaries(KEYS, VALUES)


@given(KEYS, st.frozensets(VALUES, min_size=1), NAMESPACE_LABELS)
def test_each_operator_is_the_opposite_of_its_partner(key: str, values: frozenset[str], labels: dict[str, str]) -> None:
    def holds(operator: Operator) -> bool:
        return LabelRequirement(key, operator, values).holds(labels)

    assert holds(Operator.IN) is not holds(Operator.NOT_IN)
    assert holds(Operator.EXISTS) is not holds(Operator.DOES_NOT_EXIST)


@given(NAMESPACE_LABELS, NAMESPACE_LABELS)
def test_match_labels_select_exactly_what_has_them_all(wanted: dict[str, str], labels: dict[str, str]) -> None:
    selector = tuple(LabelRequirement(key, Operator.IN, frozenset({value})) for key, value in wanted.items())
    assert Match(selector=selector).selects(labels) is (wanted.items() <= labels.items())


def test_nothing_given_restricts_nothing() -> None:
    assert Match().names("any")
    assert Match().selects({})
    assert policy(of_match("p")).match == Match()


MATCHES = [
    ('{namespaces: {include: ["prod-*", test]}}', "prod-a", True),
    ('{namespaces: {include: ["prod-*", test]}}', "test", True),
    ('{namespaces: {include: ["prod-*", test]}}', "test-a", False),
    ("{namespaces: {exclude: [kube-system]}}", "kube-system", False),
    ("{namespaces: {exclude: [kube-system]}}", "kube-system2", True),
    ("{namespaces: {exclude: [kube-system]}}", "kube-evil", True),
    ('{namespaces: {include: ["prod-*"], exclude: [prod-a]}}', "prod-a", False),
    ('{namespaces: {include: ["prod-*"], exclude: [prod-a]}}', "prod-b", True),
]


@pytest.mark.parametrize(("match", "namespace", "matches"), MATCHES)
def test_a_policy_speaks_about_the_namespaces_that_its_match_names(match: str, namespace: str, matches: bool) -> None:
    assert policy(of_match("p", match)).match.names(namespace) is matches


def test_labels_and_expressions_of_a_selector_must_all_hold() -> None:
    match = policy(VALID).match
    assert match.selects({"team": "payments", "tier": "gold", "other": ""})
    assert not match.selects({"team": "payments", "tier": "bronze"})
    assert not match.selects({"team": "other", "tier": "gold"})
    assert not match.selects({})


def test_a_selector_of_expressions_alone_is_one() -> None:
    match = policy(of_match("p", "{namespaceSelector: {matchExpressions: [{key: a, operator: Exists}]}}")).match
    assert match.selects({"a": ""})
    assert not match.selects({})
