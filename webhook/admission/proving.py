"""Whether an image fulfils a verify entry: everything that the entry needs is gathered, and judged by the core."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial

import msgspec

from webhook.admission.ports import Registry, TrustRoots
from webhook.clock import Clock
from webhook.codes import INCONCLUSIVE, Code
from webhook.errors import NotFoundOutError
from webhook.images import ImageReference, PinnedImage
from webhook.policy.base_images import BaseImageRule, bases, judge
from webhook.policy.rules import VerifyEntry
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Evidence, merged
from webhook.signatures.outcome import Outcome, combined
from webhook.signatures.predicate_types import PROVENANCE
from webhook.signatures.trust import Circumstances
from webhook.signatures.verify import Examination, quick

Compute = Callable[[Callable[[], Outcome]], Awaitable[Outcome]]
"""Runs what takes longer than an event loop may wait for."""


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry needs to know of an image. `contents` and `known`, its base images', are for `baseImages` alone."""

    evidence: Evidence
    contents: Contents | None = None
    known: dict[PinnedImage, Contents] = {}
    unknown: tuple[NotFoundOutError, ...] = ()


class Prover:
    """Asks registries and judges what they have, each time anew; what is remembered is its caller's business."""

    def __init__(self, registry: Registry, trust: TrustRoots, clock: Clock, compute: Compute) -> None:
        self._registry = registry
        self._trust = trust
        self._clock = clock
        self._compute = compute

    async def outcome(self, entry: VerifyEntry, image: PinnedImage, tag: str | None = None) -> Outcome:
        """Whether the image fulfils the entry. Raises `NotFoundOutError`.

        With a `tag` the image is also taken by the index that the tag names now, if that lists it and fulfils the entry
        itself.
        """
        outcome = await self._of(entry, image)
        if outcome.verified or tag is None or outcome.code in INCONCLUSIVE:
            return outcome
        try:
            index, listed = await self._registry.listed(_tagged(image, tag))
        except NotFoundOutError as error:
            if error.code in INCONCLUSIVE:
                raise
            return _noted(outcome, f"no index of tag {tag} could be read: {error}")
        if image.digest not in listed:
            return _noted(outcome, f"tag {tag} names no index that lists it")
        by_index = await self._of(entry, index)
        if by_index.verified:
            return replace(by_index, message=f"{by_index.message}, for the index {index.digest} that lists it")
        return _noted(outcome, f"nor is the index that lists it: {by_index.message}")

    async def _of(self, entry: VerifyEntry, image: PinnedImage) -> Outcome:
        gathered = await self._gather(entry, image)
        work = partial(judged, entry, image, gathered, self._circumstances(entry))
        outcome = work() if is_quick(entry, gathered.evidence) else await self._compute(work)
        if not outcome.verified and outcome.code is Code.BASE_IMAGE_NOT_ALLOWED:
            for error in gathered.unknown:
                if error.code in INCONCLUSIVE:
                    raise error
        return outcome

    def _circumstances(self, entry: VerifyEntry) -> Circumstances:
        roots = {name: root for name in entry.trust_roots if (root := self._trust.current(name)) is not None}
        return Circumstances(self._clock.now(), roots)

    async def _gather(self, entry: VerifyEntry, image: PinnedImage) -> Gathered:
        attestations = bool(entry.attestations or (entry.base_images and entry.base_images.authorities))
        places = sorted({authority.repository for authority in entry.authorities})
        evidence = merged(await asyncio.gather(*(self._evidence(image, place, attestations) for place in places)))
        if entry.base_images is None:
            return Gathered(evidence=evidence)
        contents = await self._registry.contents(image)
        claimed = bases(contents, entry.base_images)
        found = await asyncio.gather(*map(self._contents, claimed))
        return Gathered(
            evidence=evidence,
            contents=contents,
            known={base: each for base, each in zip(claimed, found, strict=True) if isinstance(each, Contents)},
            unknown=tuple(each for each in found if isinstance(each, NotFoundOutError)),
        )

    async def _evidence(self, image: PinnedImage, place: str, attestations: bool) -> Evidence:  # noqa: FBT001
        if not place:
            return await self._registry.evidence(image, attestations=attestations)
        registry, _, repository = place.partition("/")
        elsewhere = PinnedImage(registry, repository, image.digest)
        evidence = await self._registry.evidence(elsewhere, attestations=attestations)
        return evidence.lying_in(place)

    async def _contents(self, base: PinnedImage) -> Contents | NotFoundOutError:
        try:
            return await self._registry.contents(base)
        except NotFoundOutError as error:
            return error


def judged(entry: VerifyEntry, image: PinnedImage, gathered: Gathered, circumstances: Circumstances) -> Outcome:
    """What the core says of an entry: every part of it must hold. Never raises."""
    examination = Examination(gathered.evidence, image.digest, circumstances)
    return combined(list(_parts(entry, image, gathered, examination)))


def is_quick(entry: VerifyEntry, evidence: Evidence) -> bool:
    """Whether judging takes so little time that an event loop may wait for it."""
    if entry.attestations or entry.base_images is not None or entry.requirement is None:
        return False
    return quick(evidence, entry.requirement)


def _parts(entry: VerifyEntry, image: PinnedImage, gathered: Gathered, examination: Examination) -> Iterator[Outcome]:
    if entry.requirement is not None:
        yield examination.signatures(entry.requirement)
    for rule in entry.attestations:
        yield examination.attestations(rule, image)
    if entry.base_images is not None and gathered.contents is not None:
        yield _base_images(entry.base_images, gathered.contents, gathered, examination)


def _base_images(rule: BaseImageRule, contents: Contents, gathered: Gathered, examination: Examination) -> Outcome:
    provenance = examination.vouched(PROVENANCE, rule.authorities)
    refusal = judge(contents, gathered.known, provenance, rule)
    if refusal is None:
        return Outcome(verified=True, code=None, message="built on a base image that is allowed")
    unknown = f"; {gathered.unknown[0]}" if gathered.unknown else ""
    return Outcome(verified=False, code=Code.BASE_IMAGE_NOT_ALLOWED, message=f"{refusal}{unknown}")


def _tagged(image: PinnedImage, tag: str) -> ImageReference:
    return ImageReference(image.registry, image.repository, tag, None, qualified=True)


def _noted(outcome: Outcome, note: str) -> Outcome:
    return replace(outcome, message=f"{outcome.message}; {note}")
