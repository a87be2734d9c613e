"""What is known about images: digests of tags, evidence of digests, outcomes of verify entries, each fetched once."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta
from functools import partial

from webhook.admission.asker import NOBODY, Asker
from webhook.admission.ports import Keyring, Registry, TrustRoots
from webhook.admission.proving import Prover, where
from webhook.admission.report import cut
from webhook.admission.waiting import Waiting
from webhook.cache import FLIGHT_SECONDS, MAX_FLIGHTS, Cache
from webhook.clock import Clock
from webhook.codes import INCONCLUSIVE
from webhook.fairness import Bulkhead
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
MESSAGE_CHARACTERS = 1024
"""What is kept of an outcome's message: a registry's contents can make it long. No answer shows more of it."""

MAX_EVIDENCE = 256
MAX_EVIDENCE_BYTES = 64 * 1024
"""Evidence is kept for the other entries that ask about the same image at the same time. More is not kept: what lies
beside an image is somebody else's to write, and signatures are small."""

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

EvidenceKey = tuple[PinnedImage, bool, str]
"""The image, whether attestations are looked for too, and the scope of the asker's credentials for it."""

OutcomeKey = tuple[str, str, PinnedImage, str | None, str]
"""A verify entry's key, the fingerprints of the trust roots it is judged by, the image, the tag whose index may vouch
for it, and the scope of the asker's credentials."""


class Verification:
    """Answers of registries turned into outcomes, and remembered.

    What could not be found out is never remembered. An outcome is kept by the content of its entry and of its trust
    roots, so that a policy's change of mode or name costs nothing and a change of keys or roots takes effect at once;
    and by the credentials that an asker brought. Whoever asks for one that will soon end has it verified again in the
    background. Registries are asked by turns of the namespaces, and none of them waits for another. `waiting` counts
    the requests that wait for answers, for everybody who asks here.
    """

    def __init__(self, registry: Registry, trust: TrustRoots, clock: Clock, pool: Executor | None = None) -> None:
        self.waiting = Waiting()
        self._registry = registry
        self._trust = trust
        self._clock = clock
        self._monotonic = clock.monotonic
        self._pool = pool
        self._remembering = RememberingRegistry(registry, clock)
        self._prover = Prover(self._remembering, trust, clock, self._compute)
        self._prompt = Bulkhead(MAX_AT_ONCE, MAX_AT_ONCE_OF_ONE)
        self._attested = Bulkhead(MAX_ATTESTED_AT_ONCE, MAX_ATTESTED_AT_ONCE_OF_ONE)
        self._tags: Cache[TagKey, PinnedImage] = Cache(
            maxsize=MAX_TAGS, lifetime=lambda _: TAG_SECONDS, clock=clock.monotonic
        )
        self._outcomes: Cache[OutcomeKey, Outcome] = Cache(
            maxsize=MAX_OUTCOMES, lifetime=self._lifetime, clock=clock.monotonic
        )

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
            return await self._registry.resolve(key[0], asker.keyring)

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
            return self._brief(entry, await self._prover.outcome(entry, image, tag, asker.keyring))

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


class RememberingRegistry:
    """A registry that keeps small evidence for a moment: several entries ask about the same image at the same time."""

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self._registry = registry
        self._evidence: Cache[EvidenceKey, Evidence] = Cache(
            maxsize=MAX_EVIDENCE, lifetime=_evidence_lifetime, clock=clock.monotonic, max_flights_of_one=MAX_FLIGHTS
        )

    async def resolve(self, image: ImageReference, keyring: Keyring | None = None) -> PinnedImage:
        """The digest that the tag names now."""
        return await self._registry.resolve(image, keyring)

    async def evidence(self, image: PinnedImage, *, attestations: bool, keyring: Keyring | None = None) -> Evidence:
        """All that lies beside the image."""
        key = (image, attestations, "" if keyring is None else keyring.scope(image))
        fetch = self._registry.evidence
        return await self._evidence.get(
            key, lambda: fetch(image, attestations=attestations, keyring=keyring), FLIGHT_SECONDS
        )

    async def contents(self, image: PinnedImage, keyring: Keyring | None = None) -> Contents:
        """What the image is made of."""
        return await self._registry.contents(image, keyring)

    async def listed(
        self, image: ImageReference, keyring: Keyring | None = None
    ) -> tuple[PinnedImage, frozenset[Digest]]:
        """What the tag names now, and the digests that it lists."""
        return await self._registry.listed(image, keyring)

    async def close(self) -> None:
        """End what still runs."""
        await self._evidence.close()


def _registries(entry: VerifyEntry, image: PinnedImage) -> str:
    """All that may be asked on account of the entry: who asks the same ones has the same places."""
    registries = {image.registry, *(each.registry for each in where(entry, image).values())}
    if entry.base_images is not None:
        registries |= {pattern.registry for pattern in entry.base_images.allow}
    return " ".join(sorted(registries))


def _evidence_lifetime(evidence: Evidence) -> float:
    size = sum(len(one.content) + sum(map(len, one.annotations.values())) for one in evidence.attachments)
    return NOT_VERIFIED_SECONDS if evidence.complete and size <= MAX_EVIDENCE_BYTES else 0.0
