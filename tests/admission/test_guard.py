"""The guard of policies and of the labels that they read."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from tests.admission.conftest import FixedPolicies, book
from webhook.admission.guard import MAX_BYTES, Guard
from webhook.admission.review import ReviewError
from webhook.objects import User
from webhook.policy.book import Book
from webhook.policy.resources import MAX_FAULTS, MAX_VALUES

PEM = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
TEAM = "team"
POLICIES = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: payments}
spec:
  match:
    namespaceSelector:
      matchExpressions:
      - {key: team, operator: In, values: [payments]}
      - {key: kubernetes.io/metadata.name, operator: NotIn, values: [sandbox]}
  containers: {runAsNonRoot: true}
---
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: everywhere}
spec: {containers: {runAsNonRoot: true}}
"""
ENFORCE = "pod-security.kubernetes.io/enforce"


class FixedAuthorization:
    """Fills `webhook.admission.ports.Authorization`."""

    def __init__(self, *, allowed: bool | None) -> None:
        self.allowed = allowed
        self.asked: list[User] = []

    async def may_change_policies(self, user: User, wait: float) -> bool | None:
        assert wait > 0
        self.asked.append(user)
        return self.allowed


class BrokenAuthorization:
    async def may_change_policies(self, user: User, wait: float) -> bool | None:
        raise RuntimeError


def a_review(
    resource: str, new: Any, old: Any = None, *, operation: str = "", group: str = "", sub_resource: str = ""
) -> bytes:
    user = {"username": "dev", "uid": "7", "groups": ["devs"], "extra": {"scopes": ["view"]}}
    request = {
        "uid": "u-1",
        "resource": {"group": group, "version": "v1", "resource": resource},
        "subResource": sub_resource,
        "name": "prod",
        "operation": operation or ("CREATE" if old is None else "UPDATE"),
        "userInfo": user,
        "object": new,
        "oldObject": old,
    }
    document = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    return json.dumps(document).encode()


def namespace(**labels: str) -> dict[str, Any]:
    own = {"kubernetes.io/metadata.name": "prod"}
    return {"kind": "Namespace", "metadata": {"labels": {**own, **labels}}}


def a_policy(spec: Any, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "tidewaiter.dev/v1alpha1",
        "kind": "ClusterPodPolicy",
        "metadata": {"name": "prod", "uid": "1", "managedFields": [], **metadata},
        "spec": spec,
    }


async def answered(
    body: bytes, *, allowed: bool | None = False, pod_security: bool = False, policies: Book | None = None
) -> dict[str, Any]:
    authorization = FixedAuthorization(allowed=allowed)
    guard = Guard(FixedPolicies(policies or book(POLICIES)), authorization, pod_security_labels=pod_security)
    answer = await guard.review(body, 5.0)
    response: dict[str, Any] = json.loads(answer.body)["response"]
    assert response["uid"] == "u-1"
    assert response["allowed"] is (answer.record.decision in {"allow", "ignored"})
    return {**response, "decision": answer.record.decision, "asked": authorization.asked}


def causes(response: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["reason"], each["field"]) for each in response["status"]["details"]["causes"]]


GUARDED = [("LABEL_GUARDED", "metadata.labels.team")]


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param(namespace(team="other"), namespace(team="payments"), id="changed"),
        pytest.param(namespace(), namespace(team="payments"), id="removed"),
        pytest.param(namespace(team="payments"), namespace(), id="added"),
        pytest.param(namespace(team="payments"), None, id="set from the start"),
        pytest.param(namespace(team=""), {"metadata": {}}, id="empty"),
    ],
)
async def test_a_label_that_a_policy_reads_is_changed_by_whoever_may_change_policies(new: Any, old: Any) -> None:
    body = a_review("namespaces", new, old)
    denied = await answered(body)
    assert causes(denied) == GUARDED
    assert denied["status"]["code"] == 403
    assert "the label is read by policy payments" in denied["status"]["message"]
    assert "the right to update clusterpodpolicies.tidewaiter.dev, which 'dev' lacks" in denied["status"]["message"]
    assert denied["asked"] == [User(username="dev", uid="7", groups=("devs",), extra={"scopes": ("view",)})]
    assert (await answered(body, allowed=True))["decision"] == "allow"


async def test_where_the_right_cannot_be_found_out_the_label_stays() -> None:
    denied = await answered(a_review("namespaces", namespace(team="x"), namespace()), allowed=None)
    assert causes(denied) == [("AUTHORIZATION_UNKNOWN", "metadata.labels.team")]
    assert denied["decision"] == "error"
    assert "the API server did not say whether you may update" in denied["status"]["message"]


@pytest.mark.parametrize(
    ("new", "old"),
    [
        pytest.param(namespace(), None, id="made without"),
        pytest.param(namespace(owner="me"), namespace(), id="another label"),
        pytest.param(namespace(team="payments", owner="me"), namespace(team="payments"), id="unchanged"),
        pytest.param({"metadata": None}, {"metadata": {"labels": None}}, id="no labels at all"),
        pytest.param(namespace(**{ENFORCE: "x"}), namespace(), id="Pod Security is not asked of us"),
    ],
)
async def test_nobody_is_asked_about_labels_that_no_policy_reads(new: Any, old: Any) -> None:
    response = await answered(a_review("namespaces", new, old))
    assert (response["decision"], response["asked"]) == ("allow", [])


async def test_all_policies_that_read_a_label_are_named_as_far_as_there_is_room() -> None:
    one = POLICIES.partition("---")[0]
    many = book(*(one.replace("payments}", f"p{index}}}") for index in range(5)))
    response = await answered(a_review("namespaces", namespace(team="x"), namespace()), policies=many)
    assert "the label is read by policies p0, p1, p2 and 2 more;" in response["status"]["message"]


async def test_pod_security_labels_are_guarded_where_they_count() -> None:
    body = a_review("namespaces", namespace(**{ENFORCE: "privileged"}), namespace(**{ENFORCE: "restricted"}))
    denied = await answered(body, pod_security=True)
    assert causes(denied) == [("LABEL_GUARDED", f'metadata.labels["{ENFORCE}"]')]
    assert "the label is read by policy PodSecurity" in denied["status"]["message"]


@pytest.mark.parametrize(
    ("new", "old", "refused"),
    [
        pytest.param({ENFORCE: "strict"}, None, True, id="new namespace"),
        pytest.param({ENFORCE: "strict"}, {}, True, id="new label"),
        pytest.param({ENFORCE: "strict"}, {ENFORCE: "baseline"}, True, id="broken"),
        pytest.param({ENFORCE: "strict", "owner": "me"}, {ENFORCE: "strict"}, False, id="as wrong as before"),
        pytest.param({ENFORCE: "baseline"}, {ENFORCE: "strict"}, False, id="mended"),
        pytest.param({f"{ENFORCE}-version": "1.2"}, None, True, id="no version"),
    ],
)
async def test_pod_security_labels_that_cannot_be_read_are_refused(
    new: dict[str, str], old: dict[str, str] | None, refused: bool
) -> None:
    before = None if old is None else namespace(**old)
    response = await answered(a_review("namespaces", namespace(**new), before), allowed=True, pod_security=True)
    assert response["allowed"] is not refused
    if refused:
        assert [code for code, _ in causes(response)] == ["NAMESPACE_LABEL_INVALID"]
        assert response["status"]["code"] == 400


GOOD = {"containers": {"runAsNonRoot": True}}
TYPO = {"containers": {"runAsNonRoto": True}}


async def resource(new: Any, old: Any = None, *, plural: str = "clusterpodpolicies", **further: str) -> dict[str, Any]:
    return await answered(a_review(plural, new, old, group="tidewaiter.dev", **further))


async def test_a_typo_in_a_policy_is_refused_with_its_path_and_what_was_meant() -> None:
    denied = await resource(a_policy(TYPO))
    assert causes(denied) == [("POLICY_INVALID", "spec.containers.runAsNonRoto")]
    assert "unknown field `runAsNonRoto`, did you mean `runAsNonRoot`?" in denied["status"]["message"]
    assert denied["status"]["code"] == 400
    assert causes(await resource(a_policy(TYPO), a_policy(GOOD))) == causes(denied)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"images": {"authorities": [{"name": "a", "key": {"pem": PEM}}]}}, "spec.images.authorities[0].key.pem"),
        ({"images": {"allow": ["registry.example.com/*/**/x"]}}, "spec.images.allow[0]"),
        ({"images": {"authorities": [{"name": "a", "key": {"file": "k"}}]}}, "spec.images.authorities[0].key.file"),
        ({}, "spec"),
        (None, "spec"),
    ],
)
async def test_a_policy_is_judged_as_one_from_a_file_is(spec: Any, path: str) -> None:
    found = [field for code, field in causes(await resource(a_policy(spec))) if code == "POLICY_INVALID"]
    assert path in found


async def test_what_a_policy_names_need_not_be_there_when_it_is_written() -> None:
    authorities = [{"name": f"a{i}", "key": {"secretRef": {"name": "keys", "key": f"k{i}"}}} for i in range(2)]
    verify = [{"name": "ours", "images": ["registry.example.com/**"], "signatures": {"minimum": 2}}]
    spec = {"images": {"authorities": authorities, "verify": verify}}
    assert (await resource(a_policy(spec)))["allowed"]
    authorities[1]["key"] = authorities[0]["key"]
    assert causes(await resource(a_policy(spec))) == [("POLICY_INVALID", "spec.images.authorities[1].key")]


async def test_a_broken_policy_can_still_be_finalised_and_have_a_status() -> None:
    old, new = a_policy(TYPO), {**a_policy(TYPO, finalizers=[], labels={"a": "b"}), "status": {"ready": False}}
    assert (await resource(new, old))["allowed"]
    assert not (await resource({**new, "more": 1}, old))["allowed"]


async def test_trust_roots_are_guarded_too() -> None:
    document = {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "prod"}}
    denied = await resource({**document, "spec": {"trustedRot": {}}}, plural="trustroots")
    assert {code for code, _ in causes(denied)} == {"POLICY_INVALID"}


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
async def test_nothing_is_said_about_other_operations_and_resources(operation: str) -> None:
    assert (await resource(None, a_policy(TYPO), operation=operation))["decision"] == "ignored"
    assert (await resource(a_policy(TYPO), sub_resource="status"))["decision"] == "ignored"
    assert (await answered(a_review("secrets", {})))["decision"] == "ignored"


@pytest.mark.parametrize("new", [None, [], {"metadata": {"labels": {"a": 1}}}, {"metadata": "x"}])
async def test_an_object_that_is_none_is_refused(new: Any) -> None:
    denied = await answered(a_review("namespaces", new, namespace()))
    assert causes(denied) == [("OBJECT_INVALID", "metadata")]


async def test_a_resource_without_its_old_self_is_judged() -> None:
    assert not (await resource(a_policy(TYPO), operation="UPDATE"))["allowed"]


async def test_whatever_fails_the_request_gets_an_answer_and_it_is_no() -> None:
    guard = Guard(FixedPolicies(book(POLICIES)), BrokenAuthorization(), pod_security_labels=False)
    answer = await guard.review(a_review("namespaces", namespace(team="x"), namespace()))
    response = json.loads(answer.body)["response"]
    assert (response["allowed"], response["status"]["code"], answer.record.decision) == (False, 500, "error")


async def test_what_is_no_review_is_none() -> None:
    guard = Guard(FixedPolicies(book(POLICIES)), FixedAuthorization(allowed=True), pod_security_labels=False)
    with pytest.raises(ReviewError):
        await guard.review(msgspec.json.encode({"kind": "x"}))


MANY_KEYS = {f"k{index}": 1 for index in range(200_000)}
TOO_LARGE = [
    pytest.param(a_policy({"containers": MANY_KEYS}), id="members"),
    pytest.param(a_policy({"images": {"allow": ["a b"] * 130_000}}), id="items"),
    pytest.param({**a_policy(GOOD), **MANY_KEYS}, id="members beside the spec"),
    pytest.param({**a_policy(GOOD), "kind": MANY_KEYS}, id="members of the kind"),
    pytest.param(a_policy({"images": {"allow": ["a" * MAX_BYTES]}}), id="bytes"),
]


@pytest.mark.parametrize("large", TOO_LARGE)
async def test_a_resource_that_is_too_large_is_refused_unread(large: Any) -> None:
    for old in (None, a_policy(GOOD)):
        denied = await resource(large, old)
        assert causes(denied) == [("POLICY_INVALID", "spec")]
        assert "the ClusterPodPolicy is too large: more than 5,000 values or" in denied["status"]["message"]


@pytest.mark.parametrize("large", TOO_LARGE)
async def test_one_that_is_too_large_can_still_be_finalised_and_replaced(large: Any) -> None:
    assert (await resource({**large, "metadata": {"finalizers": []}}, large))["allowed"]
    assert (await resource(a_policy(GOOD), large))["allowed"]


async def test_what_the_api_server_writes_does_not_count() -> None:
    fields = {"managedFields": [{"fieldsV1": MANY_KEYS}], "annotations": {"a": "x" * MAX_BYTES}}
    assert (await resource(a_policy(GOOD, **fields)))["allowed"]
    assert (await resource({**a_policy(GOOD), "status": MANY_KEYS}))["allowed"]


async def test_of_many_faults_the_first_ones_are_told_and_how_many_more_there_are() -> None:
    at_most = await guarded(a_policy({**GOOD, **dict.fromkeys(map(str, range(MAX_FAULTS)), 1)}))
    assert len(at_most) == MAX_FAULTS
    more = await guarded(a_policy({**GOOD, **dict.fromkeys(map(str, range(MAX_FAULTS + 2)), 1)}))
    assert more == [*at_most, "and 2 more faults"]


async def guarded(new: Any) -> list[str]:
    """The messages of all findings, also of those for which an answer has no room."""
    guard = Guard(FixedPolicies(book(POLICIES)), FixedAuthorization(allowed=True), pod_security_labels=False)
    answer = await guard.review(a_review("clusterpodpolicies", new, group="tidewaiter.dev"))
    return [violation.message for violation in answer.record.violations]


ALMOST_TOO_LARGE = [
    pytest.param(a_policy({f"readOnly{index}": 1 for index in range(MAX_VALUES // 2 - 10)}), id="members"),
    pytest.param(a_policy({"images": {"allow": ["a b"] * (MAX_VALUES - 10)}}), id="items"),
]


@pytest.mark.parametrize("large", ALMOST_TOO_LARGE)
async def test_the_event_loop_goes_on_while_a_resource_is_judged(large: Any) -> None:
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    turning = asyncio.create_task(turn())
    found = await guarded(large)
    turning.cancel()
    with suppress(asyncio.CancelledError):
        await turning
    assert "more faults" in found[-1]
    assert turns > 10


async def test_a_resource_that_is_not_judged_in_time_is_refused_without_a_verdict_on_it() -> None:
    guard = Guard(FixedPolicies(book(POLICIES)), FixedAuthorization(allowed=True), pod_security_labels=False)
    body = a_review("clusterpodpolicies", ALMOST_TOO_LARGE[0].values[0], group="tidewaiter.dev")
    answer = await guard.review(body, 0.01)
    status = json.loads(answer.body)["response"]["status"]
    assert (status["code"], answer.record.decision) == (500, "error")
    assert "the ClusterPodPolicy was not judged in time; ask again" in status["message"]
