"""Whether one authority vouches by one candidate: its signature, who made it, and everything that proves it.

The cheap checks come first. What a trust root says of a candidate does not depend on the authority, so it is asked once
for all authorities that want the same of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webhook.signatures.attestations import Vouch
from webhook.signatures.authorities import Authority, KeyAuthority, KeylessAuthority, needs_trust_root
from webhook.signatures.candidate import Candidate, Claim, Form, printable
from webhook.signatures.certificates import Leaf, issuer_of
from webhook.signatures.faults import ENDING, OF_ANOTHER_ROOT, Fault, RefusedError
from webhook.signatures.identities import Signer
from webhook.signatures.keys import PublicKey
from webhook.signatures.trust import Circumstances, Proofs, Proved

_NOTHING_PROVED = Proved()
_NO_TIME = "nothing that can be trusted says when the certificate was used"
_SHOWN_CHARACTERS = 500


@dataclass(slots=True)
class Witness:
    """One candidate, with what was found out about it: so that nothing of it is computed twice."""

    candidate: Candidate
    circumstances: Circumstances
    _leaf: Leaf | RefusedError | None = None
    _proved: dict[tuple[str, Proofs, str], Proved | RefusedError] = field(default_factory=dict)

    def vouch(self, authority: Authority) -> Vouch:
        """The authority's vouching by this candidate. Raises `RefusedError`, whatever goes wrong."""
        try:
            return self._vouch(authority)
        except (RefusedError, *ENDING):
            raise
        except BaseException as error:  # the rule itself: no error and no panic may pass, or take others along
            raise RefusedError(Fault.MALFORMED, f"cannot be verified ({type(error).__name__})") from error

    @property
    def claimed_signer(self) -> str:
        """Who the certificate names, where one says who signed; nothing of it is proved."""
        leaf = self._leaf
        return _named(leaf.signer) if isinstance(leaf, Leaf) else ""

    def _vouch(self, authority: Authority) -> Vouch:
        candidate = self.candidate
        if isinstance(authority, KeyAuthority):
            _check_key(candidate, authority.key)
            proved = self._prove(authority, authority.key)
            return Vouch(candidate, authority, authority.key.fingerprint, f"key {authority.key}", proved)
        leaf = self._signing_leaf()
        authority.identity.check(leaf.signer)
        proved = self._prove(authority, leaf)
        return Vouch(candidate, authority, leaf.signer.voice, _named(leaf.signer), proved)

    def _signing_leaf(self) -> Leaf:
        """The certificate whose key made the signature."""
        if self._leaf is None:
            try:
                self._leaf = _signing_leaf(self.candidate)
            except RefusedError as error:
                self._leaf = error.unraised()
        if isinstance(self._leaf, RefusedError):
            raise self._leaf.unraised()
        return self._leaf

    def _prove(self, authority: Authority, signer: Leaf | PublicKey) -> Proved:
        if not needs_trust_root(authority):
            return _NOTHING_PROVED
        fingerprint = signer.fingerprint if isinstance(signer, PublicKey) else ""
        key = (authority.trust_root, authority.proofs, fingerprint)
        if key not in self._proved:
            try:
                self._proved[key] = self._ask(authority, signer)
            except RefusedError as error:
                self._proved[key] = error.unraised()
        proved = self._proved[key]
        if isinstance(proved, RefusedError):
            raise proved.unraised()
        return proved

    def _ask(self, authority: Authority, signer: Leaf | PublicKey) -> Proved:
        root = self.circumstances.trust.get(authority.trust_root)
        if root is None:
            reason = f"there is no trust root {authority.trust_root} to judge it by"
            raise RefusedError(Fault.TRUST_ROOT_UNAVAILABLE, reason)
        try:
            proved = root.prove(self.candidate, signer, authority.proofs, self.circumstances.now)
        except RefusedError as error:
            if error.fault not in OF_ANOTHER_ROOT:
                raise
            raise _by_root(error, authority, signer) from None
        if isinstance(authority, KeylessAuthority) and not proved.times:
            raise _by_root(RefusedError(Fault.TIME_UNKNOWN, _NO_TIME), authority, signer)
        return proved


def _by_root(error: RefusedError, authority: Authority, signer: Leaf | PublicKey) -> RefusedError:
    """The refusal, with whom was asked, and who issued a certificate that is not known there."""
    issued = ""
    if isinstance(signer, Leaf) and error.fault is Fault.CERTIFICATE_UNTRUSTED:
        issued = f', but by "{issuer_of(signer.certificate)}"'
    return RefusedError(error.fault, f"{error.reason}{issued} (trust root {authority.trust_root})")


def _named(signer: Signer) -> str:
    """Whole identities are shown where somebody has to compare them."""
    return f"{printable(signer.subject, _SHOWN_CHARACTERS)} (issuer {printable(signer.issuer, _SHOWN_CHARACTERS)})"


def check_annotations(claims: tuple[Claim, ...], wanted: Mapping[str, str]) -> None:
    """Whether one of the claims carries all of the wanted annotations. Raises `RefusedError`."""
    reasons = [claim.mismatch(wanted) for claim in claims]
    if reasons and all(reasons):
        raise RefusedError(Fault.ANNOTATION_MISMATCH, reasons[0] or "")


def _check_key(candidate: Candidate, key: PublicKey) -> None:
    if candidate.keyless:
        reason = "signed with a certificate (keyless), where a key is accepted"
        raise RefusedError(Fault.CERTIFICATE_UNEXPECTED, reason)
    refusal = key.verify(candidate.signature, candidate.message)
    if refusal is not None:
        raise RefusedError(Fault.SIGNATURE_MISMATCH, refusal)


def _signing_leaf(candidate: Candidate) -> Leaf:
    if candidate.certificate is None:
        form = "bundle" if candidate.form is Form.BUNDLE else "signature"
        raise RefusedError(Fault.CERTIFICATE_MISSING, f"the {form} has no certificate (it is not keyless)")
    leaf = Leaf.parse(candidate.certificate)
    if leaf.key.verify(candidate.signature, candidate.message) is not None:
        raise RefusedError(Fault.SIGNATURE_MISMATCH, "the certificate's key did not make the signature")
    return leaf
