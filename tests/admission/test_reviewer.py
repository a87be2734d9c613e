import asyncio
import json
import logging
from typing import Any

import pytest

from tests.admission.conftest import Deciders, FixedPolicies, book
from tests.admission.test_decide import APP, HARDENED, RELEASE, SIGNED, TOOL, changed
from tests.fakes.images import FakeRegistry
from webhook.admission.decide import Decider, Options
from webhook.admission.review import Answer, ReviewError
from webhook.admission.reviewer import Reviewer
from webhook.admission.verification import Verification
from webhook.kube.namespaces import KnownNamespaces
from webhook.policy.book import Book
from webhook.verdict import Mode

SAFE = {"runAsNonRoot": True, "readOnlyRootFilesystem": True}


def container(name: str = "app", image: str = APP, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "securityContext": SAFE, **fields}


def a_pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web"}, "spec": {"containers": containers, **spec}}


def deployment(*containers: dict[str, Any], replicas: int = 1) -> dict[str, Any]:
    template = {"spec": {"containers": containers}}
    return {"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"replicas": replicas, "template": template}}


def review(
    obj: Any, old: Any = None, *, resource: str = "pods", group: str = "", operation: str = "CREATE", **request: Any
) -> bytes:
    return json.dumps(
        {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "u-1",
                "resource": {"group": group, "version": "v1", "resource": resource},
                "namespace": "prod",
                "name": "web",
                "operation": operation,
                "userInfo": {"username": "alice"},
                "object": obj,
                "oldObject": old,
                **request,
            },
        }
    ).encode()


def response(answer: Answer) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(answer.body)
    assert document["response"]["uid"] == "u-1"
    found: dict[str, Any] = document["response"]
    return found


def codes(answer: Answer) -> list[str]:
    return [cause["reason"] for cause in response(answer)["status"]["details"]["causes"]]


@pytest.fixture
def signed_app(registry: FakeRegistry) -> None:
    registry.sign(RELEASE, APP)


@pytest.mark.usefixtures("signed_app")
async def test_a_good_pod_is_admitted_and_recorded(decider: Deciders) -> None:
    answer = await Reviewer(decider(SIGNED, HARDENED)).review(review(a_pod(container()), dryRun=True))
    found = response(answer)
    generation = answer.record.generation
    assert found == {
        "uid": "u-1",
        "allowed": True,
        "auditAnnotations": {
            "decision": "allow",
            "policy-generation": generation,
            "policies": "hardened, signed",
            "images-verified": APP,
        },
    }
    record = answer.record
    assert (record.decision, record.mode, record.user, record.namespace) == ("allow", "policy", "alice", "prod")
    assert (record.kind, record.name, record.operation, record.dry_run) == ("Pod", "web", "CREATE", True)
    assert record.policies == ("hardened", "signed")
    assert record.images[0].verified


async def test_a_bad_pod_is_denied_with_its_reasons(decider: Deciders) -> None:
    answer = await Reviewer(decider(SIGNED, HARDENED)).review(review(a_pod(container(securityContext={}))))
    found = response(answer)
    assert found["allowed"] is False
    assert (found["status"]["code"], found["status"]["reason"]) == (403, "Forbidden")
    assert found["status"]["message"].startswith(
        '1 of 1 containers denied by policies "hardened", "signed": '
        "app: RUN_AS_NON_ROOT + READ_ONLY_ROOT_FILESYSTEM + NOT_SIGNED\n"
    )
    assert codes(answer) == ["RUN_AS_NON_ROOT", "READ_ONLY_ROOT_FILESYSTEM", "NOT_SIGNED"]
    assert found["auditAnnotations"]["decision"] == "deny"
    assert "spec.containers[0].image: NOT_SIGNED" in found["auditAnnotations"]["reasons"]
    assert answer.record.decision == "deny"


async def test_a_warning_reaches_the_user_and_admits(decider: Deciders) -> None:
    judge = decider(changed(HARDENED, mode="Warn"))
    answer = await Reviewer(judge).review(review(a_pod(container(securityContext={"runAsNonRoot": True}))))
    found = response(answer)
    assert found["allowed"] is True
    [warning] = found["warnings"]
    assert warning.startswith("[hardened] spec.containers[0].securityContext.readOnlyRootFilesystem: READ_ONLY")
    assert answer.record.decision == "warn"


async def test_an_audit_finding_never_reaches_the_user(decider: Deciders) -> None:
    judge = decider(changed(HARDENED, mode="Audit"), no_match=None)
    answer = await Reviewer(judge).review(review(a_pod(container(securityContext={"runAsNonRoot": True}))))
    found = response(answer)
    assert found["allowed"] is True
    assert "warnings" not in found
    assert "READ_ONLY_ROOT_FILESYSTEM" in found["auditAnnotations"]["would-deny"]
    assert answer.record.decision == "allow"
    assert answer.record.would_deny


async def test_what_could_not_be_found_out_is_told_apart(decider: Deciders, registry: FakeRegistry) -> None:
    registry.gate.clear()
    answer = await Reviewer(decider(SIGNED)).review(review(a_pod(container())), 0.01)
    assert codes(answer) == ["VERIFICATION_TIMED_OUT"]
    assert answer.record.decision == "error"
    assert response(answer)["status"]["code"] == 403


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        pytest.param(None, "the object is not a Pod: Expected `object`, got `null`", id="null"),
        pytest.param([], "the object is not a Pod: Expected `object`, got `array`", id="an array"),
        pytest.param(
            {"kind": "Pod", "spec": {"containers": [{"image": 7}]}},
            "the object is not a Pod: Expected `str | null`, got `int` - at `$.spec.containers[0].image`",
            id="a number for an image",
        ),
        pytest.param(deployment(container()), "the request is about pods, its object is a Deployment", id="a lie"),
        pytest.param(a_pod(), "the pod has no containers", id="no containers"),
        pytest.param({"kind": "Pod"}, "the pod has no containers", id="no spec"),
    ],
)
async def test_an_object_that_cannot_be_judged_is_denied(decider: Deciders, obj: Any, message: str) -> None:
    answer = await Reviewer(decider(HARDENED)).review(review(obj))
    found = response(answer)
    assert found["allowed"] is False
    assert (found["status"]["code"], found["status"]["reason"]) == (400, "BadRequest")
    assert message in found["status"]["message"]
    dry = await Reviewer(decider(HARDENED, cap=Mode.AUDIT)).review(review(obj))
    assert response(dry)["allowed"] is True
    assert dry.record.would_deny


class BrokenPolicies(FixedPolicies):
    """Fails once a decision begins."""

    broken = False

    def current(self) -> Book:
        if self.broken:
            self.broken = False
            raise RuntimeError("boom")
        return super().current()


@pytest.mark.parametrize(("cap", "allowed"), [(Mode.ENFORCE, False), (Mode.AUDIT, True)])
async def test_a_failure_that_nobody_foresaw_denies_and_is_logged(
    verification: Verification, caplog: pytest.LogCaptureFixture, cap: Mode, allowed: bool
) -> None:
    policies = BrokenPolicies(book(SIGNED))
    reviewer = Reviewer(Decider(policies, verification, KnownNamespaces({}), Options(cap=cap)))
    policies.broken = True
    with caplog.at_level(logging.ERROR):
        answer = await reviewer.review(review(a_pod(container())))
    found = response(answer)
    assert found["allowed"] is allowed
    assert "request u-1 could not be decided" in caplog.text
    assert b"boom" not in answer.body
    if not allowed:
        assert (found["status"]["code"], found["status"]["reason"]) == (500, "InternalError")
        assert answer.record.decision == "error"


async def test_a_body_that_is_no_review_is_an_error(decider: Deciders) -> None:
    with pytest.raises(ReviewError):
        await Reviewer(decider(SIGNED)).review(b"{}")


async def test_an_update_of_labels_on_an_old_bad_pod_is_admitted_without_a_question(
    decider: Deciders, registry: FakeRegistry
) -> None:
    bad = a_pod(container(image="nginx", securityContext={}))
    labelled = {**bad, "metadata": {"name": "web", "labels": {"a": "b"}}}
    answer = await Reviewer(decider(SIGNED, HARDENED)).review(review(labelled, bad, operation="UPDATE"))
    assert response(answer)["allowed"] is True
    assert registry.asked == []


@pytest.mark.usefixtures("signed_app")
async def test_an_update_is_judged_by_the_image_it_changes(decider: Deciders, registry: FakeRegistry) -> None:
    old = a_pod(container(), container("side", "nginx", securityContext={}))
    new = a_pod(container(image=TOOL), container("side", "nginx", securityContext={}))
    answer = await Reviewer(decider(SIGNED, HARDENED)).review(review(new, old, operation="UPDATE"))
    assert codes(answer) == ["NOT_SIGNED"]
    assert registry.asked == [f"evidence {TOOL}"]


async def test_a_new_ephemeral_container_is_judged(decider: Deciders) -> None:
    old = a_pod(container())
    debug = {"name": "debug", "image": "busybox", "securityContext": {"privileged": True}}
    new = a_pod(container(), ephemeralContainers=[debug])
    answer = await Reviewer(decider(SIGNED, HARDENED)).review(
        review(new, old, operation="UPDATE", subResource="ephemeralcontainers")
    )
    assert codes(answer) == ["RUN_AS_NON_ROOT", "REGISTRY_NOT_ALLOWED"]


async def test_an_update_whose_old_object_cannot_be_read_is_judged_as_a_whole(decider: Deciders) -> None:
    answer = await Reviewer(decider(SIGNED)).review(review(a_pod(container()), None, operation="UPDATE"))
    assert codes(answer) == ["NOT_SIGNED"]


@pytest.mark.parametrize("subresource", ["status", "binding", "eviction", "exec", "attach", "portforward", "log"])
async def test_a_subresource_that_carries_no_pod_is_not_judged(decider: Deciders, subresource: str) -> None:
    answer = await Reviewer(decider(SIGNED)).review(review(a_pod(container()), subResource=subresource))
    assert response(answer)["allowed"] is True
    assert answer.record.decision == "ignored"


async def test_an_unknown_subresource_is_judged_as_a_pod(decider: Deciders) -> None:
    answer = await Reviewer(decider(SIGNED)).review(review(a_pod(container()), subResource="new-in-1.99"))
    assert codes(answer) == ["NOT_SIGNED"]


@pytest.mark.parametrize("operation", ["DELETE", "CONNECT"])
async def test_an_operation_that_runs_nothing_is_not_judged(decider: Deciders, operation: str) -> None:
    answer = await Reviewer(decider(SIGNED)).review(review(None, a_pod(container()), operation=operation))
    assert response(answer) == {"uid": "u-1", "allowed": True}


async def test_a_resource_that_is_not_judged_says_so(decider: Deciders) -> None:
    answer = await Reviewer(decider(SIGNED)).review(review({}, resource="widgets", group="example.com"))
    assert response(answer) == {"uid": "u-1", "allowed": True, "warnings": ["tidewaiter does not judge widgets"]}


async def test_a_workload_is_warned_about_in_time(decider: Deciders) -> None:
    body = review(deployment(container()), resource="deployments", group="apps")
    answer = await Reviewer(decider(SIGNED)).review(body)
    found = response(answer)
    assert found["allowed"] is True
    assert found["warnings"][0].startswith("[signed] spec.template.spec.containers[0].image: NOT_SIGNED")
    denied = await Reviewer(decider(SIGNED), Mode.ENFORCE).review(body)
    assert codes(denied) == ["NOT_SIGNED"]
    ignored = await Reviewer(decider(SIGNED), None).review(body)
    assert response(ignored) == {"uid": "u-1", "allowed": True}


async def test_a_workload_is_judged_when_its_template_changes(decider: Deciders, registry: FakeRegistry) -> None:
    judge = Reviewer(decider(SIGNED), Mode.ENFORCE)
    old = deployment(container())
    scaled = review(deployment(container(), replicas=3), old, resource="deployments", group="apps", operation="UPDATE")
    assert response(await judge.review(scaled))["allowed"] is True
    assert registry.asked == []
    evil = deployment(container(image=TOOL), replicas=0)
    answer = await judge.review(review(evil, old, resource="deployments", group="apps", operation="UPDATE"))
    assert codes(answer) == ["NOT_SIGNED"]


async def test_a_workload_without_a_template_or_its_scale_is_not_judged(decider: Deciders) -> None:
    judge = Reviewer(decider(SIGNED), Mode.ENFORCE)
    empty = {"kind": "ReplicationController", "apiVersion": "v1", "spec": {"template": None}}
    assert response(await judge.review(review(empty, resource="replicationcontrollers")))["allowed"] is True
    scale = review({"kind": "Scale"}, resource="deployments", group="apps", subResource="scale", operation="UPDATE")
    assert response(await judge.review(scale))["allowed"] is True


async def test_a_broken_workload_is_not_denied_where_workloads_are_only_warned_about(decider: Deciders) -> None:
    body = review({"kind": "Deployment", "spec": 7}, resource="deployments", group="apps")
    found = response(await Reviewer(decider(SIGNED)).review(body))
    assert found["allowed"] is True
    assert "OBJECT_INVALID" in found["warnings"][0]


@pytest.mark.parametrize("operation", ["", "create", "PATCH"])
async def test_an_operation_that_is_not_known_is_judged(decider: Deciders, operation: str) -> None:
    answer = await Reviewer(decider(SIGNED)).review(review(a_pod(container()), operation=operation))
    assert codes(answer) == ["NOT_SIGNED"]


async def test_a_spent_budget_is_not_a_new_one(decider: Deciders, registry: FakeRegistry) -> None:
    registry.gate.clear()
    started = asyncio.get_running_loop().time()
    answer = await Reviewer(decider(SIGNED)).review(review(a_pod(container())), 0.0)
    assert codes(answer) == ["VERIFICATION_TIMED_OUT"]
    assert asyncio.get_running_loop().time() - started < 5.0


async def test_a_changed_template_is_judged_as_a_whole(decider: Deciders) -> None:
    old = deployment(container(image="nginx"), container("b"))
    new = deployment(container(image="nginx"), container("b", TOOL))
    body = review(new, old, resource="deployments", group="apps", operation="UPDATE")
    assert codes(await Reviewer(decider(SIGNED), Mode.ENFORCE).review(body)) == ["REGISTRY_NOT_ALLOWED", "NOT_SIGNED"]
