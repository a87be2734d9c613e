"""A registry that is asked once where several entries ask about the same image at the same time."""

from webhook.admission.ports import Keyring, Registry
from webhook.admission.stages import UNWATCHED, Stage, Stages, watched
from webhook.cache import FLIGHT_SECONDS, MAX_FLIGHTS, Cache, Counted
from webhook.clock import Clock
from webhook.images import Digest, ImageReference, PinnedImage
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Evidence

EVIDENCE_SECONDS = 10.0
"""How long evidence is kept, which is no longer than what was refused by it."""

MAX_EVIDENCE = 256
MAX_EVIDENCE_BYTES = 64 * 1024
"""Evidence is kept for the other entries that ask about the same image at the same time. More is not kept: what lies
beside an image is somebody else's to write, and signatures are small."""

EvidenceKey = tuple[PinnedImage, bool, str]
"""The image, whether attestations are looked for too, and the scope of the asker's credentials for it."""


class RememberingRegistry:
    """A registry that keeps small evidence for a moment: several entries ask about the same image at the same time."""

    def __init__(self, registry: Registry, clock: Clock, stages: Stages = UNWATCHED) -> None:
        self._registry = registry
        self._stages = stages
        self._evidence: Cache[EvidenceKey, Evidence] = Cache(
            maxsize=MAX_EVIDENCE, lifetime=_evidence_lifetime, clock=clock.monotonic, max_flights_of_one=MAX_FLIGHTS
        )

    @property
    def remembered(self) -> Counted:
        """The evidence that is kept."""
        return self._evidence

    async def resolve(self, image: ImageReference, keyring: Keyring | None = None) -> PinnedImage:
        """The digest that the tag names now."""
        return await self._registry.resolve(image, keyring)

    async def evidence(self, image: PinnedImage, *, attestations: bool, keyring: Keyring | None = None) -> Evidence:
        """All that lies beside the image."""
        key = (image, attestations, "" if keyring is None else keyring.scope(image))

        async def fetch() -> Evidence:
            ended = self._stages.began(Stage.FETCH, image.registry, str(image.digest))
            return await watched(ended, self._registry.evidence(image, attestations=attestations, keyring=keyring))

        return await self._evidence.get(key, fetch, FLIGHT_SECONDS)

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


def _evidence_lifetime(evidence: Evidence) -> float:
    size = sum(len(one.content) + sum(map(len, one.annotations.values())) for one in evidence.attachments)
    return EVIDENCE_SECONDS if evidence.complete and size <= MAX_EVIDENCE_BYTES else 0.0
