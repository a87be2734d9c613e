"""The registry client: fills `webhook.admission.ports.Registry`."""

import asyncio
from collections.abc import Callable
from typing import Self

import msgspec
from aiohttp.abc import AbstractResolver

from webhook.clock import Clock, SystemClock
from webhook.errors import ImageNotFoundError, NotFoundOutError
from webhook.images import Digest, ImageReference, PinnedImage
from webhook.registry import endpoint, manifests
from webhook.registry.authorization import Access, Authorizer
from webhook.registry.discovery import Search
from webhook.registry.inspection import Inspection
from webhook.registry.keychain import Keychain
from webhook.registry.long_documents import LongDocuments
from webhook.registry.names import Names
from webhook.registry.observer import Observer
from webhook.registry.pod_keyring import PodKeyring
from webhook.registry.questions import Pause, Questions
from webhook.registry.repository import Repository
from webhook.registry.settings import RegistrySettings
from webhook.registry.transport import Transport
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Evidence, Unanswered


class RegistryClient:
    """All registries, through one set of connections, for the event loop that first asks.

    It asks whatever it is given: whether an image may be asked about at all, the allowlist decides before.
    `resolver` makes the resolver of host names; whatever it finds is judged (`webhook.registry.guard`). `pause` waits
    for so many seconds before a second try. `observer` is told how registries answer.
    """

    def __init__(
        self,
        settings: RegistrySettings,
        keychain: Keychain,
        *,
        clock: Clock | None = None,
        resolver: Callable[[], AbstractResolver] = Names,
        pause: Pause = asyncio.sleep,
        observer: Observer | None = None,
    ) -> None:
        self._settings = settings
        self._keychain = keychain
        self._transport = Transport(settings, resolver)
        clock = clock or SystemClock()
        authorizer = Authorizer(self._transport, settings, clock.monotonic)
        self._questions = Questions(self._transport, authorizer, settings.limits, clock, pause, observer)
        self._long = LongDocuments()
        if observer is not None:
            observer.follow_circuits(self._questions.open_circuits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections, and read nothing more."""
        self._long.close()
        await self._transport.close()

    async def resolve(self, image: ImageReference, keyring: object | None = None) -> PinnedImage:
        """The digest that the image's tag names now, or its own without asking. Raises `NotFoundOutError`.

        The digest is that of the bytes that were answered, not what a header says: a registry that tells us one digest
        and serves a node other content would have a signature of the one admit the other.
        """
        pinned = image.pinned()
        if pinned is not None:
            return pinned
        repository = await self._repository(image, keyring)
        document = await repository.manifest(image.tag or "latest", manifests.IMAGE_TYPES)
        if document is None:
            raise ImageNotFoundError(f"registry {image.registry} has no image {image}")
        manifests.check(document)
        return PinnedImage(image.registry, image.repository, document.digest)

    async def evidence(self, image: PinnedImage, *, attestations: bool, keyring: object | None = None) -> Evidence:
        """All that lies beside the image. A place that could not be looked at is part of the answer, no exception.

        Where attestations are asked for, their own place is looked at too, and more bytes are read (`Limits`). What
        vouches for an image may lie in another repository: it is then the image's digest in that repository which is
        asked about, and nothing says that the image itself has to be there.
        """
        try:
            repository = await self._repository(image, keyring)
        except NotFoundOutError as error:
            return Evidence(unanswered=(Unanswered("credentials", error.code, str(error)),))
        return await Search(repository, image.digest, self._settings.limits, attestations=attestations).run()

    async def contents(self, image: PinnedImage, keyring: object | None = None) -> Contents:
        """The layers of the image, or of all images that an index lists. Raises `NotFoundOutError`.

        What is listed for the platform `unknown/unknown` is no image. An index within an index is not looked into, so
        that nothing can be said about it.
        """
        return await (await self._inspection(image, keyring)).contents(image)

    async def listed(
        self, image: ImageReference, keyring: object | None = None
    ) -> tuple[PinnedImage, frozenset[Digest]]:
        """What the image's tag names now, whatever digest stands beside it, and all that is listed there.

        Raises `NotFoundOutError`. What is not an index lists nothing; an index within an index is not looked into.
        """
        return await (await self._inspection(image, keyring)).listed(image)

    async def _inspection(self, image: ImageReference | PinnedImage, keyring: object | None) -> Inspection:
        return Inspection(await self._repository(image, keyring), self._settings.limits, self._long)

    async def _repository(self, image: ImageReference | PinnedImage, keyring: object | None) -> Repository:
        """With the pod's credentials, where its keyring has some for the image, and else with the operator's."""
        credentials = keyring.credentials(image) if isinstance(keyring, PodKeyring) else None
        if credentials is None:
            credentials = await self._keychain.credentials(image)
        target = endpoint.of_registry(image.registry, self._settings.insecure_hosts)
        access = Access(image.registry, target, image.repository, credentials)
        return Repository([*await self._mirrors(image), access], self._questions, self._settings.limits)

    async def _mirrors(self, image: ImageReference | PinnedImage) -> list[Access]:
        """Who is asked first, with the operator's credentials for them and never with a pod's for the registry."""
        found = []
        for mirror in self._settings.mirrors.get(image.registry, ()):
            repository = mirror.repository(image.repository)
            known_as = msgspec.structs.replace(image, registry=mirror.registry, repository=repository)
            credentials = await self._keychain.credentials(known_as)
            target = endpoint.of_registry(mirror.registry, self._settings.insecure_hosts)
            found.append(Access(mirror.registry, target, repository, credentials, mirror_of=image.registry))
        return found
