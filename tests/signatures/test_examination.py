"""What is asked of all evidence of one image: attestations, several, large ones, and those that are not seen."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes import sigstore
from tests.fakes.sigstore import DIGEST, NOW, SIGNED_AT, Key, Log
from tests.signatures.attacks.trial import CI, IMAGE, circumstances
from webhook.codes import Code
from webhook.images import Digest
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import KeyAuthority, Requirement
from webhook.signatures.dsse import MAX_UNSEALED_BYTES
from webhook.signatures.evidence import Attachment, Evidence, Unanswered, Unusable
from webhook.signatures.faults import Fault
from webhook.signatures.keys import PublicKey
from webhook.signatures.outcome import Outcome, combined
from webhook.signatures.predicate_types import VULNERABILITIES
from webhook.signatures.reports.vulnerabilities import Severity, VulnerabilityRule
from webhook.signatures.trust import Circumstances, Proofs
from webhook.signatures.verify import Examination

REVIEW = "https://example.com/review/v1"
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"
UNANSWERED = Unanswered("tag .att", Code.REGISTRY_UNAVAILABLE, "no answer")


def authority(name: str) -> KeyAuthority:
    return KeyAuthority(name, PublicKey.from_pem(Key(name).pem))


A, B = authority("a"), authority("b")


def attested(by: str = "a", predicate_type: str = REVIEW, predicate: Any = None) -> Attachment:
    return sigstore.attestation(predicate_type, predicate or {"ok": True}, signer=Key(by), log=Log.NONE)


def signed(by: str = "a", **recipe: Any) -> Attachment:
    return sigstore.signature(signer=Key(by), log=Log.NONE, **recipe)


def examined(*found: Attachment, **more: Any) -> Examination:
    return Examination(Evidence(found, **more), Digest.parse(DIGEST), circumstances())


def rule(
    *by: KeyAuthority, minimum: int = 1, types: frozenset[str] = frozenset({REVIEW}), **more: Any
) -> AttestationRule:
    return AttestationRule("review", types, Requirement(minimum, by or (A,)), **more)


class Never:
    """Fills `Condition`: nothing fulfils it."""

    text = "false"

    def refusal(self, _variables: object) -> str | None:
        return "condition false: false"


def test_an_attestation_counts_when_nothing_speaks_against_it() -> None:
    outcome = examined(attested()).attestations(rule(), IMAGE)
    assert (outcome.verified, outcome.signers, outcome.message) == (True, ("a",), "review attested by a")
    assert outcome.trials[0].kind == f'attestation of type "{REVIEW}"'


def test_what_its_rule_refuses_does_not_count() -> None:
    outcome = examined(attested()).attestations(rule(conditions=(Never(),)), IMAGE)
    assert (outcome.verified, outcome.code, outcome.signers) == (False, Code.CONDITION_FALSE, ())
    assert [(trial.accepted, trial.fault) for trial in outcome.trials] == [(False, Fault.CONDITION_FALSE)]


def test_k_of_n_attestations_need_k_voices() -> None:
    both = rule(A, B, minimum=2)
    assert examined(attested("a"), attested("b")).attestations(both, IMAGE).verified
    outcome = examined(attested("a"), attested("a")).attestations(both, IMAGE)
    assert (outcome.code, outcome.signers) == (Code.ATTESTATION_MISSING, ("a",))
    assert outcome.message == "review attested by a, but 2 distinct keys of a and b are required"


def test_an_outcome_ends_when_what_it_counted_does() -> None:
    said: dict[str, Any] = {"scanner": {"result": {"SchemaVersion": 2, "Results": [{"Class": "os-pkgs"}]}}}
    said |= {"metadata": {"scanFinishedOn": SIGNED_AT.isoformat()}}
    week = rule(types=VULNERABILITIES, max_age=timedelta(days=60))
    outcome = examined(attested(predicate_type=VULN, predicate=said)).attestations(week, IMAGE)
    assert (outcome.verified, outcome.until) == (True, SIGNED_AT + timedelta(days=60))
    other = Outcome(verified=True, code=None, message="signed", until=NOW + timedelta(days=90))
    assert combined([other, outcome]).until == outcome.until
    assert combined([outcome, other, Outcome(verified=True, code=None, message="x")]).until == outcome.until


def test_what_cannot_be_judged_for_want_of_a_trust_root_is_no_answer() -> None:
    bare = Examination(Evidence((attested(),)), Digest.parse(DIGEST), Circumstances(NOW))
    logged = rule(replace(A, proofs=Proofs(log=True)))
    assert bare.attestations(logged, IMAGE).code is Code.TRUST_ROOT_UNAVAILABLE


def test_a_rule_that_nothing_can_fulfil_is_never_fulfilled() -> None:
    assert not examined(attested()).attestations(rule(A, minimum=2), IMAGE).verified
    assert not examined(attested()).attestations(rule(A, minimum=0), IMAGE).verified


@pytest.mark.parametrize("predicate_type", [VULN, f"{REVIEW}/"])
def test_an_attestation_of_another_type_does_not_count(predicate_type: str) -> None:
    outcome = examined(attested(predicate_type=predicate_type), signed()).attestations(rule(), IMAGE)
    assert outcome.code is Code.ATTESTATION_MISSING
    assert [trial.fault for trial in outcome.trials] == [Fault.OTHER_PREDICATE] * 2


def test_a_place_that_did_not_answer_may_hold_a_newer_one() -> None:
    outcome = examined(attested(), unanswered=(UNANSWERED,)).attestations(rule(), IMAGE)
    assert (outcome.code, outcome.message) == (
        Code.REGISTRY_UNAVAILABLE,
        "signatures could not be looked up: no answer",
    )
    assert examined(signed(), unanswered=(UNANSWERED,)).signatures(Requirement(1, (A,))).verified
    assert examined(attested(), unanswered=(UNANSWERED,)).vouched(frozenset({REVIEW}), (A,)) == ()


def test_what_was_not_looked_at_may_be_a_newer_one() -> None:
    beyond = Unusable("referrers", "there are 300; the first 200 are looked at", beyond=True)
    outcome = examined(attested(), unusable=(beyond,)).attestations(rule(), IMAGE)
    assert outcome.code is Code.REGISTRY_RESPONSE_INVALID
    assert "the newest may be among the others: referrers: there are 300" in outcome.message
    assert examined(attested(), unusable=(Unusable("referrer", "gone"),)).attestations(rule(), IMAGE).verified
    crowd = [Attachment("junk", "text/plain", b"")] * 512
    outcome = examined(attested(), *crowd).attestations(rule(), IMAGE)
    assert outcome.code is Code.REGISTRY_RESPONSE_INVALID


def large(by: str, **more: Any) -> Attachment:
    return attested(by, predicate={"text": "x" * MAX_UNSEALED_BYTES} | more)


def test_a_large_document_is_read_once_an_authority_vouches_for_it() -> None:
    examination = examined(large("a"), large("b"))
    outcome = examination.attestations(rule(), IMAGE)
    assert outcome.verified
    kinds = sorted(trial.kind.split()[0] for trial in outcome.trials)
    assert kinds == ["attestation", "document"]
    assert len(examination.vouched(frozenset({REVIEW}), (B,))) == 1
    assert examination.attestations(rule(B), IMAGE).verified


def test_a_large_document_that_nobody_vouches_for_is_never_read() -> None:
    hostile = large("stranger", wide=[[]] * 1_000_000)
    outcome = examined(hostile).attestations(rule(), IMAGE)
    assert (outcome.code, [trial.fault for trial in outcome.trials]) == (
        Code.ATTESTATION_MISSING,
        [Fault.SIGNATURE_MISMATCH],
    )
    outcome = examined(hostile).signatures(Requirement(1, (A,)))
    assert (outcome.code, [trial.fault for trial in outcome.trials]) == (Code.NOT_SIGNED, [Fault.OTHER_PREDICATE])


def test_a_large_document_of_too_many_values_is_refused_whoever_vouches() -> None:
    outcome = examined(large("a", wide=[[]] * 1_000_000)).attestations(rule(), IMAGE)
    [trial] = outcome.trials
    assert (trial.fault, trial.reason) == (Fault.MALFORMED, "statement: more than the 900000 values that are read")


def test_a_large_document_about_another_digest_is_refused() -> None:
    other = sigstore.attestation(
        REVIEW, {"text": "x" * MAX_UNSEALED_BYTES}, signer=Key("a"), log=Log.NONE, digest=sigstore.OTHER_DIGEST
    )
    outcome = examined(other).attestations(rule(), IMAGE)
    assert [trial.fault for trial in outcome.trials] == [Fault.OTHER_DIGEST]


def test_a_large_signature_is_one() -> None:
    assert examined(signed(annotations={"note": "x" * MAX_UNSEALED_BYTES})).signatures(Requirement(1, (A,))).verified


def test_what_is_said_against_the_image_comes_first() -> None:
    rules = VulnerabilityRule(Severity.MEDIUM)
    unreadable = examined(attested(predicate_type=VULN)).attestations(
        rule(types=VULNERABILITIES, vulnerabilities=rules), IMAGE
    )
    unsigned = examined().signatures(Requirement(1, (A,)))
    assert combined([unsigned, unreadable]).code is Code.VULNERABLE
    assert combined([unsigned, Outcome(verified=False, code=Code.ATTESTATION_MISSING, message="")]).code is (
        Code.NOT_SIGNED
    )
    assert combined([]).code is Code.SIGNER_NOT_ALLOWED


@pytest.mark.parametrize("log", [Log.V1, Log.V2])
@pytest.mark.parametrize("form", sigstore.Form)
def test_a_large_document_is_logged_as_a_small_one_is(form: sigstore.Form, log: Log) -> None:
    if form is sigstore.Form.LEGACY:
        log = Log.PROMISE
    said = {"text": "x" * MAX_UNSEALED_BYTES}
    made = sigstore.attestation(REVIEW, said, form=form, log=log, timestamp=log is Log.V2)
    by_ci = AttestationRule("review", frozenset({REVIEW}), Requirement(1, (CI,)))
    outcome = examined(made).attestations(by_ci, IMAGE)
    assert outcome.verified, outcome.message
