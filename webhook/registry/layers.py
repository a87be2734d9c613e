"""Layers beside an image, fetched within their ceilings, the short ones first.

Signatures are short; attestations can be long, and what wants to crowd the others out is. Nothing authenticated says
which is which before the content was read, so sizes decide, as descriptors claim them: a short layer is fetched as soon
as it is found, and the long ones when all were found, in the order of their sizes, while there is room.
"""

import asyncio
from dataclasses import dataclass

from webhook.errors import BeyondCeilingError, NotFoundOutError, RegistryResponseError
from webhook.registry import manifests
from webhook.registry.manifests import Descriptor
from webhook.registry.repository import Repository
from webhook.registry.settings import Limits
from webhook.signatures import bundle, cosign

BUNDLE = bundle.MEDIA_TYPE
"""One Sigstore bundle: a signature or an attestation of cosign 3."""

ENVELOPE = cosign.ATTESTATION_MEDIA_TYPE
"""One DSSE envelope: an attestation in cosign's old format."""

_MAYBE_ATTESTATIONS = frozenset({BUNDLE, ENVELOPE})

Content = bytes | NotFoundOutError
"""What a layer holds, or why that is not known."""


@dataclass(frozen=True, slots=True)
class Ceilings:
    """How much is looked at.

    `signature`, `attestation` (None: none is asked for) and `total` are bytes: of one, and of all together. `referrers`
    and `layers` are counts: of manifests that refer to the image, and of layers in one manifest.
    """

    signature: int
    attestation: int | None
    total: int
    referrers: int
    layers: int

    @classmethod
    def of(cls, limits: Limits, *, attestations: bool) -> "Ceilings":
        """The ceilings of one search."""
        if attestations:
            most = limits.attested_items
            return cls(limits.layer_bytes, limits.attestation_bytes, limits.attested_evidence_bytes, most, most)
        return cls(limits.layer_bytes, None, limits.evidence_bytes, limits.referrers, limits.layers)

    def fault(self, layer: Descriptor) -> str | None:
        """Why a layer is too long whatever else there is, None if it is not."""
        perhaps = layer.media_type in _MAYBE_ATTESTATIONS
        ceiling, kind = self.signature, "a signature"
        if perhaps and self.attestation is not None:
            ceiling, kind = self.attestation, "an attestation"
        if layer.size <= ceiling:
            return None
        unasked = ", and no attestations are asked for" if perhaps and self.attestation is None else ""
        return f"it has {layer.size} bytes; expected at most {ceiling} of {kind}{unasked}"


class Layers:
    """The layers beside one digest, for one search: it counts the bytes that may still be fetched.

    Contents are fetched by tasks of `group`. Those that wait end only after `all_found` was called.
    """

    def __init__(
        self,
        repository: Repository,
        limits: Limits,
        ceilings: Ceilings,
        group: asyncio.TaskGroup,
    ) -> None:
        self._repository = repository
        self._prompt = limits.prompt_bytes
        self._ceilings = ceilings
        self._left = ceilings.total
        self._group = group
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def fetch(self, layer: Descriptor) -> asyncio.Task[Content]:
        """The content of a layer, begun or queued."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if layer.size <= self._prompt:
            turn.set_result(None)
        else:
            self._waiting.append((layer.size, turn))
        return self._group.create_task(self._content(layer, turn))

    def all_found(self) -> None:
        """Begin with what waits: no other layer will be asked for."""
        for _, turn in sorted(self._waiting, key=lambda waiting: waiting[0]):
            turn.set_result(None)

    async def _content(self, layer: Descriptor, turn: asyncio.Future[None]) -> Content:
        digest = manifests.checked(layer.digest)
        if digest is None:
            return RegistryResponseError("its digest is not one of sha256")
        if fault := self._ceilings.fault(layer):
            return BeyondCeilingError(fault)
        await turn
        if layer.size > self._left:
            return BeyondCeilingError(
                f"it has {layer.size} bytes, and the others beside the image leave {self._left} of the"
                f" {self._ceilings.total} that are read"
            )
        self._left -= layer.size
        try:
            content = await self._repository.blob(digest, layer.size)
        except NotFoundOutError as error:
            return error
        return RegistryResponseError("it is listed, and the registry has no such blob") if content is None else content
