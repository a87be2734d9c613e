"""From an image to what it is made of, and from a tag to what it lists: the requests that this takes."""

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeVar

from webhook.errors import ImageNotFoundError, RegistryResponseError
from webhook.images import Digest, ImageReference, PinnedImage
from webhook.registry import composition, manifests
from webhook.registry.composition import Index, Manifest
from webhook.registry.long_documents import LongDocuments
from webhook.registry.manifests import Document
from webhook.registry.repository import Repository
from webhook.registry.settings import Limits
from webhook.registry.transport import TooLongError
from webhook.signatures.contents import Contents, Platform

T = TypeVar("T")


class Inspection:
    """A look into one image, for one use. Raises `NotFoundOutError`."""

    def __init__(self, repository: Repository, limits: Limits, long: LongDocuments) -> None:
        self._repository = repository
        self._limits = limits
        self._long = long

    async def contents(self, image: PinnedImage) -> Contents:
        """The platforms of the image. One of them that cannot be looked into leaves nothing to say about the image."""
        seen = await self._look(image.digest)
        if seen is None:
            raise ImageNotFoundError(f"registry {image.registry} has no image {image}")
        _, found = seen
        if isinstance(found, Manifest):
            return Contents((await self._platform(image.digest, found, None),))
        digests = composition.image_digests(found, self._limits)
        return Contents(tuple(await _all(self._child(digest, found) for digest in digests)))

    async def listed(self, image: ImageReference) -> tuple[PinnedImage, frozenset[Digest]]:
        """What the image's tag names now, whatever digest stands beside it, and all that it lists if it is an index."""
        if image.tag is None:
            raise ImageNotFoundError(f"{image} has no tag")
        seen = await self._look(image.tag)
        if seen is None:
            raise ImageNotFoundError(f"registry {image.registry} has no {image.name}:{image.tag}")
        own, found = seen
        digests = (child.digest for child in found.children) if isinstance(found, Index) else ()
        return PinnedImage(image.registry, image.repository, own), frozenset(digests)

    async def _child(self, digest: Digest, index: Index) -> Platform:
        try:
            return await self._platform(digest, await self._manifest(digest), index)
        except RegistryResponseError as error:
            raise RegistryResponseError(f"the index lists {digest}: {error}") from None

    async def _manifest(self, digest: Digest) -> Manifest:
        seen = await self._look(digest)
        if seen is None:
            raise RegistryResponseError("the registry has no such manifest")
        _, found = seen
        if isinstance(found, Index):
            raise RegistryResponseError("it is another index, which is not looked into")
        return found

    async def _platform(self, digest: Digest, manifest: Manifest, index: Index | None) -> Platform:
        size = manifest.config_size
        if size > self._limits.config_bytes:
            raise RegistryResponseError(f"the config has {size} bytes; expected at most {self._limits.config_bytes}")
        if size <= self._limits.short_bytes:
            layers = composition.diff_ids(await self._config(manifest), manifest.layers, self._limits)
        else:
            async with self._place():
                layers = await self._long_config(manifest)
        return Platform(digest, layers, composition.claims(manifest.annotations, index))

    async def _long_config(self, manifest: Manifest) -> tuple[str, ...]:
        config = await self._config(manifest)
        composition.check_values(config, self._limits)
        return await self._long.read(partial(composition.diff_ids, config, manifest.layers, self._limits))

    async def _config(self, manifest: Manifest) -> bytes:
        config = await self._repository.blob(manifest.config, manifest.config_size)
        if config is None:
            raise RegistryResponseError("the registry has no such config")
        return config

    async def _look(self, reference: str | Digest) -> tuple[Digest, Index | Manifest] | None:
        """What lies there, and its digest; None where nothing does."""
        try:
            document = await self._document(reference, self._limits.short_bytes)
        except TooLongError:
            pass
        else:
            return None if document is None else (document.digest, composition.read(document, self._limits))
        async with self._place():
            return await self._long_look(reference)

    async def _long_look(self, reference: str | Digest) -> tuple[Digest, Index | Manifest] | None:
        document = await self._document(reference, self._limits.manifest_bytes)
        if document is None:
            return None
        composition.check_values(document.content, self._limits)
        return document.digest, await self._long.read(partial(composition.read, document, self._limits))

    async def _document(self, reference: str | Digest, ceiling: int) -> Document | None:
        return await self._repository.manifest(reference, manifests.IMAGE_TYPES, ceiling=ceiling)

    def _place(self) -> AbstractAsyncContextManager[None]:
        return self._long.place(self._repository.registry, self._repository.name)


async def _all(questions: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The answers to all questions, which are asked at once. The first that fails ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(question) for question in questions]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
