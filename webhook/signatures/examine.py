"""What one thing found beside an image is, and which authorities' keys it satisfies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from webhook.signatures import bundle, cosign
from webhook.signatures.authorities import KeyAuthority
from webhook.signatures.candidate import Candidate, CandidateError, Claim, Form, printable, quoted
from webhook.signatures.evidence import Attachment
from webhook.signatures.keys import PublicKey

_PARSERS: Final[Mapping[str, Callable[[Attachment], Candidate]]] = {
    cosign.MEDIA_TYPE: cosign.parse,
    bundle.MEDIA_TYPE: bundle.parse,
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one thing found with one authority; `authority` is "" where it was not tried with any."""

    source: str
    authority: str
    accepted: bool
    reason: str


class Standing(Enum):
    """What one thing found is: of no format of ours, no signature, none of this digest, or one of it."""

    UNRELATED = auto()
    ATTESTATION = auto()
    UNUSABLE = auto()
    SIGNATURE = auto()


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing found, after it was tried.

    `near` tells of authorities whose key fits, but whose annotations are not there. `certified` says that a certificate
    came with it, so that it was probably made without a key of one's own.
    """

    standing: Standing
    trials: tuple[Trial, ...]
    vouching: tuple[KeyAuthority, ...] = ()
    near: tuple[str, ...] = ()
    certified: bool = False


def untried(source: str, standing: Standing, reason: str) -> Examined:
    """Something that no authority's key was tried with."""
    return Examined(standing, (Trial(source, "", accepted=False, reason=reason),))


def examine(attachment: Attachment, digest: str, authorities: tuple[KeyAuthority, ...]) -> Examined:
    """What one attachment is. Whatever hostile bytes bring about refuses these bytes and nothing else."""
    try:
        return _examine(attachment, digest, authorities)
    except CandidateError as error:
        reason = str(error)
    except Exception as error:  # noqa: BLE001  the rule itself: no kind of error may pass, or take others along
        reason = f"cannot be read ({type(error).__name__})"
    return untried(attachment.source, Standing.UNUSABLE, reason)


def _examine(attachment: Attachment, digest: str, authorities: tuple[KeyAuthority, ...]) -> Examined:
    parse = _PARSERS.get(attachment.media_type)
    if parse is None:
        return untried(attachment.source, *_other(attachment.media_type))
    candidate = parse(attachment)
    if not _is_signature(candidate):
        reason = f"an attestation of type {quoted(candidate.predicate_type)}, not a signature"
        return untried(attachment.source, Standing.ATTESTATION, reason)
    claims = candidate.about(digest)
    if not claims:
        return untried(attachment.source, Standing.UNUSABLE, _other_digest(candidate))
    return _tried(candidate, claims, authorities)


def _other(media_type: str) -> tuple[Standing, str]:
    """What a layer of another media type than those of signatures is."""
    if media_type == cosign.ATTESTATION_MEDIA_TYPE:
        return Standing.ATTESTATION, "an attestation in a DSSE envelope, not a signature"
    if media_type.startswith(bundle.ANY_MEDIA_TYPE):
        return Standing.UNUSABLE, f"a bundle of media type {quoted(media_type)}, not {quoted(bundle.MEDIA_TYPE)}"
    return Standing.UNRELATED, f"media type {quoted(media_type)} is not one of signatures"


def _is_signature(candidate: Candidate) -> bool:
    """Whether it was made to sign an image: a signature proves what its document says, and others say other things."""
    return candidate.form is Form.SIMPLE_SIGNING or candidate.predicate_type == bundle.SIGNATURE_PREDICATE


def _other_digest(candidate: Candidate) -> str:
    found = quoted(candidate.claims[0].digest) if candidate.claims else "no SHA-256 digest"
    return f"signs {found}, not this digest"


def _tried(candidate: Candidate, claims: tuple[Claim, ...], authorities: tuple[KeyAuthority, ...]) -> Examined:
    """The candidate with each authority's key; all are tried, so that every reason is known."""
    trials: list[Trial] = []
    vouching: list[KeyAuthority] = []
    near: list[str] = []
    for authority in authorities:
        refused = _not_by(candidate, authority.key)
        missing = None if refused else _missing_annotation(claims, authority.annotations)
        if missing:
            near.append(f"signed by {printable(authority.name)}, but {missing}")
        reason = refused or missing
        if reason is None:
            vouching.append(authority)
        trials.append(Trial(candidate.source, authority.name, reason is None, reason or "verified"))
    return Examined(Standing.SIGNATURE, tuple(trials), tuple(vouching), tuple(near), candidate.certificate is not None)


def _not_by(candidate: Candidate, key: PublicKey) -> str | None:
    """Why the candidate is not signed by this key, None if it is."""
    if candidate.keyless:
        return "signed with a certificate (keyless), where a key is accepted"
    return key.verify(candidate.signature, candidate.message)


def _missing_annotation(claims: tuple[Claim, ...], wanted: Mapping[str, str]) -> str | None:
    """Why none of the claims carries all wanted annotations, None if one does."""
    reasons = [claim.mismatch(wanted) for claim in claims]
    return None if None in reasons else reasons[0]
