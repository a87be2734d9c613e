"""Why a requirement is not fulfilled: the code and the one sentence that the pod's developer reads."""

from collections.abc import Iterable, Sequence
from typing import Final

from webhook.codes import Code
from webhook.signatures.authorities import Authority, KeyAuthority, Requirement
from webhook.signatures.candidate import printable
from webhook.signatures.evidence import Unanswered
from webhook.signatures.examine import Found
from webhook.signatures.faults import OF_ANOTHER_ROOT, Fault
from webhook.signatures.outcome import Trial

_SHOWN_CHARACTERS: Final = 300
_NAMED: Final = 3
"""Authorities in a message, which must stay short."""

_ANOTHER_SIGNER: Final = frozenset(
    {
        Fault.CERTIFICATE_UNEXPECTED,
        Fault.CERTIFICATE_MISSING,
        Fault.SIGNATURE_MISMATCH,
        Fault.ISSUER_MISMATCH,
        Fault.SUBJECT_MISMATCH,
        Fault.EXTENSION_MISMATCH,
    }
)
_ANOTHER_IDENTITY: Final = frozenset({Fault.ISSUER_MISMATCH, Fault.SUBJECT_MISMATCH, Fault.EXTENSION_MISMATCH})
_WANTED_BY: Final = {
    Fault.LOG_ENTRY_MISSING: " (the policy has transparencyLog: Required)",
    Fault.TIMESTAMP_MISSING: " (the policy has timestamp: Required)",
}
_SAID: Final = {
    Fault.TOO_OLD: Code.ATTESTATION_TOO_OLD,
    Fault.CONDITION_FALSE: Code.CONDITION_FALSE,
    Fault.VULNERABLE: Code.VULNERABLE,
}

Explanation = tuple[Code, str]


def listed(names: Iterable[str], conjunction: str) -> str:
    """`a, b and c`; of many the first ones and how many more there are."""
    shown = [printable(name) for name in names]
    if len(shown) > _NAMED:
        shown[_NAMED:] = [f"{len(shown) - _NAMED} more"]
    *others, last = shown or [""]
    return f" {conjunction} ".join([", ".join(others), last] if others else [last])


def unanswered(first: Unanswered) -> Explanation:
    """A place could not be looked at."""
    return first.code, f"signatures could not be looked up: {printable(first.reason)}"


def left_out(found: Found) -> Explanation:
    """Not everything could be looked at."""
    reason = found.refused.reason if found.refused else ""
    message = f"not all attestations are looked at, and the newest may be among the others: {found.source}: {reason}"
    return Code.REGISTRY_RESPONSE_INVALID, printable(message, _SHOWN_CHARACTERS)


def impossible(requirement: Requirement) -> Explanation:
    """The requirement itself asks for what cannot be."""
    count = f"{requirement.minimum} of {len(requirement.authorities)} authorities"
    return Code.SIGNER_NOT_ALLOWED, f"the policy requires {count}, which nothing can fulfil"


def unavailable(trials: Iterable[Trial]) -> Explanation | None:
    """Something found could not be judged for want of a trust root."""
    reasons = [trial.reason for trial in trials if trial.fault is Fault.TRUST_ROOT_UNAVAILABLE]
    return (Code.TRUST_ROOT_UNAVAILABLE, reasons[0]) if reasons else None


def too_few(verb: str, signers: Sequence[str], requirement: Requirement) -> str:
    """Some vouch, fewer than the minimum."""
    names = listed([authority.name for authority in requirement.authorities], "and")
    keys = all(isinstance(authority, KeyAuthority) for authority in requirement.authorities)
    what = "keys" if keys else "keys or identities"
    return f"{verb} {listed(signers, 'and')}, but {requirement.minimum} distinct {what} of {names} are required"


def not_by(trials: Sequence[Trial], authorities: tuple[Authority, ...], *, certified: bool) -> Explanation:
    """There are well-formed signatures, and no authority vouches by any of them: the nearest miss is told."""
    nearest = max(trials, key=_nearness)
    fault = nearest.fault or Fault.MALFORMED
    if fault not in _ANOTHER_SIGNER:
        return _not_proved(nearest, fault, authorities)
    how = "signed with a certificate (keyless)" if certified else "signed"
    if fault in _ANOTHER_IDENTITY:
        names = listed([authority.name for authority in authorities], "or")
        return Code.SIGNER_NOT_ALLOWED, f"{how}, but not by {names}: {nearest.reason}"
    keys = [authority.key for authority in authorities if isinstance(authority, KeyAuthority)]
    notes = sorted({key.caveat for key in keys} - {""})
    if fault is Fault.CERTIFICATE_MISSING:
        notes.append("it has no certificate, and keyless signatures are what is accepted")
    return Code.SIGNER_NOT_ALLOWED, "; ".join([f"{how}, but not by {listed(map(str, authorities), 'or')}", *notes])


def _not_proved(nearest: Trial, fault: Fault, authorities: tuple[Authority, ...]) -> Explanation:
    """Before a trust root proved it, only a key's signature says who signed; a certificate can be anybody's."""
    reason = nearest.reason + _WANTED_BY.get(fault, "")
    if fault is Fault.ANNOTATION_MISMATCH:
        return Code.SIGNER_NOT_ALLOWED, f"signed by {printable(nearest.authority)}, but {reason}"
    if any(isinstance(one, KeyAuthority) and one.name == nearest.authority for one in authorities):
        return Code.SIGNATURE_INVALID, f"signed by {printable(nearest.authority)}, but {reason}"
    return (
        Code.SIGNATURE_INVALID,
        f"a signature in the name of {printable(nearest.authority)} is not accepted: {reason}",
    )


def no_signature(trials: Sequence[Trial], authorities: tuple[Authority, ...]) -> Explanation:
    """Nothing well-formed was found that is a signature."""
    unusable = [trial for trial in trials if trial.fault in _UNUSABLE]
    if unusable:
        found = f"found {len(unusable)}, of which none is a well-formed signature of this digest"
        return Code.SIGNATURE_INVALID, f"{found}: {unusable[0].reason}"
    nothing = f"no cosign signature or bundle for this digest{_places(authorities)}"
    attestations = sum(trial.fault is Fault.OTHER_PREDICATE for trial in trials)
    if attestations:
        return Code.NOT_SIGNED, f"{nothing}; attestations ({attestations} found) are not signatures"
    return Code.NOT_SIGNED, nothing


_UNUSABLE = frozenset({Fault.UNUSABLE, Fault.MALFORMED, Fault.OTHER_DIGEST})


def no_attestation(name: str, trials: Sequence[Trial], authorities: tuple[Authority, ...]) -> Explanation:
    """No authority's attestation of a type counts: what its newest says, or that there is none."""
    wanted = f"attestation of type {printable(name)}"
    tried = [trial for trial in trials if trial.authority and trial.fault is not Fault.SUPERSEDED]
    if not tried:
        others = sum(trial.fault is Fault.OTHER_PREDICATE and trial.kind != "signature" for trial in trials)
        unusable = [trial for trial in trials if trial.fault in _UNUSABLE]
        note = f"; found {len(unusable)} that cannot be used: {unusable[0].reason}" if unusable else ""
        found = "1 of another type was found" if others == 1 else f"{others} of other types were found"
        note = note or (f"; {found}" if others else "")
        return Code.ATTESTATION_MISSING, f"no {wanted} for this digest{_places(authorities)}{note}"
    nearest = max(tried, key=_nearness)
    if nearest.fault in _SAID:
        return _SAID[nearest.fault], f"{wanted} by {printable(nearest.authority)}: {nearest.reason}"
    names = listed(map(str, authorities), "or")
    if nearest.fault in _ANOTHER_SIGNER:
        return Code.ATTESTATION_MISSING, f"{wanted} found, but not by {names}: {nearest.reason}"
    return Code.ATTESTATION_MISSING, f"{wanted} by {printable(nearest.authority)} is not accepted: {nearest.reason}"


def unknown_to(trials: Iterable[Trial], authorities: tuple[Authority, ...]) -> str:
    """The trust root that the nearest miss was refused by because another one might know it; "" if it was not."""
    tried = [trial for trial in trials if trial.authority and trial.fault is not Fault.SUPERSEDED]
    nearest = max(tried, key=_nearness, default=None)
    if nearest is None or nearest.fault not in OF_ANOTHER_ROOT:
        return ""
    return next((one.trust_root for one in authorities if one.name == nearest.authority), "")


def _places(authorities: tuple[Authority, ...]) -> str:
    """Where was looked, if not beside the image alone."""
    places = sorted({authority.repository for authority in authorities})
    if places == [""]:
        return ""
    return f" in {listed([place or 'its own repository' for place in places], 'or')}"


def _nearness(trial: Trial) -> int:
    return trial.fault.nearness if trial.fault else -1
