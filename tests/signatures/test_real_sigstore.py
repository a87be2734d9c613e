"""What a real Fulcio, Rekor and timestamp server vouch for is accepted exactly where what is required came with it."""

from datetime import timedelta
from functools import cache

import pytest

from tests.fixtures.sigstore import NAMES, Recording, recording
from webhook.codes import Code
from webhook.images import Digest, PinnedImage
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import Authority, KeyAuthority, KeylessAuthority, Requirement
from webhook.signatures.faults import Fault
from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey
from webhook.signatures.outcome import Outcome
from webhook.signatures.predicate_types import COSIGN_CUSTOM, predicate_types
from webhook.signatures.proofs.trust_root import TrustRoot
from webhook.signatures.trust import Circumstances, Proofs
from webhook.signatures.verify import Examination

POLICY_NAMES = {"custom": COSIGN_CUSTOM, "slsaprovenance1": "slsaprovenance", "spdxjson": "spdx"}
"""What policies call the types for which cosign has another name."""

PROOFS = {
    "nothing": Proofs(),
    "log": Proofs(log=True),
    "timestamp": Proofs(timestamp=True),
    "everything": Proofs(log=True, timestamp=True, certificate_transparency=True),
}
NEIGHBOUR = "keyless-neighbour"
KEYLESS = [name for name in NAMES if name.startswith("keyless-")]


@cache
def trust_root(name: str) -> TrustRoot:
    return TrustRoot.parse(recording(name).trusted_root)


def judged(recorded: Recording, authority: Authority, root: TrustRoot) -> Outcome:
    """By a policy that requires a signature, or an attestation where the recording is one."""
    now = recorded.signed_at + timedelta(minutes=1)
    digest = Digest.parse(recorded.digest)
    examination = Examination(recorded.evidence, digest, Circumstances(now, {"here": root}))
    requirement = Requirement(1, (authority,))
    if not recorded.kind:
        return examination.signatures(requirement)
    kind = POLICY_NAMES.get(recorded.kind, recorded.kind)
    rule = AttestationRule(kind, predicate_types(kind), requirement)
    return examination.attestations(rule, PinnedImage("registry.example.com", "app", digest))


def signer(recorded: Recording, proofs: Proofs = PROOFS["nothing"]) -> Authority:
    if recorded.key:
        return KeyAuthority("signer", PublicKey.from_pem(recorded.key), proofs=proofs, trust_root="here")
    identity = Identity(issuer=recorded.issuer, subject=recorded.subject)
    return KeylessAuthority("signer", identity, proofs=proofs, trust_root="here")


def expected(recorded: Recording, proofs: Proofs) -> Fault | None:
    """Why it is refused; None if it is not."""
    if proofs.log and not recorded.logged:
        return Fault.LOG_ENTRY_MISSING
    if proofs.timestamp and not recorded.timestamped:
        return Fault.TIMESTAMP_MISSING
    dated = recorded.key or recorded.logged or recorded.timestamped
    return None if dated else Fault.TIME_UNKNOWN


@pytest.mark.parametrize("required", PROOFS)
@pytest.mark.parametrize("name", NAMES)
def test_what_sigstore_vouches_for_is_accepted_where_what_is_required_came_with_it(name: str, required: str) -> None:
    recorded, proofs = recording(name), PROOFS[required]
    outcome = judged(recorded, signer(recorded, proofs), trust_root(name))
    fault = expected(recorded, proofs)
    assert [trial.fault for trial in outcome.trials] == [fault]
    assert outcome.verified == (fault is None)


@pytest.mark.parametrize("name", KEYLESS)
def test_another_instance_vouches_for_nobody(name: str) -> None:
    recorded = recording(name)
    other = trust_root(KEYLESS[0] if name == NEIGHBOUR else NEIGHBOUR)
    faults = [
        [trial.fault for trial in judged(recorded, signer(recorded, PROOFS[required]), other).trials]
        for required in ("log", "nothing")
    ]
    unlogged = Fault.CERTIFICATE_UNTRUSTED if recorded.logged else Fault.LOG_ENTRY_MISSING
    assert faults == [[unlogged], [Fault.CERTIFICATE_UNTRUSTED]]


@pytest.mark.parametrize("name", NAMES)
def test_nobody_else_signed_it(name: str) -> None:
    recorded = recording(name)
    identity = Identity(issuer=recorded.issuer or "https://issuer.example", subject="somebody@example.com")
    outcome = judged(recorded, KeylessAuthority("else", identity, trust_root="here"), trust_root(name))
    assert outcome.code == (Code.ATTESTATION_MISSING if recorded.kind else Code.SIGNER_NOT_ALLOWED)


def test_the_first_entries_of_both_logs_are_among_them() -> None:
    """Their index is 0, which is left out where a bundle is written."""
    for name in ("keyless-bundle-rekor1", "keyless-bundle-rekor2-timestamp"):
        (attachment,) = recording(name).evidence.attachments
        assert b'"logIndex"' not in attachment.content
