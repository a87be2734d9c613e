"""Which authorities vouch for a digest.

Rules:

- every signature, from whichever place and in whichever format, goes through the same checks, and any of them may pass;
- one signature must satisfy an authority alone: right key, right digest and all of the authority's annotations;
- authorities are counted by their keys, so one key under two names, or with two signatures, counts once;
- an attestation is never a signature, whoever made it;
- whatever goes wrong inside one signature refuses that signature, and nothing else;
- nothing found, nothing required and nothing answered are never success.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from webhook.codes import Code
from webhook.images import Digest
from webhook.signatures.authorities import KeyAuthority, Requirement
from webhook.signatures.candidate import printable
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.examine import Examined, Standing, Trial, examine, untried

__all__ = ["KeyAuthority", "Outcome", "Requirement", "Trial", "quick", "verify"]

MAX_ATTACHMENTS: Final = 128
"""That are looked at: more than registries are asked for. Each costs at most two checks for each authority, 1 ms with
the slowest kind of key."""

MAX_BYTES: Final = 8 << 20
"""Of all attachments that are looked at: reading a megabyte of hostile JSON takes up to 0.2 s."""

_QUICK_BYTES: Final = 64 << 10
_QUICK_CHECKS: Final = 10
_NAMED_AUTHORITIES: Final = 3  # in a message, which must stay short


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer about one digest and one requirement.

    `code` is None exactly when verified. `message` is one sentence of printable ASCII for the pod's developer.
    `signers` names the authorities that vouch, one for each key, also where they are too few.
    """

    verified: bool
    code: Code | None
    message: str
    signers: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()


def verify(evidence: Evidence, digest: Digest, requirement: Requirement) -> Outcome:
    """Whether `evidence` fulfils `requirement` for `digest`. Never raises."""
    authorities = requirement.authorities
    if not 1 <= requirement.minimum <= len(authorities):
        message = (
            f"the policy requires {requirement.minimum} of {len(authorities)} authorities, which nothing can fulfil"
        )
        return Outcome(verified=False, code=Code.SIGNER_NOT_ALLOWED, message=message)
    examined = _examined(evidence, str(digest), authorities)
    signers = _distinct(authority for one in examined for authority in one.vouching)
    trials = tuple(trial for one in examined for trial in one.trials)
    if len(signers) >= requirement.minimum:
        message = f"signed by {_listed(signers, 'and')}"
        return Outcome(verified=True, code=None, message=message, signers=signers, trials=trials)
    code, message = _refusal(evidence, examined, requirement, signers)
    return Outcome(verified=False, code=code, message=message, signers=signers, trials=trials)


def quick(evidence: Evidence, requirement: Requirement) -> bool:
    """Whether `verify` takes so little time, about a millisecond, that an event loop may wait for it."""
    size = sum(len(one.content) for one in evidence.attachments)
    checks = len(evidence.attachments) * len(requirement.authorities)
    few = size <= _QUICK_BYTES and checks <= _QUICK_CHECKS
    return few and all(authority.key.quick for authority in requirement.authorities)


def _examined(evidence: Evidence, digest: str, authorities: tuple[KeyAuthority, ...]) -> tuple[Examined, ...]:
    within, beyond = _within_ceilings(evidence.attachments)
    examined = [examine(one, digest, authorities) for one in within]
    examined += [untried(one.source, Standing.UNUSABLE, "beyond what is looked at for one image") for one in beyond]
    examined += [untried(one.source, Standing.UNUSABLE, printable(one.reason)) for one in evidence.unusable]
    return tuple(examined)


def _within_ceilings(attachments: tuple[Attachment, ...]) -> tuple[list[Attachment], list[Attachment]]:
    """What is looked at, and the rest. Smallest first: signatures are small, and what could crowd them out is not."""
    ordered = sorted(attachments, key=lambda one: len(one.content))
    totals = accumulate(len(one.content) for one in ordered)
    count = min(MAX_ATTACHMENTS, sum(total <= MAX_BYTES for total in totals))
    return ordered[:count], ordered[count:]


def _distinct(vouching: Iterable[KeyAuthority]) -> tuple[str, ...]:
    """One name for each key: two signatures by one key, or two names of it, are one voice."""
    names: dict[str, str] = {}
    for authority in vouching:
        names.setdefault(authority.key.fingerprint, authority.name)
    return tuple(names.values())


def _refusal(
    evidence: Evidence, examined: tuple[Examined, ...], requirement: Requirement, signers: tuple[str, ...]
) -> tuple[Code, str]:
    """Code and message for a requirement that is not fulfilled."""
    if evidence.unanswered:
        first = evidence.unanswered[0]
        return first.code, f"signatures could not be looked up: {printable(first.reason)}"
    if signers:
        return Code.TOO_FEW_SIGNERS, _too_few(requirement, signers)
    of = {standing: [one for one in examined if one.standing is standing] for standing in Standing}
    if of[Standing.SIGNATURE]:
        return Code.SIGNER_NOT_ALLOWED, _not_allowed(of[Standing.SIGNATURE], requirement.authorities)
    if unusable := of[Standing.UNUSABLE]:
        reason = unusable[0].trials[0].reason
        return Code.SIGNATURE_INVALID, f"found {len(unusable)}, none a well-formed signature of this digest: {reason}"
    nothing = "no cosign signature or bundle for this digest"
    if attestations := len(of[Standing.ATTESTATION]):
        return Code.NOT_SIGNED, f"{nothing}; attestations ({attestations} found) are not signatures"
    return Code.NOT_SIGNED, nothing


def _too_few(requirement: Requirement, signers: tuple[str, ...]) -> str:
    names = _listed([authority.name for authority in requirement.authorities], "and")
    return f"signed by {_listed(signers, 'and')}, but {requirement.minimum} distinct keys of {names} are required"


def _not_allowed(signatures: list[Examined], authorities: tuple[KeyAuthority, ...]) -> str:
    if near := [reason for one in signatures for reason in one.near]:
        return near[0]
    how = "signed with a certificate (keyless)" if all(one.certified for one in signatures) else "signed"
    names = _listed([f"{authority.name} (key {authority.key})" for authority in authorities], "or")
    caveats = sorted({authority.key.caveat for authority in authorities} - {""})
    return "; ".join([f"{how}, but not by {names}", *caveats])


def _listed(names: Iterable[str], conjunction: str) -> str:
    """`a, b and c`; of many the first ones and how many more there are."""
    shown = [printable(name) for name in names]
    if len(shown) > _NAMED_AUTHORITIES:
        shown[_NAMED_AUTHORITIES:] = [f"{len(shown) - _NAMED_AUTHORITIES} more"]
    *others, last = shown or [""]
    return f" {conjunction} ".join([", ".join(others), last] if others else [last])
