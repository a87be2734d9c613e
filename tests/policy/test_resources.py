"""Policies and trust roots that are resources of a cluster."""

import json
from typing import Any

import pytest

from tests.policy.writing import KEY, TRUSTED_ROOT
from webhook import pods
from webhook.codes import Code
from webhook.pods import ImageUse
from webhook.policy.book import Policy
from webhook.policy.matching import Match
from webhook.policy.resources import MAX_FAULTS, MAX_VALUES, Compiled, Compiler, Secrets, secret_names
from webhook.policy.unusable import is_usable
from webhook.verdict import Mode

GOOD = {"containers": {"runAsNonRoot": True}}
TYPO = {"containers": {"runAsNonRoto": True}}
ROOT = {"trustedRoot": json.loads(TRUSTED_ROOT)}


def resource(spec: Any, **more: Any) -> dict[str, Any]:
    metadata = {"name": "x", "uid": "1", "annotations": {"no/key/of/a/label": "x"}, "managedFields": [{}]}
    return {"apiVersion": "tidewaiter.dev/v1alpha1", "metadata": metadata, "spec": spec, **more}


def compiled(roots: dict[str, Any] | None = None, given: tuple[str, ...] = (), /, **specs: Any) -> Compiled:
    policies = {name: resource(spec) for name, spec in specs.items()}
    return Compiler(given).compiled(policies, {name: resource(each) for name, each in (roots or {}).items()}, {})


def the(found: Compiled, name: str) -> Policy:
    return next(policy for policy in found.book.policies if policy.name == name)


def findings(policy: Policy) -> list[tuple[Code, str, str]]:
    pod = pods.of_images([ImageUse(text="nginx", path="spec.containers[0].image", container="a")])
    return [(each.code, each.path, each.message) for check in policy.checks for each in check(pod, policy.rules)]


def keyless(trust_root: str | None = None) -> dict[str, Any]:
    authority = {"name": "ci", "keyless": {"issuer": "https://issuer.example.com", "subject": "a@example.com"}}
    if trust_root:
        authority["trustRoot"] = trust_root
    verify = {"name": "ours", "images": ["registry.example.com/**"], "signatures": {}}
    return {"images": {"authorities": [authority], "verify": [verify]}}


def test_a_resource_says_what_a_file_does_whatever_the_api_server_adds() -> None:
    found = Compiler().compiled({"first": resource(GOOD, status={"conditions": []}, kind="ClusterPodPolicy")}, {}, {})
    assert found.faults == ()
    assert is_usable(the(found, "first"))
    assert found.book.generation == compiled(first=GOOD).book.generation


def test_a_fault_makes_its_policy_deny_with_the_path_and_leaves_the_others_as_they_are() -> None:
    found = compiled(first=GOOD, second=TYPO)
    assert is_usable(the(found, "first"))
    assert not is_usable(the(found, "second"))
    told = "spec.containers.runAsNonRoto: unknown field `runAsNonRoto`, did you mean `runAsNonRoot`?"
    assert findings(the(found, "second")) == [
        (Code.POLICY_UNUSABLE, "spec", f"the policy cannot be used: {told}"),
    ]
    assert [str(fault) for fault in found.faults] == [f"ClusterPodPolicy/second: {told}"]


@pytest.mark.parametrize(
    ("spec", "mode"),
    [
        (TYPO, Mode.ENFORCE),
        ({**TYPO, "mode": "Warn"}, Mode.WARN),
        ({**TYPO, "mode": "Audit"}, Mode.AUDIT),
        ({**TYPO, "mode": "audit"}, Mode.ENFORCE),
        ({**TYPO, "mode": None}, Mode.ENFORCE),
        ({**TYPO, "mode": ["Audit"]}, Mode.ENFORCE),
        ({**TYPO, "mod": "Audit"}, Mode.ENFORCE),
        (None, Mode.ENFORCE),
        ("text", Mode.ENFORCE),
    ],
)
def test_a_mode_that_cannot_be_read_is_enforce(spec: Any, mode: Mode) -> None:
    assert the(compiled(broken=spec), "broken").mode is mode


@pytest.mark.parametrize(
    ("spec", "everything"),
    [
        ({**TYPO, "match": {"namespaces": {"include": ["dev"]}}}, False),
        (TYPO, True),
        ({**GOOD, "match": {"namespaces": {"include": ["dev"], "exlude": ["dev"]}}}, True),
        ({**GOOD, "match": None}, True),
        ({**GOOD, "match": {"namespaces": {"include": []}}}, True),
        ({**GOOD, "match": {"nameSpaces": {"include": ["dev"]}}}, True),
        ([], True),
    ],
)
def test_a_match_that_cannot_be_read_is_every_pod(spec: Any, everything: bool) -> None:
    policy = the(compiled(broken=spec), "broken")
    assert not is_usable(policy)
    assert (policy.match == Match()) is everything


def test_what_has_not_changed_is_not_compiled_again() -> None:
    compiler, first, second = Compiler(), resource(GOOD), resource(GOOD)
    before = compiler.compiled({"first": first, "second": second}, {"corp": resource(ROOT)}, {})
    after = compiler.compiled({"first": first, "second": resource(GOOD)}, {"corp": resource(ROOT)}, {})
    assert the(before, "first") is the(after, "first")
    assert the(before, "second") is not the(after, "second")
    assert before.book.generation == after.book.generation


def test_the_generation_follows_the_fault() -> None:
    generations = {compiled(one=spec).book.generation for spec in (GOOD, TYPO, {**TYPO, "mode": "Warn"}, {"a": 1})}
    assert len(generations) == 4


def test_trust_roots_stand_beside_the_policies_that_name_them() -> None:
    found = compiled({"corp": ROOT}, one=keyless("corp"))
    assert found.faults == ()
    assert found.book.trust_roots.keys() == {"corp"} == found.book.needed_trust_roots


def test_a_trust_root_that_is_nowhere_makes_the_policy_unusable() -> None:
    found = compiled(one=keyless("corp"))
    assert not is_usable(the(found, "one"))
    assert found.faults[0].path == "spec.images.authorities[0].trustRoot"
    assert is_usable(the(compiled({}, ("corp",), one=keyless("corp")), "one"))


def test_a_trust_root_with_a_fault_is_not_replaced_by_the_one_that_is_built_in() -> None:
    found = compiled({"public-good": {"trustedRoot": {"mediaType": "x"}}}, one=keyless(), two=GOOD)
    assert not is_usable(the(found, "one"))
    assert is_usable(the(found, "two"))
    assert found.book.trust_roots == {}
    root, policy = map(str, found.faults)
    assert root.startswith("TrustRoot/public-good: spec.trustedRoot: ")
    assert policy.startswith(
        "ClusterPodPolicy/one: spec.images.authorities: trust root public-good: TrustRoot/public-good"
    )


def test_a_trust_root_that_a_flag_gives_too_is_neither() -> None:
    found = compiled({"corp": ROOT}, ("corp",), one=keyless("corp"))
    assert found.book.trust_roots == {}
    assert not is_usable(the(found, "one"))
    assert str(found.faults[0]) == "TrustRoot/corp: metadata.name: is the name of a trust root of --trust-root"


@pytest.mark.parametrize(
    ("roots", "spec"),
    [
        ({}, {"images": {"authorities": [{"name": "a", "key": {"file": "/etc/passwd"}}]}}),
        ({"corp": {"file": "/etc/passwd"}}, keyless("corp")),
    ],
)
def test_no_file_is_read_for_a_resource(roots: dict[str, Any], spec: Any) -> None:
    found = compiled(roots, one=spec)
    assert not is_usable(the(found, "one"))
    assert found.faults[0].message == "cannot be read: only policies from files may name files"


def keyed(key: Any) -> dict[str, Any]:
    verify = {"name": "ours", "images": ["registry.example.com/**"], "signatures": {}}
    return {"images": {"authorities": [{"name": "a", "key": key}], "verify": [verify]}}


REF = {"secretRef": {"name": "keys", "key": "a.pub"}}


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        ({("keys", "a.pub"): KEY.encode()}, None),
        ({("keys", "a.pub"): "there is no such Secret"}, "cannot be read: there is no such Secret"),
        ({}, "cannot be read: was not read"),
        ({("keys", "a.pub"): b"\xff"}, "not one PEM block that begins with -----BEGIN PUBLIC KEY-----"),
    ],
)
def test_a_key_comes_from_a_secret(secrets: Secrets, told: str | None) -> None:
    found = Compiler().compiled({"one": resource(keyed(REF))}, {}, secrets)
    assert [(fault.path, fault.message) for fault in found.faults] == (
        [("spec.images.authorities[0].key.secretRef", told)] if told else []
    )


def test_a_secret_that_changes_is_compiled_anew_and_another_one_is_not() -> None:
    compiler, one = Compiler(), resource(keyed(REF))
    first = compiler.compiled({"one": one}, {}, {("keys", "a.pub"): KEY.encode()})
    same = compiler.compiled({"one": one}, {}, {("keys", "a.pub"): KEY.encode(), ("others", "b"): b"x"})
    other = compiler.compiled({"one": one}, {}, {("keys", "a.pub"): b"x"})
    assert the(first, "one") is the(same, "one")
    assert not is_usable(the(other, "one"))


@pytest.mark.parametrize(
    "spec",
    [
        None,
        {"images": []},
        {"images": {"authorities": {}}},
        keyed(None),
        keyed({"secretRef": "keys"}),
        keyed({"secretRef": {"name": 1, "key": "a"}}),
        keyed({"secretRef": {"name": "a", "key": None}}),
        keyed({"pem": "x"}),
    ],
)
def test_where_no_secret_is_named_as_it_should_be_none_is_read(spec: Any) -> None:
    assert list(secret_names(resource(spec))) == []
    assert list(secret_names(resource(keyed(REF)))) == [("keys", "a.pub")]


def test_whatever_goes_wrong_with_a_policy_it_is_not_skipped() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    found = compiled(deep={**GOOD, "match": {"namespaceSelector": {"matchLabels": deep}}}, other=GOOD)
    assert not is_usable(the(found, "deep"))
    assert is_usable(the(found, "other"))
    wrong = Compiler().compiled({"one": resource(keyed(REF))}, {}, {("keys", "a.pub"): 7})  # type: ignore[dict-item]
    assert [fault.message for fault in wrong.faults] == ["cannot be read (AttributeError)"]


def test_of_many_faults_of_one_resource_some_are_told_and_how_many_more_there_are() -> None:
    found = compiled(first={**GOOD, **dict.fromkeys(map(str, range(100)), 1)}, second=TYPO)
    assert len(found.faults) == MAX_FAULTS + 1 + 1
    assert found.faults[MAX_FAULTS].message == "and 68 more faults"
    assert not is_usable(the(found, "first"))


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"containers": dict.fromkeys(map(str, range(MAX_VALUES)), 1)}, id="members"),
        pytest.param({"images": {"allow": ["registry.example.com/a"] * MAX_VALUES}}, id="items"),
        pytest.param({"images": {"allow": [[[]] for _ in range(MAX_VALUES // 2)]}}, id="nested"),
    ],
)
def test_a_resource_with_too_many_values_is_not_read_and_denies(spec: Any) -> None:
    found = compiled(first=spec)
    assert [fault.message for fault in found.faults] == ["has more than 5,000 values"]
    assert not is_usable(the(found, "first"))
