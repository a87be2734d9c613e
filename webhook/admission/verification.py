"""What is known about images: digests of tags, evidence of digests, outcomes of verify entries, each fetched once."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta
from functools import partial

from webhook.admission.asker import NOBODY, Asker
from webhook.admission.evidence_cache import RememberingRegistry
from webhook.admission.ports import Registry, TrustRoots
from webhook.admission.proving import Prover, where
from webhook.admission.report import cut
from webhook.admission.stages import UNWATCHED, VERIFIED, Stage, Stages, watched
from webhook.admission.waiting import Waiting
from webhook.cache import Cache, Counted
from webhook.clock import Clock
from webhook.codes import INCONCLUSIVE
from webhook.fairness import Bulkhead
from webhook.images import ImageReference, PinnedImage
from webhook.policy.rules import VerifyEntry
from webhook.signatures.outcome import Outcome, earliest

VERIFIED_SECONDS = 3600.0
"""A signature does not expire; an hour bounds how long a changed registry or clock goes unseen."""

NOT_VERIFIED_SECONDS = 10.0
"""Somebody who just signed and retries should not wait longer."""

TAG_SECONDS = 30.0
"""A tag may move at any time."""

MAX_OUTCOMES = 100_000
MESSAGE_CHARACTERS = 1024
"""What is kept of an outcome's message: a registry's contents can make it long. No answer shows more of it."""

MAX_TAGS = 10_000

MAX_AT_ONCE = 96
MAX_AT_ONCE_OF_ONE = 16
"""Questions that are under way, and those that one registry has: each holds all evidence of an image, 4 MiB at most, in
memory. What asks further registries too has places of its own, so that none waits for another."""

MAX_ATTESTED_AT_ONCE = 6
MAX_ATTESTED_AT_ONCE_OF_ONE = 2
"""The same for attestations and base images, of which each may hold 24 MiB. As much again is held for the documents
of those that are being judged, as many as there are threads."""

TagKey = tuple[ImageReference, str]
"""The image by its tag, and the scope of the asker's credentials (`Asker.scope`)."""

OutcomeKey = tuple[str, str, PinnedImage, str | None, str]
"""A verify entry's key, the fingerprints of the trust roots it is judged by, the image, the tag whose index may vouch
for it, and the scope of the asker's credentials."""


class Verification:
    """Answers of registries turned into outcomes, and remembered.

    What could not be found out is never remembered. An outcome is kept by the content of its entry and of its trust
    roots, so that a policy's change of mode or name costs nothing and a change of keys or roots takes effect at once;
    and by the credentials that an asker brought. Whoever asks for one that will soon end has it verified again in the
    background. Registries are asked by turns of the namespaces, and none of them waits for another. `waiting` counts
    the requests that wait for answers, for everybody who asks here. `stages` is told of what is looked up and verified.
    """

    def __init__(
        self,
        registry: Registry,
        trust: TrustRoots,
        clock: Clock,
        pool: Executor | None = None,
        stages: Stages = UNWATCHED,
    ) -> None:
        self.waiting = Waiting()
        self._registry = registry
        self._trust = trust
        self._clock = clock
        self._monotonic = clock.monotonic
        self._pool = pool
        self._stages = stages
        self._remembering = RememberingRegistry(registry, clock, stages)
        self._prover = Prover(self._remembering, trust, clock, self._compute)
        self._prompt = Bulkhead(MAX_AT_ONCE, MAX_AT_ONCE_OF_ONE)
        self._attested = Bulkhead(MAX_ATTESTED_AT_ONCE, MAX_ATTESTED_AT_ONCE_OF_ONE)
        self._tags: Cache[TagKey, PinnedImage] = Cache(
            maxsize=MAX_TAGS, lifetime=lambda _: TAG_SECONDS, clock=clock.monotonic
        )
        self._outcomes: Cache[OutcomeKey, Outcome] = Cache(
            maxsize=MAX_OUTCOMES, lifetime=self._lifetime, clock=clock.monotonic
        )

    @property
    def caches(self) -> Mapping[str, Counted]:
        """What is remembered, by what it is."""
        return {"tags": self._tags, "outcomes": self._outcomes, "evidence": self._remembering.remembered}

    def known_digest(self, image: ImageReference, asker: Asker = NOBODY) -> PinnedImage | None:
        """The image by digest, if that is known without asking anybody."""
        return image.pinned() or self._tags.peek((image, asker.scope((image,))))

    async def digest(self, image: ImageReference, wait: float, asker: Asker = NOBODY) -> PinnedImage:
        """The image by the digest that its tag names now. Raises `NotFoundOutError`."""
        key = (image, asker.scope((image,)))
        self._prompt.join(image.registry, asker.namespace, key)
        return await self._tags.get(key, lambda: self._resolve(key, asker), wait, asker.namespace)

    async def _resolve(self, key: TagKey, asker: Asker) -> PinnedImage:
        async with self._prompt.place(key[0].registry, asker.namespace, key):
            ended = self._stages.began(Stage.RESOLVE, key[0].registry, "")
            return await watched(ended, self._registry.resolve(key[0], asker.keyring))

    def known_outcome(
        self, entry: VerifyEntry, image: PinnedImage, tag: str | None, asker: Asker = NOBODY
    ) -> Outcome | None:
        """The outcome, if it is known without asking anybody. One that soon ends is verified again from now on."""
        scope = "" if asker.keyring is None else self.scope(entry, image, asker)
        key = (entry.key, self._roots(entry), image, tag, scope)
        kept = self._outcomes.find(key)
        if kept is None:
            return None
        if kept.due <= self._monotonic():
            renewing = Asker(keyring=asker.keyring)
            self._outcomes.renew(key, kept, partial(self._verify, entry, key, renewing, _registries(entry, image)))
        return kept.value

    async def outcome(
        self, entry: VerifyEntry, image: PinnedImage, tag: str | None, wait: float, asker: Asker = NOBODY
    ) -> Outcome:
        """Whether the entry is satisfied for the image, or for the index of the tag. Raises `NotFoundOutError`."""
        key = (entry.key, self._roots(entry), image, tag, self.scope(entry, image, asker))
        registries = _registries(entry, image)
        self._rooms(entry).join(registries, asker.namespace, key)
        return await self._outcomes.get(key, lambda: self._verify(entry, key, asker, registries), wait, asker.namespace)

    @staticmethod
    def scope(entry: VerifyEntry, image: PinnedImage, asker: Asker) -> str:
        """The asker's own credentials that an outcome comes by, "" where there are none."""
        return "" if asker.keyring is None else asker.scope((image, *where(entry, image).values()))

    def _roots(self, entry: VerifyEntry) -> str:
        if not entry.trust_roots:
            return ""
        roots = (self._trust.current(name) for name in entry.trust_roots)
        return " ".join(root.fingerprint if root else "" for root in roots)

    async def _verify(self, entry: VerifyEntry, key: OutcomeKey, asker: Asker, registries: str) -> Outcome:
        _, _, image, tag, _ = key
        async with self._rooms(entry).place(registries, asker.namespace, key):
            ended = self._stages.began(Stage.VERIFY, image.registry, str(image.digest))
            proving = self._prover.outcome(entry, image, tag, asker.keyring)
            return self._brief(entry, await watched(ended, proving, _told))

    def _rooms(self, entry: VerifyEntry) -> Bulkhead:
        return self._attested if entry.attestations or entry.base_images else self._prompt

    async def _compute(self, work: Callable[[], Outcome]) -> Outcome:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _brief(self, entry: VerifyEntry, outcome: Outcome) -> Outcome:
        """Without what became of each candidate: 100,000 outcomes are kept, and nobody asks them for that.

        What is verified ends with its trust roots.
        """
        roots = (self._trust.current(name) for name in entry.trust_roots)
        ends = [root.expires for root in roots if root is not None]
        message = cut(outcome.message, MESSAGE_CHARACTERS)
        others = tuple(replace(each, message=cut(each.message, MESSAGE_CHARACTERS)) for each in outcome.others)
        return replace(outcome, message=message, trials=(), until=earliest([outcome.until, *ends]), others=others)

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


def _told(outcome: Outcome) -> str:
    return VERIFIED if outcome.code is None else outcome.code.value


def _registries(entry: VerifyEntry, image: PinnedImage) -> str:
    """All that may be asked on account of the entry: who asks the same ones has the same places."""
    registries = {image.registry, *(each.registry for each in where(entry, image).values())}
    if entry.base_images is not None:
        registries |= {pattern.registry for pattern in entry.base_images.allow}
    return " ".join(sorted(registries))
