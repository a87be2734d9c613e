"""What a developer is told to do."""

from dataclasses import replace

import pytest

from tests.fakes.images import digest, key, pem
from webhook.admission.mend import mend
from webhook.codes import Code
from webhook.images import Digest, PinnedImage
from webhook.policy.rules import VerifyEntry
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import Authority, KeyAuthority, KeylessAuthority, Requirement
from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey

IMAGE = PinnedImage("registry.example.com", "app", Digest.parse(digest("a")))
RELEASE = KeyAuthority("release", PublicKey.from_pem(pem(key())))
PIPELINE = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
CI = KeylessAuthority("ci", Identity("https://token.actions.githubusercontent.com", PIPELINE))


def rule(name: str, *by: Authority) -> AttestationRule:
    return AttestationRule(name, frozenset({name}), Requirement(1, by))


def entry(*by: Authority, attestations: tuple[AttestationRule, ...] = ()) -> VerifyEntry:
    return VerifyEntry("app", "1", Requirement(1, by) if by else None, attestations=attestations)


@pytest.mark.parametrize(
    "code", [Code.NOT_SIGNED, Code.SIGNATURE_INVALID, Code.SIGNER_NOT_ALLOWED, Code.TOO_FEW_SIGNERS]
)
def test_somebody_with_a_key_can_sign(code: Code) -> None:
    assert mend(code, IMAGE, entry(RELEASE, CI)) == f"cosign sign --key KEY {IMAGE} (accepted signers: release, ci)"


def test_a_pipeline_signs_for_itself() -> None:
    told = mend(Code.NOT_SIGNED, IMAGE, entry(CI))
    assert told.startswith("let ")
    assert PIPELINE in told
    assert told.endswith(f" run cosign sign {IMAGE} (accepted signers: ci)")


def test_signatures_elsewhere_are_written_there() -> None:
    elsewhere = replace(RELEASE, repository="registry.example.com/sigs")
    assert mend(Code.NOT_SIGNED, IMAGE, entry(elsewhere)) == (
        f"COSIGN_REPOSITORY=registry.example.com/sigs cosign sign --key KEY {IMAGE} (accepted signers: release)"
    )


@pytest.mark.parametrize("code", [Code.ATTESTATION_MISSING, Code.ATTESTATION_TOO_OLD])
def test_the_attestation_that_is_missing_is_named(code: Code) -> None:
    both = entry(attestations=(rule("spdx", CI), rule("vuln", RELEASE)))
    assert mend(code, IMAGE, both, "vuln") == (
        f"cosign attest --key KEY --type vuln --predicate FILE {IMAGE} (accepted signers: release)"
    )
    assert mend(code, IMAGE, entry(RELEASE), "") == ""


@pytest.mark.parametrize("code", [Code.SIGNATURE_INVALID, Code.ATTESTATION_MISSING])
def test_where_the_trust_root_does_not_know_the_signer_signing_again_is_no_fix(code: Code) -> None:
    told = mend(code, IMAGE, entry(CI, attestations=(rule("vuln", CI),)), "vuln", unknown_to="corp")
    assert told == (
        "sign by a Sigstore instance that trust root corp knows, with a log entry or timestamp of it, "
        "or ask the administrators to have yours known (TrustRoot corp, or --trust-root corp=FILE)"
    )


def test_a_digest_without_its_tag_may_be_named_with_it_where_an_index_may_vouch() -> None:
    accepting = replace(entry(RELEASE), accept_index_signature=True)
    hint = "; if an index that lists it is signed, name it TAG@DIGEST"
    for code in (Code.NOT_SIGNED, Code.SIGNER_NOT_ALLOWED):
        assert mend(code, IMAGE, accepting, untagged=True) == mend(code, IMAGE, accepting) + hint
    assert mend(Code.SIGNATURE_INVALID, IMAGE, accepting, unknown_to="corp", untagged=True).endswith(hint)
    assert not mend(Code.NOT_SIGNED, IMAGE, entry(RELEASE), untagged=True).endswith(hint)
    assert not mend(Code.VULNERABLE, IMAGE, accepting, untagged=True).endswith(hint)


def test_what_nothing_can_be_signed_for_has_its_own_text() -> None:
    assert mend(Code.VULNERABLE, IMAGE, entry(RELEASE), "vuln").startswith("update what is named")
    assert mend(Code.NOT_SIGNED, IMAGE, entry()) == ""
    assert mend(Code.REGISTRY_RATE_LIMITED) == "retry in a minute"
