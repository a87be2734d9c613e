"""From an image to what it is made of, and from a tag to what it lists: the requests that this takes."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from webhook.errors import ImageNotFoundError, RegistryResponseError
from webhook.images import Digest, ImageReference, PinnedImage
from webhook.registry import composition, manifests
from webhook.registry.composition import Index, Manifest
from webhook.registry.manifests import Document
from webhook.registry.repository import Repository
from webhook.registry.settings import Limits
from webhook.signatures.contents import Contents, Platform

_READ_AT_ONCE = 64 * 1024  # bytes: 1 ms at most; configs are shorter

T = TypeVar("T")


class Inspection:
    """A look into one image, for one use. Raises `NotFoundOutError`."""

    def __init__(self, repository: Repository, limits: Limits) -> None:
        self._repository = repository
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.fetches)

    async def contents(self, image: PinnedImage) -> Contents:
        """The platforms of the image. One of them that cannot be looked into leaves nothing to say about the image."""
        document = await self._document(image.digest)
        if document is None:
            raise ImageNotFoundError(f"registry {image.registry} has no image {image}")
        found = await self._read(document)
        if isinstance(found, Manifest):
            return Contents((await self._platform(image.digest, found, None),))
        digests = composition.image_digests(found, self._limits)
        return Contents(tuple(await _all(self._child(digest, found) for digest in digests)))

    async def listed(self, image: ImageReference) -> tuple[PinnedImage, frozenset[Digest]]:
        """What the image's tag names now, whatever digest stands beside it, and all that it lists if it is an index."""
        if image.tag is None:
            raise ImageNotFoundError(f"{image} has no tag")
        document = await self._document(image.tag)
        if document is None:
            raise ImageNotFoundError(f"registry {image.registry} has no {image.name}:{image.tag}")
        found = await self._read(document)
        digests = (child.digest for child in found.children) if isinstance(found, Index) else ()
        return PinnedImage(image.registry, image.repository, document.digest), frozenset(digests)

    async def _child(self, digest: Digest, index: Index) -> Platform:
        try:
            return await self._platform(digest, await self._manifest(digest), index)
        except RegistryResponseError as error:
            raise RegistryResponseError(f"the index lists {digest}: {error}") from None

    async def _manifest(self, digest: Digest) -> Manifest:
        document = await self._document(digest)
        if document is None:
            raise RegistryResponseError("the registry has no such manifest")
        found = await self._read(document)
        if isinstance(found, Index):
            raise RegistryResponseError("it is another index, which is not looked into")
        return found

    async def _platform(self, digest: Digest, manifest: Manifest, index: Index | None) -> Platform:
        if manifest.config_size > self._limits.config_bytes:
            raise RegistryResponseError(
                f"the config has {manifest.config_size} bytes; expected at most {self._limits.config_bytes}"
            )
        async with self._slots:
            config = await self._repository.blob(manifest.config, manifest.config_size)
        if config is None:
            raise RegistryResponseError("the registry has no such config")
        if len(config) <= _READ_AT_ONCE:
            layers = composition.diff_ids(config, manifest.layers, self._limits)
        else:
            layers = await asyncio.to_thread(composition.diff_ids, config, manifest.layers, self._limits)
        return Platform(digest, layers, composition.claims(manifest.annotations, index))

    async def _document(self, reference: str | Digest) -> Document | None:
        async with self._slots:
            return await self._repository.manifest(reference, manifests.IMAGE_TYPES)

    async def _read(self, document: Document) -> Index | Manifest:
        if len(document.content) <= _READ_AT_ONCE:
            return composition.read(document, self._limits)
        return await asyncio.to_thread(composition.read, document, self._limits)


async def _all(questions: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The answers to all questions, which are asked at once. The first that fails ends the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(question) for question in questions]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
