"""What a policy's `images` section says about one image: the part of a judgement that needs no I/O.

An image has one finding in a policy. The first of these that applies is it: not allowed, registry not named, digest
denied, tag where a digest is wanted, no entry of `verify` speaks about it. Whoever is refused is told what was found,
what is expected and how to mend it, in short lines of ASCII.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from webhook.codes import Code
from webhook.images import ImageReference, PinnedImage
from webhook.policy.allowlist import Allowlist, Pattern
from webhook.signatures.verify import Requirement
from webhook.verdict import Mode, Violation

REMEMBERED_IMAGES = 1024
"""Judgements that each policy keeps; one takes about 1 KiB, and a new one costs a few microseconds a pattern."""

_SHOWN_ENTRIES = 3
_ANY_REGISTRY = Allowlist(None)


class Tags(StrEnum):
    """How images may be named."""

    PINNED = "Pinned"
    UNSAFE_RESOLVED = "UnsafeResolved"


class Unmatched(StrEnum):
    """What happens to an image that no entry of `verify` speaks about."""

    DENY = "Deny"
    ALLOW = "Allow"


@dataclass(frozen=True, slots=True)
class VerifyEntry:
    """Who must vouch for the images that the patterns match.

    `key` is the same for all entries whose verification means the same, whatever they are called: it names keys by
    fingerprint, with annotations, and the minimum.
    """

    name: str
    key: str
    requirement: Requirement
    images: tuple[Pattern, ...] = ()

    def speaks_about(self, image: ImageReference) -> bool:
        """Whether it must hold for this image."""
        return any(pattern.matches(image) for pattern in self.images)


@dataclass(frozen=True, slots=True)
class ImageJudgement:
    """What is known without I/O, and what has to be found out.

    `entries` are to be verified. `resolve`: the tag's digest is needed first. `fetch` False: the allowlist refuses the
    image, and no socket may be opened for it on this policy's account.
    """

    violations: tuple[Violation, ...] = ()
    entries: tuple[VerifyEntry, ...] = ()
    resolve: bool = False
    fetch: bool = True


@dataclass(frozen=True)
class ImageRules:
    """The `images` section of one policy, compiled. `unmatched` is what the policy means, defaults applied."""

    allowlist: Allowlist = _ANY_REGISTRY
    deny_digests: frozenset[str] = frozenset()
    tags: Tags = Tags.PINNED
    require_fully_qualified: bool = False
    entries: tuple[VerifyEntry, ...] = ()
    unmatched: Unmatched = Unmatched.ALLOW
    _judge: Callable[[ImageReference, bool], ImageJudgement] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_judge", lru_cache(REMEMBERED_IMAGES)(self._judged))

    def judge(self, image: ImageReference, *, pinning: bool = False) -> ImageJudgement:
        """The judgement of one image; with `pinning` a tag counts as the digest that it is about to be replaced by."""
        return self._judge(image, pinning)

    def judge_digest(self, image: PinnedImage) -> tuple[Violation, ...]:
        """What is to be said once a tag was resolved: whether its digest is denied."""
        digest = str(image.digest)
        return (_digest_denied(str(image), digest),) if digest in self.deny_digests else ()

    def _judged(self, image: ImageReference, pinning: bool) -> ImageJudgement:  # noqa: FBT001  positional for the cache
        if refusal := self._refusal(image):
            return ImageJudgement((refusal,), fetch=False)
        tagged = image.digest is None
        entries = tuple(entry for entry in self.entries if entry.speaks_about(image))
        if finding := self._finding(image, entries, tag_refused=tagged and not pinning and self.tags is Tags.PINNED):
            return ImageJudgement((finding,))
        notices = (_may_move(str(image)),) if tagged and not pinning else ()
        return ImageJudgement(notices, entries, resolve=tagged and bool(entries or self.deny_digests))

    def _finding(
        self, image: ImageReference, entries: tuple[VerifyEntry, ...], *, tag_refused: bool
    ) -> Violation | None:
        if image.digest is not None and image.digest in self.deny_digests:
            return _digest_denied(str(image), image.digest)
        if tag_refused:
            return _not_pinned(str(image))
        if not entries and self.unmatched is Unmatched.DENY:
            return self._nobody_vouches(image)
        return None

    def _refusal(self, image: ImageReference) -> Violation | None:
        fix = "use an image that is allowed here, or ask the policy's owner to allow this one"
        message = self.allowlist.refusal(image)
        if message is None and self.require_fully_qualified and not image.qualified:
            message = f"the image names no registry, so {image.registry} was assumed; expected it to be named"
            fix = f"write {image}"
        if message is None:
            return None
        return Violation(code=Code.REGISTRY_NOT_ALLOWED, path="", message=message, fix=fix, image=str(image))

    def _nobody_vouches(self, image: ImageReference) -> Violation:
        names = ", ".join(entry.name for entry in self.entries[:_SHOWN_ENTRIES])
        more = len(self.entries) - _SHOWN_ENTRIES
        known = f" (there are {names}{f' and {more} more' if more > 0 else ''})" if names else ""
        return Violation(
            code=Code.IMAGE_UNMATCHED,
            path="",
            message=f"{image.name} matches no entry of images.verify{known}, expected one that says who must sign it",
            fix="use an image that an entry speaks about, or ask the policy's owner for one",
            image=str(image),
        )


def _digest_denied(image: str, digest: str) -> Violation:
    return Violation(
        code=Code.DIGEST_DENIED,
        path="",
        message=f"{digest} is in images.denyDigests",
        fix="use another build of the image",
        image=image,
    )


def _not_pinned(image: str) -> Violation:
    return Violation(
        code=Code.TAG_NOT_PINNED,
        path="",
        message=f"{image} has a tag, which can move, expected a digest",
        fix=f"name the image by digest: {image}@sha256:<digest> (crane digest {image})",
        image=image,
    )


def _may_move(image: str) -> Violation:
    """A warning and never more: this policy takes tags."""
    return Violation(
        code=Code.TAG_NOT_PINNED,
        path="",
        message=f"{image} has a tag: kubelet may pull another image than the one that was judged",
        fix=f"name the image by digest: {image}@sha256:<digest> (crane digest {image})",
        image=image,
        mode=Mode.WARN,
    )
