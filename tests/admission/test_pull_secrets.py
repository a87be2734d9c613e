"""The pull secrets of pods: who is asked with them, who sees what they opened, and what an answer says of it."""

import json
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.admission.conftest import FixedPolicies, book
from tests.admission.test_decide import OTHER, RELEASE, SIGNED, SOON, a_pod, changed, findings
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeKeyring, FakePullSecrets, FakeRegistry, digest, garbage, pem
from webhook.admission import report
from webhook.admission.asker import Asker
from webhook.admission.decide import Decider, Options
from webhook.admission.lookup import AUDIT_WAIT_SECONDS
from webhook.admission.verification import Verification
from webhook.codes import MEANINGS, Code
from webhook.errors import CredentialsRefusedError, RegistryUnavailableError
from webhook.images import parse
from webhook.kube.namespaces import KnownNamespaces
from webhook.pods import Pod
from webhook.signatures.evidence import Evidence, Unanswered

PRIVATE = f"ghcr.io/acme/private@{digest('a')}"
PUBLIC = f"ghcr.io/acme/public@{digest('b')}"
TAGGED = "ghcr.io/acme/private:1"
OURS = FakeKeyring(ours="ghcr.io/acme/private")
THEIRS = FakeKeyring(theirs="ghcr.io/acme/private")


def of(*images: str, secrets: Sequence[str] = ("ours",), service_account: str = "") -> Pod:
    return replace(a_pod(*images), pull_secrets=tuple(secrets), service_account=service_account)


@pytest.fixture(autouse=True)
def _stocked(registry: FakeRegistry) -> None:
    registry.locked = {"ghcr.io/acme/private": "ours"}
    registry.tags = {TAGGED: digest("a")}
    registry.sign(RELEASE, PRIVATE)
    registry.sign(RELEASE, PUBLIC)


@pytest.fixture
def secrets() -> FakePullSecrets:
    return FakePullSecrets(ours=OURS, theirs=THEIRS)


class Judges:
    """Deciders that share what is remembered."""

    def __init__(self, verification: Verification, secrets: FakePullSecrets) -> None:
        self._verification = verification
        self._secrets = secrets

    def by(self, *texts: str, pinning: bool = False, secretly: bool = True) -> Decider:
        policies = FixedPolicies(book(*texts))
        options = Options(pinning=pinning, no_match=None)
        return Decider(policies, self._verification, KnownNamespaces({}), options, self._secrets if secretly else None)


@pytest.fixture
def judges(verification: Verification, secrets: FakePullSecrets) -> Judges:
    return Judges(verification, secrets)


async def test_a_pods_secret_opens_its_image(judges: Judges, registry: FakeRegistry, secrets: FakePullSecrets) -> None:
    verdict = await judges.by(SIGNED).decide(of(PRIVATE, service_account="builder"), "prod", SOON)
    assert verdict.allowed
    assert verdict.images[0].verified
    assert secrets.asked == [("prod", ("ours",), "builder")]
    assert registry.asked == [f"evidence {PRIVATE} with ours"]


async def test_where_pods_secrets_are_not_used_nobody_asks_for_them(judges: Judges, registry: FakeRegistry) -> None:
    assert not (await judges.by(SIGNED, secretly=False).decide(of(PRIVATE), "prod", SOON)).allowed
    assert registry.asked == [f"evidence {PRIVATE}"]


async def test_what_is_known_without_secrets_needs_none(
    judges: Judges, registry: FakeRegistry, secrets: FakePullSecrets
) -> None:
    judge = judges.by(SIGNED)
    assert (await judge.decide(of(PUBLIC), "prod", SOON)).allowed
    assert (await judge.decide(of(PUBLIC, secrets=["theirs"]), "other", SOON)).allowed
    assert secrets.asked == [("prod", ("ours",), "")]
    assert registry.asked == [f"evidence {PUBLIC}"]


async def test_what_a_secret_opened_is_known_to_those_who_hold_it(
    judges: Judges, registry: FakeRegistry, secrets: FakePullSecrets
) -> None:
    judge = judges.by(SIGNED)
    for namespace in ("prod", "staging"):
        assert (await judge.decide(of(PRIVATE), namespace, SOON)).allowed
    assert [namespace for namespace, *_ in secrets.asked] == ["prod", "staging"]
    assert registry.asked == [f"evidence {PRIVATE} with ours"]


@pytest.mark.parametrize("others", [["theirs"], ["no such secret"], []])
async def test_what_a_secret_opened_is_hidden_from_those_who_do_not_hold_it(
    judges: Judges, registry: FakeRegistry, others: list[str]
) -> None:
    judge = judges.by(SIGNED)
    assert (await judge.decide(of(PRIVATE), "prod", SOON)).allowed
    verdict = await judge.decide(of(PRIVATE, secrets=others), "other", SOON)
    assert findings(verdict) == [("NOT_SIGNED", "spec.containers[0].image", "signed", "Enforce")]
    assert len(registry.asked) == 2


async def test_the_digest_of_a_tag_that_a_secret_opened_is_hidden_from_others(
    judges: Judges, registry: FakeRegistry
) -> None:
    judge = judges.by(SIGNED, pinning=True)
    assert (await judge.decide(of(TAGGED), "prod", SOON)).images[0].digest == digest("a")
    verdict = await judge.decide(of(TAGGED, secrets=["theirs"]), "other", SOON)
    assert findings(verdict) == [("IMAGE_NOT_FOUND", "spec.containers[0].image", "signed", "Enforce")]
    assert verdict.images[0].digest is None
    assert registry.asked == [
        f"resolve {TAGGED} with ours",
        f"evidence {PRIVATE} with ours",
        f"resolve {TAGGED} with theirs",
    ]


async def test_a_digest_is_known_to_those_who_hold_what_opened_the_tag(verification: Verification) -> None:
    tag = parse(TAGGED)
    assert await verification.digest(tag, SOON, Asker("prod", OURS)) == parse(PRIVATE).pinned()
    assert verification.known_digest(tag, Asker("staging", OURS)) == parse(PRIVATE).pinned()
    assert verification.known_digest(tag, Asker("staging", THEIRS)) is None
    assert verification.known_digest(tag) is None


async def test_a_refusal_that_was_found_without_secrets_is_no_answer_to_a_pod_that_has_one(
    judges: Judges, registry: FakeRegistry
) -> None:
    assert not (await judges.by(SIGNED, secretly=False).decide(of(PRIVATE), "prod", SOON)).allowed
    assert (await judges.by(SIGNED).decide(of(PRIVATE), "prod", SOON)).allowed
    assert registry.asked == [f"evidence {PRIVATE}", f"evidence {PRIVATE} with ours"]


async def test_a_refusal_is_remembered_where_the_pod_has_no_secret_for_the_image(
    judges: Judges, registry: FakeRegistry
) -> None:
    judge = judges.by(SIGNED)
    registry.found.clear()
    for _ in range(2):
        verdict = await judge.decide(of(PUBLIC), "prod", SOON)
        assert verdict.violations[0].message == "no cosign signature or bundle for this digest"
        assert verdict.violations[0].fix.startswith("cosign sign")
    assert registry.asked == [f"evidence {PUBLIC}"]


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (Evidence(), Code.NOT_SIGNED),
        (Evidence(attachments=(garbage(PRIVATE),)), Code.SIGNATURE_INVALID),
        (
            Evidence(unanswered=(Unanswered("tag", Code.REGISTRY_UNAVAILABLE, "secret text"),)),
            Code.REGISTRY_UNAVAILABLE,
        ),
        (None, Code.SIGNER_NOT_ALLOWED),
    ],
)
async def test_of_what_a_secret_opened_an_answer_says_the_code_alone(
    judges: Judges, registry: FakeRegistry, evidence: Evidence | None, code: Code
) -> None:
    registry.found.pop(PRIVATE)
    if evidence is None:
        registry.sign(OTHER, PRIVATE)
    else:
        registry.found[PRIVATE] = evidence
    for _ in range(2):
        verdict = await judges.by(SIGNED, pinning=True).decide(of(TAGGED), "prod", SOON)
        [violation] = verdict.violations
        assert (violation.code, violation.message, violation.entry) == (code, MEANINGS[code], "ours")
        assert violation.image == TAGGED
        assert digest("a")[7:] not in report.message(verdict, "1")
        assert "secret text" not in report.message(verdict, "1")


async def test_the_same_holds_for_tags(judges: Judges, registry: FakeRegistry) -> None:
    registry.failure = RegistryUnavailableError("secret text")
    verdict = await judges.by(SIGNED, pinning=True).decide(of(TAGGED), "prod", SOON)
    [violation] = verdict.violations
    assert violation.message == MEANINGS[Code.REGISTRY_UNAVAILABLE]
    assert violation.fix.startswith("retry")
    assert (violation.path, violation.container) == ("spec.containers[0].image", "c0")


async def test_the_same_holds_for_digests_that_are_denied(judges: Judges) -> None:
    denied = SIGNED.replace(
        "    allow:", f"    tags: UnsafeResolved\n    denyDigests: [{json.dumps(digest('a'))}]\n    allow:"
    )
    verdict = await judges.by(denied).decide(of(TAGGED), "prod", SOON)
    violation = next(each for each in verdict.violations if each.code is Code.DIGEST_DENIED)
    assert violation.message == MEANINGS[Code.DIGEST_DENIED]
    assert digest("a")[7:] not in report.message(verdict, "1")


async def test_the_same_holds_where_the_secret_opens_the_place_of_signatures_alone(
    judges: Judges, registry: FakeRegistry, secrets: FakePullSecrets
) -> None:
    secrets.keyrings["ours"] = FakeKeyring(sigs="sigs.example.com/")
    elsewhere = SIGNED.replace(
        json.dumps(pem(RELEASE)) + "}", json.dumps(pem(RELEASE)) + "}, repository: sigs.example.com/all"
    )
    place = PUBLIC.replace("ghcr.io/acme/public", "sigs.example.com/all")
    verdict = await judges.by(elsewhere).decide(of(PUBLIC), "prod", SOON)
    assert verdict.violations[0].message == MEANINGS[Code.NOT_SIGNED]
    assert registry.asked == [f"evidence {place} with sigs"]


async def test_what_everybody_may_see_is_told_beside_what_a_secret_opened(
    judges: Judges, registry: FakeRegistry
) -> None:
    registry.found.clear()
    verdict = await judges.by(SIGNED).decide(of(PRIVATE, PUBLIC), "prod", SOON)
    private, public = verdict.violations
    assert private.message == MEANINGS[Code.NOT_SIGNED]
    assert public.message == "no cosign signature or bundle for this digest"


@pytest.mark.parametrize("image", [PRIVATE, TAGGED])
async def test_secrets_that_cannot_be_had_are_not_done_without(
    judges: Judges, registry: FakeRegistry, secrets: FakePullSecrets, image: str
) -> None:
    secrets.failure = CredentialsRefusedError("Secret prod/ours is no docker config")
    verdict = await judges.by(SIGNED, pinning=True).decide(of(image), "prod", SOON)
    [violation] = verdict.violations
    assert (violation.code, violation.message) == (Code.CREDENTIALS_REFUSED, MEANINGS[Code.CREDENTIALS_REFUSED])
    assert registry.asked == []


async def test_secrets_that_cannot_be_had_are_no_matter_to_images_that_are_known(
    judges: Judges, secrets: FakePullSecrets
) -> None:
    judge = judges.by(SIGNED)
    await judge.decide(of(PUBLIC), "prod", SOON)
    secrets.failure = CredentialsRefusedError("Secret prod/ours is no docker config")
    verdict = await judge.decide(of(PUBLIC, PRIVATE, "not an image"), "prod", SOON)
    assert [(code, path) for code, path, *_ in findings(verdict)] == [
        ("REFERENCE_INVALID", "spec.containers[2].image"),
        ("CREDENTIALS_REFUSED", "spec.containers[1].image"),
    ]


async def test_a_failure_of_the_kind_that_nobody_foresaw_is_a_finding(
    judges: Judges, secrets: FakePullSecrets, caplog: pytest.LogCaptureFixture
) -> None:
    secrets.keyrings = None  # type: ignore[assignment]
    verdict = await judges.by(SIGNED).decide(of(PRIVATE), "prod", SOON)
    assert [code for code, *_ in findings(verdict)] == ["INTERNAL_ERROR"]
    assert "could not be looked up" in caplog.text


async def test_secrets_are_waited_for_as_long_as_the_strongest_policy_waits(
    judges: Judges, secrets: FakePullSecrets
) -> None:
    audit = changed(SIGNED.replace("from: [release]", "from: [other]"), mode="Audit", name="audit")
    await judges.by(audit, pinning=True).decide(of(PRIVATE, TAGGED), "prod", 60.0)
    await judges.by(audit, SIGNED).decide(of(PRIVATE.replace(digest("a"), digest("c"))), "prod", 60.0)
    short, long = secrets.waits
    assert short <= AUDIT_WAIT_SECONDS
    assert 50.0 < long <= 60.0


async def test_what_an_allowlist_refuses_is_never_a_reason_to_read_secrets(
    judges: Judges, secrets: FakePullSecrets
) -> None:
    assert not (await judges.by(SIGNED).decide(of("evil.example.com/x/y:1"), "prod", SOON)).allowed
    assert secrets.asked == []


async def test_what_a_secret_opened_is_verified_again_with_it(
    judges: Judges, registry: FakeRegistry, clock: FakeClock
) -> None:
    judge = judges.by(SIGNED)
    await judge.decide(of(PRIVATE), "prod", SOON)
    clock.advance(3300.0)
    assert (await judge.decide(of(PRIVATE), "prod", SOON)).allowed
    clock.advance(330.0)
    assert (await judge.decide(of(PRIVATE), "prod", SOON)).allowed
    assert registry.asked == [f"evidence {PRIVATE} with ours"] * 2
