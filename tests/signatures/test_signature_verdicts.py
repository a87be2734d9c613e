"""Which authorities vouch, how they are counted, and what is said when they are too few."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tests.signatures.forge import (
    DIGEST,
    OTHER_DIGEST,
    SIGNATURE_ANNOTATION,
    SIMPLE_MEDIA_TYPE,
    WITHOUT_ROOTS,
    b64,
    bundle,
    bundled,
    changed,
    dumped,
    evidence,
    payload,
    pem,
    required,
    signer,
    simple,
    stated,
    statement,
)
from webhook.codes import Code
from webhook.signatures.authorities import KeyAuthority, Requirement
from webhook.signatures.evidence import Attachment, Evidence, Unanswered, Unusable
from webhook.signatures.examine import MAX_ATTACHMENTS
from webhook.signatures.keys import ED25519_CAVEAT, PublicKey
from webhook.signatures.verify import Outcome, quick, verify

RELEASE, CI, STRANGER = signer("release"), signer("ci"), signer("stranger")
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

UNANSWERED = Unanswered("tag sha256-a1.sig", Code.REGISTRY_UNAVAILABLE, "registry.example.com answered 503")
ATTESTATION = stated(RELEASE, changed(statement(), "predicateType", to="https://slsa.dev/provenance/v1"))


class Raising(Mapping[str, str]):
    """Annotations that raise when they are read, as only a fault in our own code could."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __getitem__(self, key: str) -> str:
        raise self.error

    def __iter__(self) -> Iterator[str]:
        raise self.error

    def __len__(self) -> int:
        raise self.error


def raising(error: BaseException) -> Attachment:
    return Attachment("tag", SIMPLE_MEDIA_TYPE, dumped(payload()), Raising(error))


def judged(*attachments: Attachment, by: Requirement | None = None) -> Outcome:
    return verify(evidence(*attachments), DIGEST, by or required(RELEASE.authority()), WITHOUT_ROOTS)


def said(outcome: Outcome) -> tuple[Code | None, str]:
    assert outcome.verified is (outcome.code is None)
    return outcome.code, outcome.message


BAD = simple(STRANGER)
MALFORMED = simple(RELEASE, b"{")


def test_nothing_found_is_not_signed() -> None:
    assert said(judged()) == (Code.NOT_SIGNED, "no cosign signature or bundle for this digest")


def test_what_is_of_another_media_type_is_not_a_signature() -> None:
    outcome = judged(Attachment("referrer", "text/spdx\x1b", b"", {}))
    assert said(outcome) == (Code.NOT_SIGNED, "no cosign signature or bundle for this digest")
    assert [trial.reason for trial in outcome.trials] == [
        'media type "text/spdx\\x1b" is not one of signatures or attestations'
    ]


@pytest.mark.parametrize(
    "others",
    [
        (BAD, BAD),
        (MALFORMED,),
        (ATTESTATION,),
        (raising(TypeError()),),
        (simple(RELEASE, dumped(payload(OTHER_DIGEST))),),
    ],
)
def test_one_good_signature_suffices_wherever_it_stands(others: tuple[Attachment, ...]) -> None:
    """SIG-09 and SIG-23: any candidate of any place and format may pass."""
    for good in (simple(RELEASE), bundled(bundle(RELEASE))):
        assert judged(*others, good).verified
        assert judged(good, *others).verified


@pytest.mark.parametrize(
    "error",
    [
        RecursionError(),
        MemoryError(),
        TypeError("secret"),
        UnicodeDecodeError("utf-8", b"secret", 0, 1, ""),
        OverflowError(),
        StopIteration(),
        Exception(),
        Warning(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_exception_refuses_its_candidate_alone_and_tells_its_kind_alone(error: BaseException) -> None:
    """SIG-36."""
    outcome = judged(raising(error))
    reason = f"cannot be read ({type(error).__name__})"
    assert said(outcome) == (
        Code.SIGNATURE_INVALID,
        f"found 1, of which none is a well-formed signature of this digest: {reason}",
    )
    assert judged(raising(error), simple(RELEASE)).verified


class Panic(BaseException):
    """What pyo3 makes of a panic."""


def test_a_panic_refuses_one_thing_and_the_end_of_the_program_is_let_through() -> None:
    assert judged(raising(Panic()), simple(RELEASE)).verified
    assert judged(raising(Panic())).code is Code.SIGNATURE_INVALID
    with pytest.raises(KeyboardInterrupt):
        judged(raising(KeyboardInterrupt()))


def test_a_key_that_raises_never_vouches_and_takes_no_other_along() -> None:
    def check(signature: bytes, message: bytes) -> None:
        raise ValueError(message)

    broken = KeyAuthority("broken", replace(CI.public, _check=check))
    assert judged(simple(CI), by=required(broken)).code is Code.SIGNATURE_INVALID
    outcome = judged(simple(RELEASE), by=required(RELEASE.authority(), broken))
    assert outcome.signers == ("release",)
    assert [trial.reason for trial in outcome.trials] == ["verified", "cannot be verified (ValueError)"]
    assert judged(simple(RELEASE), by=required(RELEASE.authority(), broken, minimum=2)).code is Code.TOO_FEW_SIGNERS


def test_two_of_two_need_two_keys() -> None:
    both = required(RELEASE.authority(), CI.authority(), minimum=2)
    for second in (simple(CI), bundled(bundle(CI))):
        outcome = judged(second, simple(RELEASE), by=both)
        assert outcome.verified
        assert set(outcome.signers) == {"release", "ci"}
    one = judged(simple(RELEASE), bundled(bundle(RELEASE)), BAD, by=both)
    assert said(one) == (
        Code.TOO_FEW_SIGNERS,
        "signed by release, but 2 distinct keys of release and ci are required",
    )
    assert one.signers == ("release",)


def test_a_signature_and_its_mirror_image_are_one_signer() -> None:
    """SIG-08: ECDSA's (r, n-s) verifies as well as (r, s)."""
    content = dumped(payload())
    r, s = decode_dss_signature(RELEASE.sign(content))
    mirrored = {SIGNATURE_ANNOTATION: b64(encode_dss_signature(r, P256_ORDER - s))}
    twice = (simple(RELEASE, content), simple(RELEASE, content, mirrored))
    assert judged(twice[1]).verified
    outcome = judged(*twice, by=required(RELEASE.authority(), CI.authority(), minimum=2))
    assert (outcome.code, outcome.signers) == (Code.TOO_FEW_SIGNERS, ("release",))


def test_one_key_under_two_names_is_one_signer() -> None:
    """SIG-08."""
    names = (RELEASE.authority("first"), RELEASE.authority("second"))
    outcome = judged(simple(RELEASE), by=required(*names, minimum=2))
    assert (outcome.code, outcome.signers) == (Code.TOO_FEW_SIGNERS, ("first",))
    three = required(*names, CI.authority(), minimum=2)
    assert judged(simple(RELEASE), by=three).code is Code.TOO_FEW_SIGNERS
    assert judged(simple(RELEASE), simple(CI), by=three).signers == ("first", "ci")


def test_two_keys_under_one_name_are_two_signers() -> None:
    outcome = judged(simple(RELEASE), simple(CI), by=required(RELEASE.authority("x"), CI.authority("x"), minimum=2))
    assert (outcome.verified, outcome.signers) == (True, ("x", "x"))


def test_annotations_must_stand_on_the_signature_that_verifies() -> None:
    """SIG-09."""
    with_annotations = dumped(payload(optional={"team": "red"}))
    wanted = required(RELEASE.authority(team="red"))
    outcome = judged(simple(RELEASE), simple(STRANGER, with_annotations), by=wanted)
    assert said(outcome) == (
        Code.SIGNER_NOT_ALLOWED,
        'signed by release, but annotation "team" is missing, expected "red"',
    )
    assert judged(simple(RELEASE, with_annotations), by=wanted).verified


@pytest.mark.parametrize("minimum", [0, -1, 2, 1000])
def test_a_minimum_that_nothing_can_fulfil_refuses(minimum: int) -> None:
    outcome = judged(simple(RELEASE), by=required(RELEASE.authority(), minimum=minimum))
    assert said(outcome) == (
        Code.SIGNER_NOT_ALLOWED,
        f"the policy requires {minimum} of 1 authorities, which nothing can fulfil",
    )


@pytest.mark.parametrize("minimum", [0, 1])
def test_no_authorities_refuse(minimum: int) -> None:
    outcome = judged(simple(RELEASE), by=Requirement(minimum, ()))
    assert outcome.code is Code.SIGNER_NOT_ALLOWED


def test_a_place_that_could_not_be_looked_at_decides_only_where_nothing_else_verified() -> None:
    requirement = required(RELEASE.authority())
    for found in ((), (BAD,), (MALFORMED,), (ATTESTATION,)):
        incomplete = Evidence(found, unanswered=(UNANSWERED, replace(UNANSWERED, code=Code.CREDENTIALS_MISSING)))
        assert said(verify(incomplete, DIGEST, requirement, WITHOUT_ROOTS)) == (
            Code.REGISTRY_UNAVAILABLE,
            "signatures could not be looked up: registry.example.com answered 503",
        )
    assert verify(Evidence((simple(RELEASE),), unanswered=(UNANSWERED,)), DIGEST, requirement, WITHOUT_ROOTS).verified


def test_evidence_is_complete_only_when_every_place_answered() -> None:
    assert evidence(BAD).complete
    assert not Evidence((BAD,), unanswered=(UNANSWERED,)).complete


def test_too_few_signers_with_a_place_unanswered_could_not_be_found_out() -> None:
    both = required(RELEASE.authority(), CI.authority(), minimum=2)
    outcome = verify(Evidence((simple(RELEASE),), unanswered=(UNANSWERED,)), DIGEST, both, WITHOUT_ROOTS)
    assert (outcome.code, outcome.signers) == (Code.REGISTRY_UNAVAILABLE, ("release",))


def test_what_is_unusable_counts_as_found_and_is_never_a_signature() -> None:
    unusable = Unusable("tag sha256-a1.sig, layer 0", "other content than its digest names\n")
    outcome = verify(Evidence(unusable=(unusable,)), DIGEST, required(RELEASE.authority()), WITHOUT_ROOTS)
    assert said(outcome) == (
        Code.SIGNATURE_INVALID,
        "found 1, of which none is a well-formed signature of this digest: other content than its digest names\\n",
    )
    assert outcome.trials[0].source == unusable.source


def test_the_nearest_miss_decides_the_code() -> None:
    """Attestation, malformed, by a stranger: each next one outweighs those before it."""
    found: tuple[Attachment, ...] = ()
    for more, code in (
        (ATTESTATION, Code.NOT_SIGNED),
        (MALFORMED, Code.SIGNATURE_INVALID),
        (BAD, Code.SIGNER_NOT_ALLOWED),
    ):
        found = (more, *found)
        assert judged(*found).code is code


def test_every_candidate_is_tried_with_every_authority() -> None:
    outcome = judged(simple(RELEASE), bundled(bundle(CI)), BAD, by=required(RELEASE.authority(), CI.authority()))
    assert {(trial.source, trial.authority, trial.accepted) for trial in outcome.trials} == {
        ("tag sha256-a1.sig, layer 0", "release", True),
        ("tag sha256-a1.sig, layer 0", "ci", False),
        ("tag sha256-a1.sig, layer 0", "release", False),
        ("referrer sha256:c3", "release", False),
        ("referrer sha256:c3", "ci", True),
    }
    assert len(outcome.trials) == 6


def test_the_message_names_the_accepted_authorities() -> None:
    assert judged(BAD).message == f"signed, but not by release (key {RELEASE.public})"
    several = required(RELEASE.authority(), CI.authority())
    assert judged(BAD, by=several).message == (
        f"signed, but not by release (key {RELEASE.public}) or ci (key {CI.public})"
    )
    many = required(*(signer(f"k{number}").authority() for number in range(5)))
    assert judged(BAD, by=many).message.endswith(", k2 (key " + str(signer("k2").public) + ") or 2 more")


def test_the_message_says_when_signatures_are_made_with_certificates() -> None:
    keyless = bundled(changed(bundle(RELEASE), "verificationMaterial", to={"certificate": {"rawBytes": "AAAA"}}))
    legacy = simple(STRANGER, annotations={"dev.sigstore.cosign/certificate": "-----BEGIN CERTIFICATE-----"})
    message = f"signed with a certificate (keyless), but not by release (key {RELEASE.public})"
    assert said(judged(keyless, legacy)) == (Code.SIGNER_NOT_ALLOWED, message)
    assert judged(keyless, BAD).message == f"signed, but not by release (key {RELEASE.public})"


def test_a_certificate_beside_a_signature_by_the_right_key_does_not_matter() -> None:
    assert judged(simple(RELEASE, annotations={"dev.sigstore.cosign/certificate": "-----BEGIN"})).verified


def test_the_message_says_what_ed25519_keys_cannot_do() -> None:
    key = PublicKey.from_pem(pem(ed25519.Ed25519PrivateKey.generate().public_key()))
    outcome = judged(BAD, by=required(KeyAuthority("release", key)))
    assert said(outcome) == (Code.SIGNER_NOT_ALLOWED, f"signed, but not by release (key {key}); {ED25519_CAVEAT}")


def test_messages_are_one_short_line_of_printable_ascii() -> None:
    name = "n\u00e4me\n\x1b[31m" + "x" * 1000
    requirement = required(*(replace(signer(f"k{number}").authority(), name=name) for number in range(20)), minimum=2)
    for found in ((BAD,), (simple(signer("k1")),), (simple(RELEASE, dumped(payload(OTHER_DIGEST))),), (ATTESTATION,)):
        message = judged(*found, by=requirement).message
        assert message.isascii()
        assert message.isprintable()
        assert len(message) < 1024


def test_what_lies_beyond_the_ceiling_of_attachments_is_refused() -> None:
    """SIG-10 and SIG-11: availability is lost, never the verdict."""
    beyond = simple(RELEASE, dumped(payload(optional={"pad": "x" * 500})))
    outcome = judged(beyond, *[BAD] * MAX_ATTACHMENTS)
    assert outcome.code is Code.SIGNER_NOT_ALLOWED
    assert outcome.trials[-1].reason == "beyond what is looked at for one image"
    assert len(outcome.trials) == MAX_ATTACHMENTS + 1
    assert judged(beyond, *[BAD] * (MAX_ATTACHMENTS - 1)).verified


def test_large_documents_do_not_crowd_out_a_signature() -> None:
    """SIG-10: 24 MiB are looked at, the smallest first."""
    large = Attachment("referrer", SIMPLE_MEDIA_TYPE, b" " * (4 << 20))
    outcome = judged(*[large] * 20, simple(RELEASE))
    assert outcome.verified
    reasons = [trial.reason for trial in outcome.trials]
    assert reasons.count("beyond what is looked at for one image") == 15
    assert reasons[0] == "verified"


SMALL = simple(RELEASE)
P256_AUTHORITY = RELEASE.authority()
OTHER_KEYS: dict[str, Any] = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate().public_key(),
    "RSA-4096": rsa.RSAPublicNumbers(65537, (1 << 4095) + 1).public_key(),
}


def test_a_few_small_signatures_and_p256_keys_are_quick() -> None:
    assert quick(evidence(), required(P256_AUTHORITY))
    assert quick(evidence(SMALL, bundled(bundle(CI))), required(P256_AUTHORITY, CI.authority()))


def test_many_or_large_signatures_are_not_quick() -> None:
    assert not quick(evidence(*[SMALL] * 11), required(P256_AUTHORITY))
    assert not quick(evidence(SMALL, SMALL), required(*[P256_AUTHORITY] * 6))
    assert not quick(evidence(Attachment("tag", "", b" " * 65537)), required(P256_AUTHORITY))


@pytest.mark.parametrize("key", OTHER_KEYS.values(), ids=OTHER_KEYS)
def test_slow_keys_are_not_quick(key: Any) -> None:
    slow = KeyAuthority("slow", PublicKey.from_pem(pem(key)))
    assert not quick(evidence(SMALL), required(P256_AUTHORITY, slow))
