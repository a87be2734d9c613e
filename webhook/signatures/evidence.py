"""What lies beside an image in its registry and may vouch for it, as bytes whose digests were already checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from webhook.codes import Code


@dataclass(frozen=True, slots=True)
class Attachment:
    """One layer of a signature manifest.

    `source` names the place for a reader (`tag sha256-….sig, layer 0` or `referrer sha256:…`). `media_type` chooses the
    parser; `annotations` are those of the layer's descriptor. `repository` (`registry/path`) is where it lies, "" for
    the image's own. Whoever can write to the repository wrote all of it.
    """

    source: str
    media_type: str
    content: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Unusable:
    """Something found that is not taken as evidence, and why: over a ceiling, other content than its digest names.

    `beyond` says that it was not looked at, so that it may be anything, such as the newest attestation.
    """

    source: str
    reason: str
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A place that could not be looked at, so that nothing can be said about what lies there."""

    source: str
    code: Code
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found beside one digest. Empty evidence is an answer: nothing vouches."""

    attachments: tuple[Attachment, ...] = ()
    unusable: tuple[Unusable, ...] = ()
    unanswered: tuple[Unanswered, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every place could be looked at; incomplete evidence is never kept."""
        return not self.unanswered

    def lying_in(self, repository: str) -> "Evidence":
        """The same, found in a repository that is not the image's own: its places are named, and counted, by it."""
        return Evidence(
            tuple(
                replace(one, source=f"{repository}: {one.source}", repository=repository) for one in self.attachments
            ),
            tuple(replace(one, source=f"{repository}: {one.source}") for one in self.unusable),
            tuple(replace(one, source=f"{repository}: {one.source}") for one in self.unanswered),
        )


def merged(parts: Iterable[Evidence]) -> Evidence:
    """All of several pieces of evidence about one digest."""
    parts = tuple(parts)
    return Evidence(
        attachments=tuple(found for part in parts for found in part.attachments),
        unusable=tuple(found for part in parts for found in part.unusable),
        unanswered=tuple(found for part in parts for found in part.unanswered),
    )
