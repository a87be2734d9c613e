"""Who vouches by one thing found, with a trust root that says what a test wants."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes import sigstore
from tests.fakes.sigstore import ISSUER, SUBJECT, Form, Key, Keyless, Log
from webhook.codes import Code
from webhook.images import Digest
from webhook.signatures.authorities import Authority, KeyAuthority, KeylessAuthority, Requirement
from webhook.signatures.candidate import Candidate
from webhook.signatures.certificates import Leaf
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey
from webhook.signatures.outcome import Outcome
from webhook.signatures.trust import Circumstances, Proofs, Proved, ProvedTime, TimeSource
from webhook.signatures.verify import verify

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROVED = Proved((ProvedTime(NOW, TimeSource.LOG),), ("log entry 7",))
LOGGED = Proofs(log=True)


@dataclass
class FakeTrustRoot:
    """Fills `webhook.signatures.trust.TrustRoot`: proves or refuses whatever it is asked."""

    answer: Proved | Exception = PROVED
    asked: list[tuple[type, Proofs]] = field(default_factory=list)
    fingerprint: str = "sha256:fake"
    expires: datetime | None = None

    def prove(self, candidate: Candidate, signer: Leaf | PublicKey, wanted: Proofs, now: datetime) -> Proved:
        self.asked.append((type(signer), wanted))
        assert now == NOW
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def judged(root: FakeTrustRoot | None, attachment: Attachment, *by: Authority, minimum: int = 1) -> Outcome:
    circumstances = Circumstances(NOW, {"public-good": root} if root else {})
    requirement = Requirement(minimum, by)
    return verify(Evidence((attachment,)), Digest.parse(sigstore.DIGEST), requirement, circumstances)


def keyless(name: str = "ci", **changes: Any) -> KeylessAuthority:
    return KeylessAuthority(name, Identity(ISSUER, SUBJECT), **changes)


def by_key(**changes: Any) -> KeyAuthority:
    return KeyAuthority("release", PublicKey.from_pem(Key().pem), **changes)


def faults(outcome: Outcome) -> list[Fault | None]:
    return [trial.fault for trial in outcome.trials]


@pytest.mark.parametrize("form", Form)
def test_an_identity_vouches_by_what_its_certificate_signed_and_the_trust_root_proves(form: Form) -> None:
    log = Log.V1 if form is Form.BUNDLE else Log.PROMISE
    outcome = judged(FakeTrustRoot(), sigstore.signature(form=form, log=log), keyless())
    assert (outcome.verified, outcome.signers, outcome.message) == (True, ("ci",), "signed by ci")
    (trial,) = outcome.trials
    assert (trial.accepted, trial.kind, trial.proofs) == (True, "signature", ("log entry 7",))
    assert SUBJECT in trial.signer
    assert ISSUER in trial.signer


def test_a_proof_that_fails_refuses_and_is_told_with_the_authority() -> None:
    root = FakeTrustRoot(RefusedError(Fault.LOG_PROOF_INVALID, "the inclusion proof does not hold"))
    outcome = judged(root, sigstore.signature(), keyless())
    assert (outcome.code, outcome.message) == (
        Code.SIGNATURE_INVALID,
        "a signature in the name of ci is not accepted: the inclusion proof does not hold",
    )
    assert faults(outcome) == [Fault.LOG_PROOF_INVALID]


def test_a_proof_without_a_time_does_not_make_a_certificate_good() -> None:
    outcome = judged(FakeTrustRoot(Proved()), sigstore.signature(), keyless())
    assert faults(outcome) == [Fault.TIME_UNKNOWN]
    assert outcome.code is Code.SIGNATURE_INVALID


def test_whatever_a_trust_root_raises_refuses() -> None:
    outcome = judged(FakeTrustRoot(TypeError("hostile")), sigstore.signature(), keyless())
    assert (faults(outcome), outcome.code) == ([Fault.MALFORMED], Code.SIGNATURE_INVALID)
    assert outcome.message == "a signature in the name of ci is not accepted: cannot be verified (TypeError)"


def test_a_trust_root_that_is_not_there_is_told_and_is_no_answer() -> None:
    outcome = judged(None, sigstore.signature(), keyless())
    assert (outcome.code, outcome.message) == (
        Code.TRUST_ROOT_UNAVAILABLE,
        "there is no trust root public-good to judge it by",
    )


def test_what_another_authority_vouches_for_needs_no_trust_root() -> None:
    assert judged(None, sigstore.signature(signer=Key(), log=Log.NONE), keyless(), by_key()).signers == ("release",)


def test_an_identity_that_does_not_match_is_never_judged_by_the_trust_root() -> None:
    root = FakeTrustRoot()
    other = KeylessAuthority("ci", Identity(ISSUER, "https://github.com/acme/other"))
    outcome = judged(root, sigstore.signature(), other)
    assert (faults(outcome), root.asked) == ([Fault.SUBJECT_MISMATCH], [])
    assert outcome.code is Code.SIGNER_NOT_ALLOWED
    assert SUBJECT in outcome.trials[0].signer


def test_a_trust_root_is_asked_once_for_all_authorities_that_want_the_same() -> None:
    root = FakeTrustRoot()
    three = (keyless("a"), keyless("b"), keyless("c", proofs=Proofs(timestamp=True)))
    outcome = judged(root, sigstore.signature(), *three)
    assert [trial.accepted for trial in outcome.trials] == [True, True, True]
    assert root.asked == [(Leaf, Proofs(log=True, certificate_transparency=True)), (Leaf, Proofs(timestamp=True))]
    refusing = FakeTrustRoot(RefusedError(Fault.LOG_UNKNOWN, "the log is not known"))
    assert faults(judged(refusing, sigstore.signature(), *three)) == [Fault.LOG_UNKNOWN] * 3
    assert len(refusing.asked) == 2


def test_one_identity_under_two_authorities_is_one_voice() -> None:
    outcome = judged(FakeTrustRoot(), sigstore.signature(), keyless("a"), keyless("b"), minimum=2)
    assert (outcome.code, outcome.signers) == (Code.TOO_FEW_SIGNERS, ("a",))
    assert outcome.message == "signed by a, but 2 distinct keys or identities of a and b are required"


def test_a_key_asks_the_trust_root_only_for_proofs_that_it_must_have() -> None:
    root = FakeTrustRoot()
    signed = sigstore.signature(signer=Key())
    assert judged(root, signed, by_key()).verified
    assert root.asked == []
    assert judged(root, signed, by_key(proofs=LOGGED)).trials[0].proofs == ("log entry 7",)
    assert root.asked == [(PublicKey, LOGGED)]
    assert faults(judged(None, signed, by_key(proofs=LOGGED))) == [Fault.TRUST_ROOT_UNAVAILABLE]


def test_a_certificate_is_not_a_key_nor_a_key_a_certificate() -> None:
    root = FakeTrustRoot()
    assert faults(judged(root, sigstore.signature(), by_key())) == [Fault.CERTIFICATE_UNEXPECTED]
    assert faults(judged(root, sigstore.signature(signer=Key()), keyless())) == [Fault.CERTIFICATE_MISSING]
    legacy = sigstore.signature(signer=Key(), form=Form.LEGACY, log=Log.NONE)
    outcome = judged(root, legacy, keyless())
    assert [trial.reason for trial in outcome.trials] == ["the signature has no certificate (it is not keyless)"]
    assert root.asked == []


def test_a_certificate_whose_key_did_not_sign_is_refused_once_for_all() -> None:
    mine = sigstore.Recipe().make()
    theirs = sigstore.Recipe(signer=Keyless(sigstore.Profile(names=(sigstore.uri("https://example.com/x"),)))).make()
    document = sigstore.changed(mine.bundle(), "verificationMaterial", to=theirs.bundle()["verificationMaterial"])
    outcome = judged(FakeTrustRoot(), sigstore.bundled(document), keyless("a"), keyless("b"))
    assert faults(outcome) == [Fault.SIGNATURE_MISMATCH] * 2


def test_annotations_are_wanted_of_the_signature_that_verified() -> None:
    signed = sigstore.signature(annotations={"team": "red"})
    assert judged(FakeTrustRoot(), signed, keyless(annotations={"team": "red"})).verified
    outcome = judged(FakeTrustRoot(), signed, keyless(annotations={"team": "blue"}))
    assert faults(outcome) == [Fault.ANNOTATION_MISMATCH]


def test_a_signature_counts_only_where_the_authority_signs() -> None:
    here = sigstore.signature()
    there = Attachment(here.source, here.media_type, here.content, here.annotations, "registry.example.com/signatures")
    elsewhere = keyless(repository="registry.example.com/signatures")
    assert judged(FakeTrustRoot(), there, elsewhere).verified
    assert faults(judged(FakeTrustRoot(), here, elsewhere)) == [Fault.OTHER_PLACE]
    outcome = judged(FakeTrustRoot(), there, keyless())
    assert (faults(outcome), outcome.code) == ([Fault.OTHER_PLACE], Code.NOT_SIGNED)
