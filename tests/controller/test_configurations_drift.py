import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.controller import rendered
from webhook.controller.configurations.drift import Field, Gravity, differences, stamp_difference
from webhook.controller.configurations.webhooks import STAMP, parse, written

Tweak = Callable[[dict[str, Any]], Any]
LOOSER, OTHER = Gravity.LOOSER, Gravity.OTHER


def first_rule(**change: Any) -> Tweak:
    return lambda webhook: webhook["rules"][0].update(change)


def selector(key: str, value: dict[str, Any]) -> Tweak:
    return lambda webhook: webhook.update({key: value})


EXCLUDED = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "tidewaiter"]}
WIDER = {**EXCLUDED, "values": [*EXCLUDED["values"], "prod"]}

DRIFTS: dict[str, tuple[Tweak, Field, Gravity]] = {
    "failing open": (lambda webhook: webhook.update(failurePolicy="Ignore"), Field.FAILURE_POLICY, LOOSER),
    "no rules": (lambda webhook: webhook.update(rules=[]), Field.RULES, LOOSER),
    "no rules at all": (lambda webhook: webhook.pop("rules"), Field.RULES, LOOSER),
    "one rule less": (lambda webhook: webhook["rules"].pop(), Field.RULES, LOOSER),
    "one operation less": (first_rule(operations=["CREATE"]), Field.RULES, LOOSER),
    "one resource less": (first_rule(resources=["pods"]), Field.RULES, LOOSER),
    "another group": (first_rule(apiGroups=["pods.example"]), Field.RULES, LOOSER),
    "another version": (first_rule(apiVersions=["v2"]), Field.RULES, LOOSER),
    "another scope": (first_rule(scope="Cluster"), Field.RULES, LOOSER),
    "any operation": (first_rule(operations=["*"]), Field.RULES, OTHER),
    "any resource, of which no subresource is one": (first_rule(resources=["*"]), Field.RULES, LOOSER),
    "any scope": (first_rule(scope="*"), Field.RULES, OTHER),
    "one more rule": (lambda webhook: webhook["rules"].append({**webhook["rules"][0]}), Field.RULES, OTHER),
    "one more namespace excluded": (
        selector("namespaceSelector", {"matchLabels": {"tier": "signed"}, "matchExpressions": [WIDER]}),
        Field.NAMESPACE_SELECTOR,
        LOOSER,
    ),
    "another label demanded": (
        selector("namespaceSelector", {"matchLabels": {"tier": "none"}, "matchExpressions": [EXCLUDED]}),
        Field.NAMESPACE_SELECTOR,
        LOOSER,
    ),
    "a label no longer demanded": (
        selector("namespaceSelector", {"matchExpressions": [EXCLUDED]}),
        Field.NAMESPACE_SELECTOR,
        OTHER,
    ),
    "every namespace": (selector("namespaceSelector", {}), Field.NAMESPACE_SELECTOR, OTHER),
    "pods with a label only": (
        selector("objectSelector", {"matchLabels": {"judge": "me"}}),
        Field.OBJECT_SELECTOR,
        LOOSER,
    ),
    "one more condition": (
        lambda webhook: webhook["matchConditions"].append({"name": "never", "expression": "false"}),
        Field.MATCH_CONDITIONS,
        LOOSER,
    ),
    "another condition": (
        lambda webhook: webhook["matchConditions"][0].update(expression="false"),
        Field.MATCH_CONDITIONS,
        LOOSER,
    ),
    "no condition": (lambda webhook: webhook.pop("matchConditions"), Field.MATCH_CONDITIONS, OTHER),
    "one version of the API only": (lambda webhook: webhook.update(matchPolicy="Exact"), Field.MATCH_POLICY, LOOSER),
    "another service": (
        lambda webhook: webhook["clientConfig"]["service"].update(name="yes-man"),
        Field.CLIENT_CONFIG,
        LOOSER,
    ),
    "another path": (
        lambda webhook: webhook["clientConfig"]["service"].update(path="/livez"),
        Field.CLIENT_CONFIG,
        LOOSER,
    ),
    "a URL": (
        lambda webhook: webhook.update(clientConfig={"url": "https://yes.example/validate"}),
        Field.CLIENT_CONFIG,
        LOOSER,
    ),
    "less time": (lambda webhook: webhook.update(timeoutSeconds=1), Field.TIMEOUT_SECONDS, OTHER),
    "more time": (lambda webhook: webhook.update(timeoutSeconds=30), Field.TIMEOUT_SECONDS, OTHER),
    "another review version": (
        lambda webhook: webhook.update(admissionReviewVersions=["v1beta1", "v1"]),
        Field.ADMISSION_REVIEW_VERSIONS,
        OTHER,
    ),
    "other side effects": (lambda webhook: webhook.update(sideEffects="NoneOnDryRun"), Field.SIDE_EFFECTS, OTHER),
    "called once again": (
        lambda webhook: webhook.update(reinvocationPolicy="IfNeeded"),
        Field.REINVOCATION_POLICY,
        OTHER,
    ),
}


def compared(wanted: dict[str, Any], found: dict[str, Any]) -> list[tuple[Field, str, Gravity]]:
    return [(each.field, each.path, each.gravity) for each in differences(parse(wanted), parse(found))]


@pytest.mark.parametrize("name", DRIFTS)
def test_each_drift_is_the_one_thing_that_is_found(name: str) -> None:
    tweak, field, gravity = DRIFTS[name]
    wanted = rendered.validating()
    found = rendered.live(wanted)
    tweak(found["webhooks"][0])
    if name == "one more rule":
        found["webhooks"][0]["rules"][-1] |= {"resources": ["bindings"]}
    assert compared(wanted, found) == [(field, f"webhooks[pods.tidewaiter.dev].{field.value}", gravity)]


def test_every_field_has_a_drift_of_its_own() -> None:
    whole = {Field.WEBHOOK_MISSING, Field.WEBHOOK_EXTRA, Field.STAMP}
    assert {field for _, field, _ in DRIFTS.values()} == set(Field) - whole


def test_a_difference_says_where_what_was_found_and_what_is_wanted() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"][0]["failurePolicy"] = "Ignore"
    (difference,) = differences(parse(wanted), parse(found))
    assert str(difference) == (
        'webhooks[pods.tidewaiter.dev].failurePolicy: found "Ignore", wanted "Fail": pods may pass unjudged'
    )


def test_a_missing_webhook_is_found() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    del found["webhooks"][0]
    assert compared(wanted, found) == [(Field.WEBHOOK_MISSING, "webhooks[pods.tidewaiter.dev]", LOOSER)]


def test_no_webhook_at_all_is_each_of_them_missing() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    del found["webhooks"]
    assert [field for field, _, _ in compared(wanted, found)] == [Field.WEBHOOK_MISSING] * 2


def test_a_webhook_too_many_is_found() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"].append({**found["webhooks"][0], "name": "more.example.com"})
    assert compared(wanted, found) == [(Field.WEBHOOK_EXTRA, "webhooks[more.example.com]", OTHER)]


def test_a_renamed_webhook_is_one_missing_and_one_too_many_the_graver_first() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"][0]["name"] = "more.example.com"
    assert [field for field, _, _ in compared(wanted, found)] == [Field.WEBHOOK_MISSING, Field.WEBHOOK_EXTRA]


def test_time_and_versions_are_graver_where_a_failure_lets_pods_pass() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"][1] |= {"timeoutSeconds": 1, "admissionReviewVersions": ["v1beta1"]}
    assert [gravity for _, _, gravity in compared(wanted, found)] == [LOOSER, LOOSER]


def test_certificates_labels_annotations_and_unknown_fields_are_no_drift() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"][0]["clientConfig"]["caBundle"] = "b3RoZXI="
    found["webhooks"][0]["filledInByANewerServer"] = "Default"
    found["metadata"]["annotations"]["somebody"] = "else"
    assert compared(wanted, found) == []


def test_the_order_of_what_has_none_is_no_drift() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    found["webhooks"].reverse()
    for webhook in found["webhooks"]:
        webhook["rules"].reverse()
        webhook["matchConditions"].reverse()
        webhook["namespaceSelector"]["matchExpressions"][0]["values"].reverse()
        for rule in webhook["rules"]:
            rule["operations"].reverse()
            rule["resources"].reverse()
    assert compared(wanted, found) == []


@pytest.mark.parametrize("make", [rendered.terse, rendered.validating, rendered.mutating])
def test_defaults_that_are_filled_in_are_no_drift(make: Callable[[], dict[str, Any]]) -> None:
    wanted = make()
    found = rendered.live(wanted)
    found["webhooks"] = [written(each) for each in parse(found).webhooks]
    assert compared(wanted, found) == compared(found, wanted) == []


def test_another_stamp_says_both() -> None:
    wanted = rendered.validating()
    found = rendered.live(wanted)
    del found["metadata"]["annotations"][STAMP]
    difference = stamp_difference(parse(wanted), parse(found))
    assert (difference.field, difference.found, difference.wanted) == (Field.STAMP, '""', f'"{"0" * 64}"')


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the plain values of a document are."""
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, (*path, key))
    else:
        yield path


WHOLE = {**rendered.mutating(), "webhooks": [written(each) for each in parse(rendered.mutating()).webhooks]}

PLACES = sorted(leaves(WHOLE["webhooks"]), key=str)


@given(st.sampled_from(PLACES), st.text(max_size=12), st.integers(1, 30))
def test_any_single_other_value_is_found(path: tuple[str | int, ...], text: str, number: int) -> None:
    found = copy.deepcopy(WHOLE)
    place: Any = found["webhooks"]
    for step in path[:-1]:
        place = place[step]
    before = place[path[-1]]
    place[path[-1]] = number if isinstance(before, int) else text
    assume(place[path[-1]] != before)
    expected = {Field.WEBHOOK_MISSING, Field.WEBHOOK_EXTRA} if path[-1] == "name" and len(path) == 2 else {path[1]}
    assert {field for field, _, _ in compared(WHOLE, found)} == expected


IN_LISTS = [path for path in PLACES if isinstance(path[-1], int)]


@pytest.mark.parametrize("path", IN_LISTS, ids=str)
def test_any_single_value_that_is_taken_out_of_a_list_is_found(path: tuple[str | int, ...]) -> None:
    found = copy.deepcopy(WHOLE)
    place: Any = found["webhooks"]
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    assert {field for field, _, _ in compared(WHOLE, found)} == {path[1]}
