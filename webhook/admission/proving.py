"""Whether an image fulfils a verify entry: everything that the entry needs is gathered, and judged by the core."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec

from webhook.admission.ports import Keyring, Registry, TrustRoots
from webhook.clock import Clock
from webhook.codes import INCONCLUSIVE, Code
from webhook.errors import NotFoundOutError
from webhook.images import ImageReference, PinnedImage
from webhook.policy.base_images import BaseImageRule, bases, judge
from webhook.policy.rules import VerifyEntry
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Evidence, merged
from webhook.signatures.outcome import AGAINST, Outcome, combined
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

    async def outcome(
        self, entry: VerifyEntry, image: PinnedImage, tag: str | None = None, keyring: Keyring | None = None
    ) -> Outcome:
        """Whether the image fulfils the entry. Raises `NotFoundOutError`.

        With a `tag` the image is also taken by the index that the tag names now, if that lists it and fulfils the entry
        itself; but never where something was said against the image.
        """
        outcome = await self._of(entry, image, keyring)
        if outcome.verified or tag is None or outcome.code in INCONCLUSIVE | AGAINST:
            return outcome
        try:
            index, listed = await self._registry.listed(_tagged(image, tag), keyring)
        except NotFoundOutError as error:
            if error.code in INCONCLUSIVE:
                raise
            return _noted(outcome, f"no index of tag {tag} could be read: {error}")
        if image.digest not in listed:
            return _noted(outcome, f"tag {tag} names no index that lists it")
        by_index = await self._of(entry, index, keyring)
        if by_index.verified:
            message = f"{by_index.message}, for the index {index.digest} that lists it"
            return replace(by_index, message=message, index=index.digest)
        return _noted(outcome, f"nor is the index that lists it: {by_index.message}")

    async def _of(self, entry: VerifyEntry, image: PinnedImage, keyring: Keyring | None) -> Outcome:
        gathered = await self._gather(entry, image, keyring)
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

    async def _gather(self, entry: VerifyEntry, image: PinnedImage, keyring: Keyring | None) -> Gathered:
        attestations = bool(entry.attestations or (entry.base_images and entry.base_images.authorities))
        places = where(entry, image)
        parts = (self._evidence(place, at, attestations, keyring) for place, at in places.items())
        evidence = merged(await asyncio.gather(*parts))
        if entry.base_images is None:
            return Gathered(evidence=evidence)
        contents = await self._registry.contents(image, keyring)
        claimed = bases(contents, entry.base_images)
        opening = partial(_opening, keyring, (image, *places.values()))
        found = await asyncio.gather(*(self._contents(base, opening(base)) for base in claimed))
        return Gathered(
            evidence=evidence,
            contents=contents,
            known={base: each for base, each in zip(claimed, found, strict=True) if isinstance(each, Contents)},
            unknown=tuple(each for each in found if isinstance(each, NotFoundOutError)),
        )

    async def _evidence(self, place: str, at: PinnedImage, attestations: bool, keyring: Keyring | None) -> Evidence:  # noqa: FBT001
        evidence = await self._registry.evidence(at, attestations=attestations, keyring=keyring)
        return evidence.lying_in(place) if place else evidence

    async def _contents(self, base: PinnedImage, keyring: Keyring | None) -> Contents | NotFoundOutError:
        try:
            return await self._registry.contents(base, keyring)
        except NotFoundOutError as error:
            return error


def where(entry: VerifyEntry, image: PinnedImage) -> dict[str, PinnedImage]:
    """Where signatures and attestations of the image are looked for, by place (`registry/path`), "" for its own."""
    places = sorted({authority.repository for authority in entry.authorities})
    return {place: _elsewhere(image, place) if place else image for place in places}


def _elsewhere(image: PinnedImage, place: str) -> PinnedImage:
    registry, _, repository = place.partition("/")
    return PinnedImage(registry, repository, image.digest)


def _opening(keyring: Keyring | None, asked: Iterable[PinnedImage], base: PinnedImage) -> Keyring | None:
    """The keyring, where it has nothing for the base image but what it has for those whose names are known before.

    The outcome is remembered by the credentials for those.
    """
    if keyring is None or keyring.scope(base) not in {keyring.scope(each) for each in asked}:
        return None
    return keyring


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
        yield from _attested(rule, image, examination)
    if entry.base_images is not None and gathered.contents is not None:
        yield _base_images(entry.base_images, gathered.contents, gathered, examination)


_DEMANDS: Mapping[Code | None, Mapping[str, Any]] = {
    Code.ATTESTATION_TOO_OLD: {"max_age": None},
    Code.CONDITION_FALSE: {"conditions": ()},
    Code.VULNERABLE: {"vulnerabilities": None},
}
"""What a rule asks for, by the code of its refusal, and the same rule without."""


def _attested(rule: AttestationRule, image: PinnedImage, examination: Examination) -> Iterator[Outcome]:
    """What becomes of a rule, and, where one of its demands is not met, of the others: it tells the first alone."""
    outcome = examination.attestations(rule, image)
    yield outcome
    while outcome.code in _DEMANDS:  # each demand is left out once, and no other is told by its code
        rule = replace(rule, **_DEMANDS[outcome.code])
        outcome = examination.attestations(rule, image)
        if not outcome.verified:
            yield outcome


def _base_images(rule: BaseImageRule, contents: Contents, gathered: Gathered, examination: Examination) -> Outcome:
    provenance = examination.vouched(PROVENANCE, rule.authorities)
    refusal = judge(contents, gathered.known, provenance, rule)
    if refusal is None:
        return Outcome(verified=True, code=None, message="built on a base image that is allowed")
    if rule.authorities and (incomplete := examination.incomplete):
        code, message = incomplete
        return Outcome(verified=False, code=code, message=message)
    unknown = f"; {gathered.unknown[0]}" if gathered.unknown else ""
    return Outcome(verified=False, code=Code.BASE_IMAGE_NOT_ALLOWED, message=f"{refusal}{unknown}")


def _tagged(image: PinnedImage, tag: str) -> ImageReference:
    return ImageReference(image.registry, image.repository, tag, None, qualified=True)


def _noted(outcome: Outcome, note: str) -> Outcome:
    return replace(outcome, message=f"{outcome.message}; {note}")
