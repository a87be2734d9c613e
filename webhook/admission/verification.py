"""What is known about images: digests of tags, evidence of digests, outcomes of verify entries, each fetched once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta
from weakref import WeakValueDictionary

from webhook.admission.ports import Registry, TrustRoots
from webhook.admission.proving import Prover
from webhook.cache import FLIGHT_SECONDS, Cache
from webhook.clock import Clock
from webhook.codes import INCONCLUSIVE
from webhook.images import Digest, ImageReference, PinnedImage
from webhook.policy.rules import VerifyEntry
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Evidence
from webhook.signatures.outcome import Outcome, earliest

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

MAX_ATTESTED_AT_ONCE = 4
"""Verifications of attestations that are under way, of all registries: each may hold 24 MiB and as much again of
documents that are being read."""

OutcomeKey = tuple[str, str, PinnedImage, str | None]
"""A verify entry's key, the fingerprints of the trust roots it is judged by, the image, and the tag whose index may
vouch for it."""


class Verification:
    """Answers of registries turned into outcomes, and remembered.

    What could not be found out is never remembered. An outcome is kept by the content of its entry and of its trust
    roots, so that a policy's change of mode or name costs nothing and a change of keys or roots takes effect at once.
    """

    def __init__(self, registry: Registry, trust: TrustRoots, clock: Clock, pool: Executor | None = None) -> None:
        self._registry = registry
        self._trust = trust
        self._clock = clock
        self._pool = pool
        self._remembering = RememberingRegistry(registry, clock)
        self._prover = Prover(self._remembering, trust, clock, self._compute)
        self._rooms: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._attested = asyncio.Semaphore(MAX_ATTESTED_AT_ONCE)
        self._tags: Cache[ImageReference, PinnedImage] = Cache(
            maxsize=MAX_TAGS, lifetime=lambda _: TAG_SECONDS, clock=clock.monotonic
        )
        self._outcomes: Cache[OutcomeKey, Outcome] = Cache(
            maxsize=MAX_OUTCOMES, lifetime=self._lifetime, clock=clock.monotonic
        )

    def known_digest(self, image: ImageReference) -> PinnedImage | None:
        """The image by digest, if that is known without asking anybody."""
        return image.pinned() or self._tags.peek(image)

    async def digest(self, image: ImageReference, wait: float) -> PinnedImage:
        """The image by the digest that its tag names now. Raises `NotFoundOutError`."""
        return await self._tags.get(image, lambda: self._registry.resolve(image), wait)

    def known_outcome(self, entry: VerifyEntry, image: PinnedImage, tag: str | None) -> Outcome | None:
        """The outcome, if it is known without asking anybody."""
        return self._outcomes.peek((entry.key, self._roots(entry), image, tag))

    async def outcome(self, entry: VerifyEntry, image: PinnedImage, tag: str | None, wait: float) -> Outcome:
        """Whether the entry is satisfied for the image, or for the index of the tag. Raises `NotFoundOutError`."""
        key = (entry.key, self._roots(entry), image, tag)
        return await self._outcomes.get(key, lambda: self._verify(entry, image, tag), wait)

    def _roots(self, entry: VerifyEntry) -> str:
        if not entry.trust_roots:
            return ""
        roots = (self._trust.current(name) for name in entry.trust_roots)
        return " ".join(root.fingerprint if root else "" for root in roots)

    async def _verify(self, entry: VerifyEntry, image: PinnedImage, tag: str | None) -> Outcome:
        async with self._rooms.setdefault(image.registry, asyncio.Semaphore(MAX_AT_ONCE)):
            if not (entry.attestations or entry.base_images):
                return self._brief(entry, await self._prover.outcome(entry, image, tag))
            async with self._attested:
                return self._brief(entry, await self._prover.outcome(entry, image, tag))

    async def _compute(self, work: Callable[[], Outcome]) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _brief(self, entry: VerifyEntry, outcome: Outcome) -> Outcome:
        """Without what became of each candidate: 100,000 outcomes are kept, and nobody asks them for that.

        What is verified ends with its trust roots.
        """
        roots = (self._trust.current(name) for name in entry.trust_roots)
        ends = [root.expires for root in roots if root is not None]
        return replace(outcome, trials=(), until=earliest([outcome.until, *ends]))

    def _lifetime(self, outcome: Outcome) -> float:
        if not outcome.verified:
            return 0.0 if outcome.code in INCONCLUSIVE else NOT_VERIFIED_SECONDS
        if outcome.until is None:
            return VERIFIED_SECONDS
        return min(VERIFIED_SECONDS, max(0.0, (outcome.until - self._clock.now()) / timedelta(seconds=1)))

    async def close(self) -> None:
        """End what still runs."""
        for cache in (self._outcomes, self._remembering, self._tags):
            await cache.close()


class RememberingRegistry:
    """A registry that keeps small evidence for a moment: several entries ask about the same image at the same time."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._evidence: Cache[tuple[PinnedImage, bool], Evidence] = Cache(
            maxsize=MAX_EVIDENCE, lifetime=_evidence_lifetime, clock=clock.monotonic
        )

    async def resolve(self, image: ImageReference) -> PinnedImage:
        """The digest that the tag names now."""
        return await self._registry.resolve(image)

    async def evidence(self, image: PinnedImage, *, attestations: bool) -> Evidence:
        """All that lies beside the image."""
        key = (image, attestations)
        fetch = self._registry.evidence
        return await self._evidence.get(key, lambda: fetch(image, attestations=attestations), FLIGHT_SECONDS)

    async def contents(self, image: PinnedImage) -> Contents:
        """What the image is made of."""
        return await self._registry.contents(image)

    async def listed(self, image: ImageReference) -> tuple[PinnedImage, frozenset[Digest]]:
        """What the tag names now, and the digests that it lists."""
        return await self._registry.listed(image)

    async def close(self) -> None:
        """End what still runs."""
        await self._evidence.close()


def _evidence_lifetime(evidence: Evidence) -> float:
    small = sum(len(each.content) for each in evidence.attachments) <= MAX_EVIDENCE_BYTES
    return NOT_VERIFIED_SECONDS if evidence.complete and small else 0.0
