"""What is known about images: digests of tags, evidence of digests, outcomes of verify entries, each fetched once."""

import asyncio
from concurrent.futures import Executor
from dataclasses import replace
from weakref import WeakValueDictionary

from webhook.admission.ports import Registry
from webhook.cache import FLIGHT_SECONDS, Cache
from webhook.clock import Clock
from webhook.codes import INCONCLUSIVE
from webhook.images import ImageReference, PinnedImage
from webhook.policy.rules import VerifyEntry
from webhook.signatures.evidence import Evidence
from webhook.signatures.verify import Outcome, quick, verify

VERIFIED_SECONDS = 3600.0
"""A signature does not expire; an hour bounds how long a changed registry or clock goes unseen."""

NOT_VERIFIED_SECONDS = 10.0
"""Somebody who just signed and retries should not wait longer."""

TAG_SECONDS = 30.0
"""A tag may move at any time."""

MAX_OUTCOMES = 100_000
MAX_EVIDENCE = 256
MAX_EVIDENCE_BYTES = 64 * 1024
"""Evidence is kept for the other entries that ask about the same image at the same time. More is not kept: what lies
beside an image is somebody else's to write, and signatures are small."""

MAX_TAGS = 10_000

MAX_AT_ONCE = 16
"""Verifications that a registry has under way: each holds all evidence of an image, up to some MiB, in memory."""


class Verification:
    """Answers of registries turned into outcomes, and remembered.

    What could not be found out is never remembered. An outcome is kept by the content of its entry, so that a policy's
    change of mode or name costs nothing and a change of keys takes effect at once.
    """

    def __init__(self, registry: Registry, clock: Clock, pool: Executor | None = None) -> None:
        self._registry = registry
        self._pool = pool
        self._rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._tags: Cache[ImageReference, PinnedImage] = Cache(
            maxsize=MAX_TAGS, lifetime=lambda _: TAG_SECONDS, clock=clock.monotonic
        )
        self._evidence: Cache[PinnedImage, Evidence] = Cache(
            maxsize=MAX_EVIDENCE,
            lifetime=_evidence_lifetime,
            clock=clock.monotonic,
        )
        self._outcomes: Cache[tuple[str, PinnedImage], Outcome] = Cache(
            maxsize=MAX_OUTCOMES, lifetime=_lifetime, clock=clock.monotonic
        )

    def known_digest(self, image: ImageReference) -> PinnedImage | None:
        """The image by digest, if that is known without asking anybody."""
        return image.pinned() or self._tags.peek(image)

    async def digest(self, image: ImageReference, wait: float) -> PinnedImage:
        """The image by the digest that its tag names now. Raises `NotFoundOutError`."""
        return await self._tags.get(image, lambda: self._registry.resolve(image), wait)

    def known_outcome(self, entry: VerifyEntry, image: PinnedImage) -> Outcome | None:
        """The outcome, if it is known without asking anybody."""
        return self._outcomes.peek((entry.key, image))

    async def outcome(self, entry: VerifyEntry, image: PinnedImage, wait: float) -> Outcome:
        """Whether the entry is satisfied for the image. Raises `NotFoundOutError`."""
        return await self._outcomes.get((entry.key, image), lambda: self._verify(entry, image), wait)

    async def _verify(self, entry: VerifyEntry, image: PinnedImage) -> Outcome:
        room = self._rooms.setdefault(image.registry, asyncio.Semaphore(MAX_AT_ONCE))
        async with room:
            return await self._outcome(entry, image)

    async def _outcome(self, entry: VerifyEntry, image: PinnedImage) -> Outcome:
        evidence = await self._evidence.get(image, lambda: self._registry.evidence(image), FLIGHT_SECONDS)
        if quick(evidence, entry.requirement):
            return _brief(verify(evidence, image.digest, entry.requirement))
        loop = asyncio.get_running_loop()
        outcome = await loop.run_in_executor(self._pool, verify, evidence, image.digest, entry.requirement)
        return _brief(outcome)

    async def close(self) -> None:
        """End what still runs."""
        for cache in (self._outcomes, self._evidence, self._tags):
            await cache.close()


def _brief(outcome: Outcome) -> Outcome:
    """Without what became of each candidate: 100,000 outcomes are kept, and nobody asks them for that."""
    return replace(outcome, trials=())


def _evidence_lifetime(evidence: Evidence) -> float:
    small = sum(len(each.content) for each in evidence.attachments) <= MAX_EVIDENCE_BYTES
    return NOT_VERIFIED_SECONDS if evidence.complete and small else 0.0


def _lifetime(outcome: Outcome) -> float:
    if outcome.verified:
        return VERIFIED_SECONDS
    return 0.0 if outcome.code in INCONCLUSIVE else NOT_VERIFIED_SECONDS
