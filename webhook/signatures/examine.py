"""What lies beside an image, read: each thing found becomes a candidate, or the reason why it is none.

Everything, from whichever place and in whichever format, goes through the same steps, and whatever goes wrong inside
one thing refuses that thing and nothing else.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from typing import Final

from webhook.signatures import bundle, cosign, dsse
from webhook.signatures.candidate import Candidate, CandidateError, Form, printable, quoted
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.faults import ENDING, Fault, RefusedError

MAX_ATTACHMENTS: Final = 512
"""That are looked at: more than registries are asked for. Each costs at most two checks for each authority, 1 ms with
the slowest kind of key, and some ms more where it has all proofs."""

MAX_BYTES: Final = 24 << 20
"""Of all attachments that are looked at."""

_PARSERS: Final[Mapping[str, Callable[[Attachment], Candidate]]] = {
    cosign.MEDIA_TYPE: cosign.parse,
    cosign.ATTESTATION_MEDIA_TYPE: cosign.parse_attestation,
    bundle.MEDIA_TYPE: bundle.parse,
}


@dataclass(frozen=True, slots=True)
class Found:
    """One thing found: a candidate about the digest, or why it is none.

    `signature` says that it was made to sign an image; else it is an attestation, for a statement proves what it says
    and nothing more. `repository` is where it lies, "" beside the image. `beyond` says that it was not looked at.
    """

    source: str
    repository: str = ""
    candidate: Candidate | None = None
    refused: RefusedError | None = None
    beyond: bool = False

    @property
    def sealed(self) -> bool:
        """Whether it is to be read only once somebody vouched for it."""
        return self.candidate is not None and self.candidate.sealed

    @property
    def signature(self) -> bool:
        """Whether it is a signature of the image: a layer of the older format's attestations never is."""
        found = self.candidate
        if found is None or found.form is Form.ENVELOPE:
            return False
        return found.form is Form.SIMPLE_SIGNING or found.predicate_type == bundle.SIGNATURE_PREDICATE


def opened(found: Found, digest: str) -> Found:
    """Something sealed, read because somebody vouched for it. Never raises."""
    candidate = found.candidate
    return found if candidate is None else _read(found, digest, lambda: dsse.opened(candidate))


def examine(evidence: Evidence, digest: str) -> tuple[Found, ...]:
    """All of the evidence about `digest`. Never raises."""
    return tuple(_examined(evidence, digest))


def _examined(evidence: Evidence, digest: str) -> Iterator[Found]:
    within, beyond = _within_ceilings(evidence.attachments)
    for one in within:
        yield _read(Found(one.source, one.repository), digest, partial(_parse, one))
    for one in beyond:
        refused = _unusable("beyond what is looked at for one image")
        yield Found(one.source, one.repository, refused=refused, beyond=True)
    for fault in evidence.unusable:
        yield Found(fault.source, refused=_unusable(printable(fault.reason)), beyond=fault.beyond)


def _within_ceilings(attachments: tuple[Attachment, ...]) -> tuple[list[Attachment], list[Attachment]]:
    """What is looked at, and the rest. Smallest first: signatures are small, and what could crowd them out is not."""
    ordered = sorted(attachments, key=lambda one: len(one.content))
    totals = accumulate(len(one.content) for one in ordered)
    count = min(MAX_ATTACHMENTS, sum(total <= MAX_BYTES for total in totals))
    return ordered[:count], ordered[count:]


def _unusable(reason: str) -> RefusedError:
    return RefusedError(Fault.UNUSABLE, reason)


def _read(found: Found, digest: str, parse: Callable[[], Candidate]) -> Found:
    """Whatever hostile bytes bring about refuses these bytes and nothing else."""
    try:
        return replace(found, candidate=_about(digest, parse()))
    except CandidateError as error:
        refused = RefusedError(Fault.MALFORMED, str(error))
    except RefusedError as error:
        refused = error.unraised()
    except ENDING:
        raise
    except BaseException as error:  # noqa: BLE001  the rule itself: no error and no panic may pass, or take others along
        refused = RefusedError(Fault.MALFORMED, f"cannot be read ({type(error).__name__})")
    return replace(found, candidate=None, refused=refused)


def _parse(attachment: Attachment) -> Candidate:
    parse = _PARSERS.get(attachment.media_type)
    if parse is not None:
        return parse(attachment)
    found = quoted(attachment.media_type)
    if attachment.media_type.startswith(bundle.ANY_MEDIA_TYPE):
        raise CandidateError(f"a bundle of media type {found}, not {quoted(bundle.MEDIA_TYPE)}")
    raise RefusedError(Fault.UNRELATED, f"media type {found} is not one of signatures or attestations")


def _about(digest: str, candidate: Candidate) -> Candidate:
    """The candidate, which is about the digest, as far as it was read. Raises `RefusedError`."""
    if not candidate.sealed and not candidate.about(digest):
        found = quoted(candidate.claims[0].digest) if candidate.claims else "no SHA-256 digest"
        raise RefusedError(Fault.OTHER_DIGEST, f"signs {found}, not this digest")
    return candidate
