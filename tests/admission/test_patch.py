import base64
import json
from typing import Any

import pytest

from tests.admission.conftest import Deciders, FixedPolicies, book
from tests.admission.test_decide import SIGNED, SOON
from tests.admission.test_pin import APP, DIGEST
from tests.admission.test_reviewer import a_pod, container, deployment, response, review
from tests.fakes.images import FakeRegistry, digest
from webhook.admission.decide import Decider, Options
from webhook.admission.patch import Pins
from webhook.admission.review import Answer, ReviewError
from webhook.admission.verification import Verification
from webhook.errors import RegistryUnavailableError
from webhook.kube.namespaces import KnownNamespaces
from webhook.policy.book import Book

TOOL = "ghcr.io/acme/tool"
PINNED_APP = f"{APP}@{DIGEST}"
PINNED_TOOL = f"{TOOL}:latest@{digest('b')}"
DEBUG = "ephemeralcontainers"


@pytest.fixture(autouse=True)
def tags(registry: FakeRegistry) -> None:
    registry.tags.update({APP: DIGEST, f"{TOOL}:latest": digest("b")})


@pytest.fixture
def pins(decider: Deciders) -> Pins:
    return Pins(decider(SIGNED).pinner())


def patch(answer: Answer) -> dict[str, str]:
    """The values by pointer that the patch of an answer replaces; the answer lets the request pass."""
    found = response(answer)
    assert found["allowed"] is True
    assert "status" not in found
    assert ("patchType" in found) is ("patch" in found)
    if "patch" not in found:
        return {}
    assert found["patchType"] == "JSONPatch"
    operations = json.loads(base64.b64decode(found["patch"], validate=True))
    assert all(each.keys() == {"op", "path", "value"} and each["op"] == "replace" for each in operations)
    return {each["path"]: each["value"] for each in operations}


def applied(document: Any, operations: dict[str, str]) -> Any:
    """The document after a patch of `replace` operations."""
    document = json.loads(json.dumps(document))
    for pointer, value in operations.items():
        *steps, last = pointer.split("/")[1:]
        found = document
        for step in steps:
            found = found[int(step) if isinstance(found, list) else step]
        assert last in found
        found[last] = value
    return document


ALL_PLACES = a_pod(
    container(image=APP),
    container("side", TOOL),
    initContainers=[container("init", TOOL, restartPolicy="Always"), container("setup", APP)],
    volumes=[{"name": "empty", "emptyDir": {}}, {"name": "model", "image": {"reference": TOOL}}],
)


async def test_every_image_of_a_new_pod_gets_its_digest(pins: Pins) -> None:
    operations = patch(await pins.review(review(ALL_PLACES)))
    assert operations == {
        "/spec/initContainers/0/image": PINNED_TOOL,
        "/spec/initContainers/1/image": PINNED_APP,
        "/spec/containers/0/image": PINNED_APP,
        "/spec/containers/1/image": PINNED_TOOL,
        "/spec/volumes/1/image/reference": PINNED_TOOL,
    }


async def test_a_pod_that_was_pinned_is_left_as_it_is(pins: Pins) -> None:
    pinned = applied(ALL_PLACES, patch(await pins.review(review(ALL_PLACES))))
    assert patch(await pins.review(review(pinned))) == {}


async def test_an_answer_without_a_patch_has_none_of_its_fields(pins: Pins) -> None:
    answer = await pins.review(review(a_pod(container(image=PINNED_APP))))
    assert response(answer) == {"uid": "u-1", "allowed": True}


async def test_a_dry_run_is_pinned_as_well(pins: Pins) -> None:
    answer = await pins.review(review(a_pod(container(image=APP)), dryRun=True))
    assert patch(answer) == {"/spec/containers/0/image": PINNED_APP}
    assert answer.record.dry_run


OLD = a_pod(
    container(image=PINNED_APP),
    container("side", f"{TOOL}:old"),
    initContainers=[container("init", f"{TOOL}:old")],
    ephemeralContainers=[container("debug", f"{TOOL}:old")],
    volumes=[{"name": "model", "image": {"reference": f"{TOOL}:old"}}],
)
CHANGED = {
    "containers": [container(image=APP), container("side", f"{TOOL}:old")],
    "initContainers": [container("init", TOOL)],
}


def updated(**spec: Any) -> dict[str, Any]:
    return {**OLD, "spec": {**OLD["spec"], **spec}}


async def test_an_update_has_only_those_images_rewritten_that_it_changed(pins: Pins) -> None:
    answer = await pins.review(review(updated(**CHANGED), OLD, operation="UPDATE"))
    assert patch(answer) == {"/spec/initContainers/0/image": PINNED_TOOL, "/spec/containers/0/image": PINNED_APP}


async def test_an_update_that_changes_no_image_asks_nobody(pins: Pins, registry: FakeRegistry) -> None:
    assert patch(await pins.review(review(OLD, OLD, operation="UPDATE"))) == {}
    assert registry.asked == []


@pytest.mark.parametrize(
    "spec",
    [
        {"volumes": [{"name": "model", "image": {"reference": TOOL}}]},
        {"ephemeralContainers": [container("debug", TOOL)]},
        {"ephemeralContainers": [container("new", TOOL)]},
    ],
)
async def test_an_update_never_rewrites_a_volume_or_an_ephemeral_container(pins: Pins, spec: dict[str, Any]) -> None:
    assert patch(await pins.review(review(updated(**spec), OLD, operation="UPDATE"))) == {}


@pytest.mark.parametrize(
    ("ephemeral", "expected"),
    [
        ([container("debug", f"{TOOL}:old"), container("new", APP)], {"/spec/ephemeralContainers/1/image": PINNED_APP}),
        ([container("new", APP), container("debug", f"{TOOL}:old")], {"/spec/ephemeralContainers/0/image": PINNED_APP}),
        ([container("debug", TOOL)], {}),
        ([container("app", APP)], {"/spec/ephemeralContainers/0/image": PINNED_APP}),
    ],
)
async def test_only_ephemeral_containers_that_are_new_get_digests(
    pins: Pins, ephemeral: list[dict[str, Any]], expected: dict[str, str]
) -> None:
    new = updated(ephemeralContainers=ephemeral, **CHANGED)
    assert patch(await pins.review(review(new, OLD, operation="UPDATE", subResource=DEBUG))) == expected


@pytest.mark.parametrize(
    "request_",
    [
        {"operation": "DELETE"},
        {"operation": "CONNECT"},
        {"operation": "CREATE", "subResource": "binding"},
        {"operation": "CREATE", "subResource": DEBUG},
        {"operation": "UPDATE", "subResource": "status", "old": OLD},
        {"operation": "UPDATE", "subResource": "resize", "old": OLD},
        {"resource": "deployments", "group": "apps", "obj": deployment(container(image=APP))},
        {"resource": "widgets", "group": "example.com"},
        {"resource": "pods", "group": "metrics.k8s.io"},
    ],
)
async def test_other_requests_pass_as_they_are(pins: Pins, registry: FakeRegistry, request_: dict[str, Any]) -> None:
    obj = request_.pop("obj", a_pod(container(image=APP)))
    old = request_.pop("old", None)
    answer = await pins.review(review(obj, old, **request_))
    assert patch(answer) == {}
    assert answer.record.decision == "ignored"
    assert registry.asked == []


async def test_a_pod_that_only_shows_what_a_node_runs_is_left_as_it_is(pins: Pins, registry: FakeRegistry) -> None:
    mirror = a_pod(container(image=APP))
    mirror["metadata"] = {"name": "etcd", "annotations": {"kubernetes.io/config.mirror": "abc"}}
    assert patch(await pins.review(review(mirror))) == {}
    assert registry.asked == []


@pytest.mark.parametrize("metadata", [None, {}, {"annotations": None}, {"annotations": {"a": "b"}}])
async def test_other_pods_have_no_such_annotation(pins: Pins, metadata: Any) -> None:
    document = {**a_pod(container(image=APP)), "metadata": metadata}
    assert patch(await pins.review(review(document))) == {"/spec/containers/0/image": PINNED_APP}


@pytest.mark.parametrize(
    "obj",
    [None, [], "text", 7, {"spec": {"containers": 7}}, {"kind": "Pod"}, {"kind": "Node", "spec": ALL_PLACES["spec"]}],
)
async def test_what_is_no_pod_passes_to_whoever_judges_it(pins: Pins, registry: FakeRegistry, obj: Any) -> None:
    answer = await pins.review(review(obj))
    assert patch(answer) == {}
    assert registry.asked == []


async def test_an_update_of_what_cannot_be_read_passes_too(pins: Pins) -> None:
    assert patch(await pins.review(review(ALL_PLACES, None, operation="UPDATE"))) == {}
    bare = {"kind": "Pod"}
    assert len(patch(await pins.review(review(ALL_PLACES, bare, operation="UPDATE")))) == 4


async def test_a_tag_that_cannot_be_resolved_stays_and_the_user_is_told(pins: Pins, registry: FakeRegistry) -> None:
    registry.failure = RegistryUnavailableError("ghcr.io said: internal.example.com")
    answer = await pins.review(review(a_pod(container(image=APP))))
    assert patch(answer) == {}
    [warning] = response(answer)["warnings"]
    assert warning == (
        "spec.containers[0].image: REGISTRY_UNAVAILABLE: ghcr.io/acme/app:v1 was not pinned to its digest; fix: retry;"
        " if it stays, ask the cluster's administrators whether the registry is reachable"
    )
    [failure] = answer.record.violations
    assert failure.message == "ghcr.io said: internal.example.com"


async def test_other_images_are_pinned_all_the_same(pins: Pins) -> None:
    answer = await pins.review(review(a_pod(container(image=f"{TOOL}:gone"), container("side", APP))))
    assert patch(answer) == {"/spec/containers/1/image": PINNED_APP}
    [warning] = response(answer)["warnings"]
    assert warning.startswith("spec.containers[0].image: IMAGE_NOT_FOUND: ghcr.io/acme/tool:gone was not pinned")


async def test_what_a_policy_refuses_is_told_by_whoever_judges_it(pins: Pins, registry: FakeRegistry) -> None:
    answer = await pins.review(review(a_pod(container(image="quay.io/acme/app:v1"), container("side", "No reference"))))
    assert response(answer) == {"uid": "u-1", "allowed": True}
    assert answer.record.violations == ()
    assert registry.asked == []


async def test_an_answer_comes_in_time(pins: Pins, registry: FakeRegistry) -> None:
    registry.gate.clear()
    answer = await pins.review(review(a_pod(container(image=APP))), 0.01)
    assert "VERIFICATION_TIMED_OUT" in response(answer)["warnings"][0]
    registry.gate.set()


async def test_what_was_looked_up_is_recorded(pins: Pins) -> None:
    answer = await pins.review(review(a_pod(container(image=APP), container("side", f"{TOOL}:gone"))))
    record = answer.record
    assert (
        record.decision,
        record.mode,
        record.user,
        record.namespace,
        record.kind,
        record.name,
        record.operation,
    ) == (
        "pin",
        "policy",
        "alice",
        "prod",
        "Pod",
        "web",
        "CREATE",
    )
    assert [(each.path, each.container, each.reference, each.digest, each.verified) for each in record.images] == [
        ("spec.containers[0].image", "app", PINNED_APP, DIGEST, False),
        ("spec.containers[1].image", "side", f"{TOOL}:gone", None, False),
    ]
    assert [(each.code.value, each.mode.value) for each in record.violations] == [("IMAGE_NOT_FOUND", "Warn")]
    assert record.generation


async def test_without_a_pinner_nothing_is_done(registry: FakeRegistry) -> None:
    answer = await Pins(None, audit=True).review(review(ALL_PLACES))
    assert response(answer) == {"uid": "u-1", "allowed": True}
    assert (answer.record.decision, answer.record.mode) == ("ignored", "audit")
    assert registry.asked == []


class BrokenPolicies(FixedPolicies):
    """Breaks at the first look of a request, and not at the later ones."""

    def current(self) -> Book:
        if self.looks == 0:
            self.looks += 1
            raise RuntimeError("token=secret")
        return super().current()

    looks = 0


async def test_a_failure_of_ours_stands_in_nobodys_way(
    verification: Verification, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Decider(BrokenPolicies(book(SIGNED)), verification, KnownNamespaces({}), Options())
    answer = await Pins(broken.pinner()).review(review(a_pod(container(image=APP))), SOON)
    assert response(answer) == {"uid": "u-1", "allowed": True}
    assert "request u-1 could not be pinned" in caplog.text


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 5000])
async def test_what_is_no_review_gets_no_answer(pins: Pins, body: bytes) -> None:
    with pytest.raises(ReviewError):
        await pins.review(body)
