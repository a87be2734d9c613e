"""What a policy's `images` section says about one image: the part of a judgement that needs no I/O.

An image has one finding in a policy. The first of these that applies is it: not allowed, registry not named, digest
denied, tag where a digest is wanted, no entry of `verify` speaks about it. Whoever is refused is told what was found,
what is expected and how to mend it, in short lines of ASCII. Where an exemption accepts that finding, the rules after
it hold all the same: it is noted, and the next one that applies is the finding.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from webhook.codes import Code
from webhook.images import ImageReference, PinnedImage
from webhook.policy.allowlist import Allowlist, Pattern
from webhook.policy.base_images import BaseImageRule
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import Authority, Requirement, needs_trust_root
from webhook.verdict import Mode, Violation

REMEMBERED_IMAGES = 1024
"""Judgements that each policy keeps; one takes about 1 KiB, and a new one costs a few microseconds a pattern."""

_SHOWN_ENTRIES = 3
_ANY_REGISTRY = Allowlist(None)
_NO_CODES = frozenset[Code]()


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
    """What must vouch for the images that the patterns match: signatures, attestations, or what it was built on.

    `key` is the same for all entries whose verification means the same, whatever they are called and speak about.
    `requirement` None asks for no signatures. An entry with `base_images` speaks about every image. `trust_roots` are
    the names, in order, of those that its authorities need.
    """

    name: str
    key: str
    requirement: Requirement | None
    images: tuple[Pattern, ...] = ()
    attestations: tuple[AttestationRule, ...] = ()
    base_images: BaseImageRule | None = None
    accept_index_signature: bool = False
    trust_roots: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        needed = {authority.trust_root for authority in self.authorities if needs_trust_root(authority)}
        object.__setattr__(self, "trust_roots", tuple(sorted(needed)))

    @property
    def authorities(self) -> tuple[Authority, ...]:
        """All that it may ask, each once."""
        requirements = (self.requirement, *(rule.requirement for rule in self.attestations))
        asked = [authority for one in requirements if one is not None for authority in one.authorities]
        asked += self.base_images.authorities if self.base_images else ()
        return tuple({authority.name: authority for authority in asked}.values())

    def speaks_about(self, image: ImageReference) -> bool:
        """Whether it must hold for this image."""
        return self.base_images is not None or any(pattern.matches(image) for pattern in self.images)


@dataclass(frozen=True, slots=True)
class ImageJudgement:
    """What is known without I/O, and what has to be found out.

    `entries` are to be verified. `resolve`: the tag's digest is needed first. `fetch` False: the allowlist refuses the
    image, and no socket may be opened for it on this policy's account. `exempt` are findings that are accepted.
    """

    violations: tuple[Violation, ...] = ()
    entries: tuple[VerifyEntry, ...] = ()
    resolve: bool = False
    fetch: bool = True
    exempt: tuple[Violation, ...] = ()


@dataclass(frozen=True)
class ImageRules:
    """The `images` section of one policy, compiled. `unmatched` is what the policy means, defaults applied.

    `base_images` is an entry beside those of `verify`: it makes no image one that an entry speaks about.
    """

    allowlist: Allowlist = _ANY_REGISTRY
    deny_digests: frozenset[str] = frozenset()
    tags: Tags = Tags.PINNED
    require_fully_qualified: bool = False
    entries: tuple[VerifyEntry, ...] = ()
    unmatched: Unmatched = Unmatched.ALLOW
    base_images: VerifyEntry | None = None
    _judge: Callable[[ImageReference, bool, frozenset[Code]], ImageJudgement] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_judge", lru_cache(REMEMBERED_IMAGES)(self._judged))

    @property
    def all_entries(self) -> tuple[VerifyEntry, ...]:
        """Those of `verify`, and that of base images."""
        return self.entries if self.base_images is None else (*self.entries, self.base_images)

    @property
    def registries(self) -> frozenset[str]:
        """The registries `host[:port]` that it names without a wildcard: of images, base images and signatures."""
        base_images = [entry.base_images.allow for entry in self.all_entries if entry.base_images]
        patterns = [pattern for allow in (self.allowlist.allow or (), *base_images) for pattern in allow]
        repositories = [authority.repository for entry in self.all_entries for authority in entry.authorities]
        named = [pattern.literal_registry for pattern in patterns]
        named += [repository.partition("/")[0] for repository in repositories]
        return frozenset(registry for registry in named if registry)

    def judge(
        self, image: ImageReference, *, pinning: bool = False, accepted: frozenset[Code] = _NO_CODES
    ) -> ImageJudgement:
        """The judgement of one image; with `pinning` a tag counts as the digest that it is about to be replaced by.

        Findings with an `accepted` code are exempt.
        """
        return self._judge(image, pinning, accepted)

    def judge_digest(self, image: PinnedImage) -> tuple[Violation, ...]:
        """What is to be said once a tag was resolved: whether its digest is denied."""
        digest = str(image.digest)
        return (_digest_denied(str(image), digest),) if digest in self.deny_digests else ()

    def _judged(self, image: ImageReference, pinning: bool, accepted: frozenset[Code]) -> ImageJudgement:  # noqa: FBT001  positional for the cache
        tagged = image.digest is None
        may_move = tagged and not pinning
        entries = tuple(entry for entry in self.entries if entry.speaks_about(image))
        exempt: list[Violation] = []
        for finding in self._refusals(image, entries, may_move=may_move):
            if finding.code not in accepted:
                fetch = finding.code is not Code.REGISTRY_NOT_ALLOWED
                return ImageJudgement((finding,), fetch=fetch, exempt=tuple(exempt))
            exempt.append(finding)
        notices = [_may_move(str(image))] if may_move and self.tags is Tags.UNSAFE_RESOLVED else []
        if Code.TAG_NOT_PINNED in accepted:
            exempt, notices = [*exempt, *notices], []
        if self.base_images is not None:
            entries = (*entries, self.base_images)
        resolve = tagged and bool(entries or self.deny_digests)
        return ImageJudgement(tuple(notices), entries, resolve=resolve, exempt=tuple(exempt))

    def _refusals(
        self, image: ImageReference, entries: tuple[VerifyEntry, ...], *, may_move: bool
    ) -> Iterator[Violation]:
        if refusal := self._refusal(image):
            yield refusal
        if image.digest is not None and image.digest in self.deny_digests:
            yield _digest_denied(str(image), image.digest)
        if may_move and self.tags is Tags.PINNED:
            yield _not_pinned(str(image))
        if not entries and self.unmatched is Unmatched.DENY:
            yield self._nobody_vouches(image)

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
        known = f" (entries: {names}{f' and {more} more' if more > 0 else ''})" if names else ""
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
        message=f"{digest} is in images.denyDigests, expected any other digest",
        fix="use another build of the image",
        image=image,
    )


def _not_pinned(image: str) -> Violation:
    return Violation(
        code=Code.TAG_NOT_PINNED,
        path="",
        message=f"{image} has a tag, which can move, expected a digest",
        fix=f"name the image by digest: tidewaiter pin -i -f MANIFEST writes {image}@sha256:<digest>",
        image=image,
    )


def _may_move(image: str) -> Violation:
    """A warning and never more: this policy takes tags."""
    return Violation(
        code=Code.TAG_NOT_PINNED,
        path="",
        message=f"{image} has a tag: kubelet may pull another image than the one that was judged",
        fix=f"name the image by digest: tidewaiter pin -i -f MANIFEST writes {image}@sha256:<digest>",
        image=image,
        mode=Mode.WARN,
    )
