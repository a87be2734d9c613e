import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.admission.conftest import Deciders, FixedPolicies, book
from tests.admission.test_decide import APP, HARDENED, RELEASE, SIGNED, TOOL, changed
from tests.fakes.images import FakeRegistry
from webhook.admission import image_review
from webhook.admission.decide import Decider, Options
from webhook.admission.image_reviewer import ImageReviewer
from webhook.admission.ports import Keyring
from webhook.admission.review import Answer, ReviewError
from webhook.admission.verification import Verification
from webhook.codes import Code
from webhook.errors import RegistryUnavailableError
from webhook.kube.namespaces import KnownNamespaces
from webhook.policy.book import Book
from webhook.verdict import Mode, Verdict, Violation

HEAD = {"apiVersion": "imagepolicy.k8s.io/v1alpha1", "kind": "ImageReview"}


def review(*images: str, namespace: str = "prod", **spec: Any) -> bytes:
    """As the API server writes it (`json.Marshal` of the type)."""
    containers = [{"image": image} for image in images]
    return json.dumps(
        {
            **HEAD,
            "metadata": {},
            "spec": {"containers": containers, "namespace": namespace, **spec},
            "status": {"allowed": False},
        }
    ).encode()


def status(answer: Answer) -> dict[str, Any]:
    document = json.loads(answer.body)
    found: dict[str, Any] = document.pop("status")
    assert document == HEAD
    return found


@pytest.fixture
def signed_app(registry: FakeRegistry) -> None:
    registry.sign(RELEASE, APP)


@pytest.mark.usefixtures("signed_app")
async def test_signed_images_are_allowed_without_a_reason(decider: Deciders) -> None:
    answer = await ImageReviewer(decider(SIGNED, HARDENED)).review(review(APP))
    record = answer.record
    assert status(answer) == {
        "allowed": True,
        "auditAnnotations": {
            "decision": "allow",
            "policy-generation": record.generation,
            "policies": ", ".join(record.policies),
            "images-verified": APP,
        },
    }
    assert (record.kind, record.decision, record.mode, record.namespace) == ("ImageReview", "allow", "policy", "prod")
    assert (record.uid, record.user, record.name, record.operation, record.dry_run) == ("", "", "", "", False)
    assert [(image.path, image.container, image.verified) for image in record.images] == [
        ("spec.containers[0].image", "", True)
    ]


@pytest.mark.usefixtures("signed_app")
async def test_one_image_that_is_refused_denies_all_of_them_in_one_line(decider: Deciders) -> None:
    answer = await ImageReviewer(decider(SIGNED)).review(review(APP, TOOL))
    found = status(answer)
    first, image, fix = found["reason"].split("; ", 2)
    assert found["allowed"] is False
    assert first.startswith("1 of 2 images denied by policy ")
    assert ": spec.containers[1].image: NOT_SIGNED (" in first
    assert image == f"image: {TOOL}"
    assert fix.startswith("fix: cosign sign ")
    assert found["auditAnnotations"]["decision"] == answer.record.decision == "deny"
    assert found["auditAnnotations"]["reasons"] == "spec.containers[1].image: NOT_SIGNED"


async def test_several_findings_are_told_with_their_images(decider: Deciders) -> None:
    answer = await ImageReviewer(decider(SIGNED)).review(review(APP, TOOL))
    summary, first, second = status(answer)["reason"].split("; ")
    assert summary.startswith("2 of 2 images denied by ")
    assert first.startswith(f"spec.containers[0].image {APP}: NOT_SIGNED: ")
    assert second.startswith(f"spec.containers[1].image {TOOL}: NOT_SIGNED: ")


async def test_what_has_no_room_in_a_reason_is_counted(decider: Deciders) -> None:
    images = [f"registry.invalid/{'a' * 100}/app:{number}" for number in range(40)]
    reason = status(await ImageReviewer(decider(SIGNED)).review(review(*images)))["reason"]
    assert len(reason) <= 1024
    told = reason.count("REGISTRY_NOT_ALLOWED: ")
    assert 0 < told < 40
    assert reason.endswith(f"; and {40 - told} more")


async def test_annotations_decide_nothing(decider: Deciders) -> None:
    reviewer = ImageReviewer(decider(SIGNED))
    plain = status(await reviewer.review(review(TOOL)))
    glass = {"tidewaiter.image-policy.k8s.io/break-glass": "true", "x.image-policy.k8s.io/allow": "\x1b[2J"}
    assert status(await reviewer.review(review(TOOL, annotations=glass))) == plain
    assert plain["allowed"] is False


async def test_rules_about_containers_say_nothing_of_images(decider: Deciders) -> None:
    found = status(await ImageReviewer(decider(HARDENED)).review(review(APP)))
    assert found["allowed"] is True


async def test_a_namespace_that_no_policy_matches_is_denied_unless_it_may_pass(decider: Deciders) -> None:
    watched = changed(SIGNED, mode="Audit")
    refused = await ImageReviewer(decider(watched)).review(review(APP))
    assert status(refused)["reason"].startswith("denied: spec: NO_POLICY_MATCHES (")
    assert status(await ImageReviewer(decider(watched, no_match=None)).review(review(APP)))["allowed"] is True


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(review(namespace="prod"), "names no images", id="no-images"),
        pytest.param(review(containers=None), "names no images", id="null"),
        pytest.param(review(APP, namespace=""), "names no namespace", id="no-namespace"),
        pytest.param(review(APP, namespace="n" * 300), "names no namespace", id="no-legal-namespace"),
    ],
)
async def test_a_review_without_anything_to_judge_is_denied(body: bytes, message: str, decider: Deciders) -> None:
    answer = await ImageReviewer(decider(SIGNED)).review(body)
    assert status(answer)["allowed"] is False
    assert message in status(answer)["reason"]
    assert [each.code for each in answer.record.violations] == [Code.OBJECT_INVALID]


async def test_an_image_without_a_name_is_denied(decider: Deciders) -> None:
    answer = await ImageReviewer(decider(SIGNED)).review(review(containers=[{}]))
    assert "REFERENCE_INVALID" in status(answer)["reason"]


async def test_a_program_that_only_audits_allows_and_annotates(decider: Deciders) -> None:
    answer = await ImageReviewer(decider(SIGNED, cap=Mode.AUDIT)).review(review(TOOL))
    found = status(answer)
    assert (found["allowed"], "reason" in found) == (True, False)
    assert "NOT_SIGNED" in found["auditAnnotations"]["would-deny"]
    assert (answer.record.decision, answer.record.mode, answer.record.would_deny) == ("allow", "audit", True)


async def test_a_warning_is_recorded_and_allows(decider: Deciders) -> None:
    answer = await ImageReviewer(decider(changed(SIGNED, mode="Warn"), no_match=None)).review(review(TOOL))
    assert status(answer)["allowed"] is True
    assert answer.record.decision == "warn"


async def test_what_cannot_be_found_out_is_denied_as_an_error(decider: Deciders, registry: FakeRegistry) -> None:
    registry.failure = RegistryUnavailableError("ghcr.io does not answer")
    answer = await ImageReviewer(decider(SIGNED)).review(review(APP))
    assert status(answer)["allowed"] is False
    assert answer.record.decision == "error"


class BrokenPolicies(FixedPolicies):
    def __init__(self) -> None:
        super().__init__(book(SIGNED))
        self.asked = 0

    def current(self) -> Book:
        self.asked += 1
        if self.asked == 1:
            raise RuntimeError("token=secret")
        return self.book


async def test_whatever_fails_the_answer_is_no(verification: Verification, caplog: pytest.LogCaptureFixture) -> None:
    decider = Decider(BrokenPolicies(), verification, KnownNamespaces({}), Options())
    with caplog.at_level(logging.ERROR):
        answer = await ImageReviewer(decider).review(review(APP))
    assert status(answer)["allowed"] is False
    summary, fix = status(answer)["reason"].split("; fix: ")
    assert summary == "denied: spec: INTERNAL_ERROR (tidewaiter could not decide; see its log)"
    assert fix.endswith("who find it in the log by its time")
    assert caplog.messages == ["an ImageReview of namespace prod could not be decided"]


class NoSecrets:
    """Fills `webhook.admission.ports.PullSecrets`, and must not be asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def keyring(self, *_names: object) -> Keyring | None:
        self.asked += 1
        return None


async def test_nobody_knows_whose_pull_secrets_to_use(verification: Verification) -> None:
    secrets = NoSecrets()
    decider = Decider(FixedPolicies(book(SIGNED)), verification, KnownNamespaces({}), Options(), secrets)
    assert status(await ImageReviewer(decider).review(review(TOOL)))["allowed"] is False
    assert secrets.asked == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not an ImageReview: Input data was truncated"),
        (b"[]", "the body is not an ImageReview: Expected `object`, got `array`"),
        (b'{"spec":' + b"[" * 100_000, "the body is not an ImageReview: "),
        (json.dumps({**HEAD, "kind": "AdmissionReview", "spec": {}}).encode(), "expected apiVersion "),
        (json.dumps({**HEAD, "apiVersion": "imagepolicy.k8s.io/v1", "spec": {}}).encode(), "expected apiVersion "),
        (json.dumps(HEAD).encode(), "the ImageReview has no spec"),
        (review(containers=[{"image": 1}]), "Expected `str`, got `int` - at `$.spec.containers[0].image`"),
    ],
)
async def test_a_body_that_is_no_image_review_gets_no_answer(body: bytes, message: str, decider: Deciders) -> None:
    with pytest.raises(ReviewError) as raised:
        await ImageReviewer(decider(SIGNED)).review(body)
    assert message in str(raised.value)


texts = st.text(max_size=2000)
violations = st.builds(
    Violation, code=st.sampled_from(Code), path=texts, message=texts, fix=texts, image=texts, policy=texts
)


@given(st.lists(violations, min_size=1, max_size=80))
def test_a_reason_is_one_short_line_of_printable_ascii(found: list[Violation]) -> None:
    """The API server puts it into a message as it is."""
    document = json.loads(image_review.answer(Verdict(violations=tuple(found)), {}))
    reason = document["status"]["reason"]
    assert document["status"]["allowed"] is False
    assert 0 < len(reason) <= 1024
    assert reason.isascii()
    assert reason.isprintable()
