"""What the developer of a refused image reads."""

from dataclasses import replace

from tests.fakes import sigstore
from tests.fakes.sigstore import DIGEST, ISSUER, SUBJECT, Key, Log
from tests.signatures.attacks.trial import CI, IMAGE, LOGGED_RELEASE, RELEASE, circumstances
from webhook.codes import Code
from webhook.images import Digest
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import Authority, KeylessAuthority, Requirement
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.faults import Fault
from webhook.signatures.identities import Identity
from webhook.signatures.outcome import Outcome
from webhook.signatures.predicate_types import VULNERABILITIES
from webhook.signatures.verify import Examination

STRANGE = sigstore.services("example.org")
ELSEWHERE = "registry.example.com/signatures"


def examined(*found: Attachment) -> Examination:
    return Examination(Evidence(found), Digest.parse(DIGEST), circumstances())


def message(found: Attachment | None, *by: Authority) -> str:
    return examined(*([found] if found else [])).signatures(Requirement(1, by)).message


def of_vulnerabilities(*found: Attachment, by: Authority = RELEASE) -> str:
    rule = AttestationRule("vuln", VULNERABILITIES, Requirement(1, (by,)))
    return examined(*found).attestations(rule, IMAGE).message


def test_another_identity_is_told_with_the_one_that_is_accepted() -> None:
    other = KeylessAuthority("ci", Identity(ISSUER, "https://example.com/other"))
    told = message(sigstore.signature(), other)
    assert told.startswith("signed with a certificate (keyless), but not by ci: ")
    assert SUBJECT in told
    assert "https://example.com/other" in told


def test_a_key_where_identities_are_accepted() -> None:
    told = message(sigstore.signature(signer=Key(), log=Log.NONE), CI)
    assert told.endswith("; it has no certificate, and keyless signatures are what is accepted")


def test_nobody_is_said_to_have_signed_whom_nothing_proves() -> None:
    told = message(sigstore.signature(services=STRANGE), CI)
    assert told.startswith("a signature in the name of ci is not accepted: ")
    assert told.endswith(" (trust root public-good)")


def test_whoever_issued_a_certificate_that_nobody_knows_is_told() -> None:
    strange = sigstore.signature(services=STRANGE)
    told = message(strange, CI)
    assert ' trust root, but by "' in told
    assert told.isascii()
    assert told.isprintable()
    assert len(told) < 400


def refused(found: Attachment, *by: Authority, minimum: int = 1) -> Outcome:
    return examined(found).signatures(Requirement(minimum, by))


def test_an_outcome_names_the_trust_root_that_does_not_know_the_signer() -> None:
    strange = sigstore.signature(services=STRANGE)
    elsewhere = replace(CI, name="corp", trust_root="corp")
    assert refused(strange, CI).unknown_to == "public-good"
    assert refused(strange, RELEASE, CI).unknown_to == "public-good"
    vuln = sigstore.attestation(min(VULNERABILITIES), {}, services=STRANGE)
    rule = AttestationRule("vuln", VULNERABILITIES, Requirement(1, (CI,)))
    assert examined(vuln).attestations(rule, IMAGE).unknown_to == "public-good"
    assert refused(strange, elsewhere).code is Code.TRUST_ROOT_UNAVAILABLE
    assert refused(strange, elsewhere).unknown_to == ""


def test_so_does_one_of_a_signature_without_any_trusted_time() -> None:
    timeless = sigstore.signature(log=Log.NONE)
    unlogged = replace(CI, proofs=replace(CI.proofs, log=False))
    outcome = refused(timeless, unlogged)
    assert [trial.fault for trial in outcome.trials] == [Fault.TIME_UNKNOWN]
    assert outcome.message.endswith(" (trust root public-good)")
    assert outcome.unknown_to == "public-good"


def test_an_outcome_names_no_trust_root_where_something_else_is_the_reason() -> None:
    other = KeylessAuthority("ci", Identity(ISSUER, "https://example.com/other"))
    assert refused(sigstore.signature(), other).unknown_to == ""
    assert refused(sigstore.signature(signer=Key(), log=Log.NONE), LOGGED_RELEASE).unknown_to == ""
    assert refused(replace(sigstore.signature(), content=b"{}"), CI).unknown_to == ""
    both = examined(sigstore.signature(), sigstore.signature(services=STRANGE))
    second = KeylessAuthority("second", Identity(ISSUER, "https://example.com/other"))
    assert both.signatures(Requirement(2, (CI, second))).code is Code.TOO_FEW_SIGNERS
    assert both.signatures(Requirement(2, (CI, second))).unknown_to == ""


def test_a_proof_that_is_missing_is_told_with_the_field_that_wants_it() -> None:
    told = message(sigstore.signature(signer=Key(), log=Log.NONE), LOGGED_RELEASE)
    assert told == (
        "signed by release, but no entry of a transparency log came with it (the policy has transparencyLog: Required)"
    )


def test_where_was_looked_is_told_if_that_is_elsewhere() -> None:
    elsewhere = replace(RELEASE, repository=ELSEWHERE)
    assert message(None, elsewhere) == f"no cosign signature or bundle for this digest in {ELSEWHERE}"
    assert message(None, elsewhere, CI) == (
        f"no cosign signature or bundle for this digest in its own repository or {ELSEWHERE}"
    )
    assert of_vulnerabilities(by=elsewhere) == f"no attestation of type vuln for this digest in {ELSEWHERE}"


def test_attestations_of_other_types_are_counted() -> None:
    other = sigstore.attestation("https://spdx.dev/Document", {}, signer=Key(), log=Log.NONE)
    assert of_vulnerabilities(other).endswith("for this digest; 1 of another type was found")
    assert of_vulnerabilities(other, other).endswith("for this digest; 2 of other types were found")
    damaged = replace(other, content=b"{}")
    assert "found 1 that cannot be used" in of_vulnerabilities(damaged)


def test_an_attestation_by_somebody_else() -> None:
    vuln = sigstore.attestation(min(VULNERABILITIES), {}, signer=Key("stranger"), log=Log.NONE)
    told = of_vulnerabilities(vuln)
    assert told.startswith("attestation of type vuln found, but not by release (key sha256:")
    vuln = sigstore.attestation(min(VULNERABILITIES), {}, services=STRANGE)
    assert of_vulnerabilities(vuln, by=CI).startswith("attestation of type vuln by ci is not accepted: ")
