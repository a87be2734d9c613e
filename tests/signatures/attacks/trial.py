"""One artefact before the verifier, and what the verifier is expected to say of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final

from tests.fakes import sigstore
from tests.fakes.sigstore import DIGEST, ISSUER, NOW, SUBJECT, Key
from webhook.codes import Code
from webhook.images import Digest, PinnedImage
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import KEYLESS_PROOFS, Authority, KeyAuthority, KeylessAuthority, Requirement
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.faults import Fault
from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey
from webhook.signatures.proofs.trust_root import TrustRoot
from webhook.signatures.trust import Circumstances, Proofs
from webhook.signatures.verify import Examination, Outcome, verify

IDENTITY: Final = Identity(ISSUER, SUBJECT)
CI: Final = KeylessAuthority("ci", IDENTITY)
RELEASE: Final = KeyAuthority("release", PublicKey.from_pem(Key("release").pem))
PROVENANCE: Final = "https://slsa.dev/provenance/v1"
SAID: Final = {"buildDefinition": {"buildType": "https://example.com/build"}}
IMAGE: Final = PinnedImage("registry.example.com", "app", Digest.parse(DIGEST))
LOGGED_RELEASE: Final = KeyAuthority("release", RELEASE.key, proofs=Proofs(log=True))

CODES: Final[Mapping[Fault, Code]] = {
    Fault.MALFORMED: Code.SIGNATURE_INVALID,
    Fault.OTHER_DIGEST: Code.SIGNATURE_INVALID,
    Fault.OTHER_PREDICATE: Code.NOT_SIGNED,
    Fault.UNRELATED: Code.NOT_SIGNED,
    Fault.OTHER_PLACE: Code.NOT_SIGNED,
    Fault.CERTIFICATE_UNEXPECTED: Code.SIGNER_NOT_ALLOWED,
    Fault.CERTIFICATE_MISSING: Code.SIGNER_NOT_ALLOWED,
    Fault.SIGNATURE_MISMATCH: Code.SIGNER_NOT_ALLOWED,
    Fault.ISSUER_MISMATCH: Code.SIGNER_NOT_ALLOWED,
    Fault.SUBJECT_MISMATCH: Code.SIGNER_NOT_ALLOWED,
    Fault.EXTENSION_MISMATCH: Code.SIGNER_NOT_ALLOWED,
    Fault.ANNOTATION_MISMATCH: Code.SIGNER_NOT_ALLOWED,
    Fault.TRUST_ROOT_UNAVAILABLE: Code.TRUST_ROOT_UNAVAILABLE,
}
"""What the outcome says where one thing was found and refused for that reason; all other faults: SIGNATURE_INVALID."""


@cache
def trust_root(content: bytes) -> TrustRoot:
    return TrustRoot.parse(content)


@cache
def good_root() -> bytes:
    return sigstore.trusted_root()


def circumstances(root: bytes | None = None, now: datetime = NOW) -> Circumstances:
    return Circumstances(now, {"public-good": trust_root(root or good_root())})


def judged(
    *found: Attachment,
    by: Authority | tuple[Authority, ...] = CI,
    minimum: int = 1,
    root: bytes | None = None,
    now: datetime = NOW,
) -> Outcome:
    authorities = by if isinstance(by, tuple) else (by,)
    return verify(Evidence(found), Digest.parse(DIGEST), Requirement(minimum, authorities), circumstances(root, now))


def attested(*found: Attachment, by: Authority = CI, predicate_type: str = PROVENANCE) -> Outcome:
    """The outcome of a rule that wants one attestation of a type."""
    rule = AttestationRule("provenance", frozenset({predicate_type}), Requirement(1, (by,)))
    return Examination(Evidence(found), IMAGE.digest, circumstances()).attestations(rule, IMAGE)


@dataclass(frozen=True, slots=True)
class Attack:
    """Something found that must be refused for one reason; everything else about it is as it should be."""

    found: Attachment
    fault: Fault
    by: Authority = CI
    root: bytes | None = field(default=None, repr=False)
    now: datetime = NOW

    def check(self) -> None:
        outcome = judged(self.found, by=self.by, root=self.root, now=self.now)
        (trial,) = outcome.trials
        assert (outcome.verified, trial.accepted, trial.fault) == (False, False, self.fault), trial.reason
        assert outcome.code is CODES.get(self.fault, Code.SIGNATURE_INVALID), outcome.message
        assert outcome.signers == ()


def accepted(outcome: Outcome) -> bool:
    """Verified; else the failing test shows why not."""
    assert outcome.verified, [(trial.fault, trial.reason) for trial in outcome.trials]
    return True


def keyless(proofs: Proofs = KEYLESS_PROOFS, identity: Identity = IDENTITY) -> KeylessAuthority:
    return KeylessAuthority("ci", identity, proofs=proofs)
