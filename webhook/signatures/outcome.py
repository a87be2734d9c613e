"""The answer to whether an image fulfils a requirement, and what became of everything that was found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from webhook.codes import Code
from webhook.images import Digest
from webhook.signatures.faults import Fault

AGAINST = frozenset(
    {
        Code.VULNERABLE,
        Code.CONDITION_FALSE,
        Code.ATTESTATION_TOO_OLD,
        Code.BASE_IMAGE_NOT_ALLOWED,
        Code.REGISTRY_RESPONSE_INVALID,
        Code.TRUST_ROOT_UNAVAILABLE,
    }
)
"""Codes of outcomes that say something of the image itself, or that something may be said which was not seen or not
judged. Nothing said of another image can make that good."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one thing found with one authority; `authority` is "" where it was not tried with any.

    `kind` says what the thing is: `signature`, `attestation of type …`, or "" where that cannot be told. `signer` is
    who made it, proved only where it is accepted. `proofs` are what vouches for the signer beside the signature.
    `wanted` is what was looked for: `signature`, or the type of an attestation as the policy writes it. All text is
    printable ASCII.
    """

    source: str
    authority: str
    accepted: bool
    reason: str
    fault: Fault | None = None
    kind: str = ""
    signer: str = ""
    proofs: tuple[str, ...] = ()
    wanted: str = "signature"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer about one digest and one requirement.

    `code` is None exactly when verified. `message` is one sentence of printable ASCII for the pod's developer.
    `signers` names the authorities that vouch, one for each key or identity, also where they are too few. `until` is
    when a verified outcome ends, None if nothing in it has an end. `attestation` is the type that is wanted, "" where
    that is a signature. `index` is the index that was verified in the image's place. `unknown_to` is the trust root
    that does not know who vouches, or who says when, where that alone is why nobody does; else "". `others` are further
    refusals, which `message` does not tell: whoever accepts this one has accepted none of those.
    """

    verified: bool
    code: Code | None
    message: str
    signers: tuple[str, ...] = ()
    trials: tuple[Trial, ...] = ()
    until: datetime | None = None
    attestation: str = ""
    index: Digest | None = None
    unknown_to: str = ""
    others: tuple["Outcome", ...] = ()


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """The first of the ends that there are."""
    return min((moment for moment in moments if moment is not None), default=None)


def combined(parts: Sequence[Outcome]) -> Outcome:
    """One outcome of several that must all be verified: the first that is not, or all of them. None is not verified."""
    trials = tuple(trial for part in parts for trial in part.trials)
    refused = [part for part in parts if not part.verified]
    if refused:
        # What an attestation says against the image comes before what is not there.
        told = next((part for part in refused if part.code in AGAINST), refused[0])
        others = tuple(replace(part, trials=()) for part in refused if part is not told)
        return replace(told, trials=trials, others=others)
    if not parts:
        return Outcome(verified=False, code=Code.SIGNER_NOT_ALLOWED, message="the policy requires nothing of it")
    return Outcome(
        verified=True,
        code=None,
        message="; ".join(part.message for part in parts),
        signers=tuple(dict.fromkeys(signer for part in parts for signer in part.signers)),
        trials=trials,
        until=earliest(part.until for part in parts),
    )
