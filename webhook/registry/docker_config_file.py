"""A docker configuration in a file, read again when it changes: credentials are renewed while the program runs."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from webhook.errors import ConfigurationError
from webhook.images import ImageReference, PinnedImage
from webhook.registry.docker_config import MAX_BYTES, DockerConfigKeychain
from webhook.registry.keychain import Credentials

_log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""How often the file is looked at, at most, and only when somebody asks for credentials."""

_LEGACY_NAME = ".dockercfg"  # docker knows the older form by the name of its file


class DockerConfigFile:
    """Fills `Keychain` with what a file says now. Reads it at once; raises `ConfigurationError`.

    A version that cannot be used, or no file any more, leaves the one before in force, and the log says so once. What
    is no regular file, such as a pipe, is read once.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._looking = asyncio.Lock()
        self._seen = _content(path)
        self._keychain = self._parsed(self._seen)
        self._next_look = clock() + LOOK_SECONDS if path.is_file() else float("inf")

    async def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
        """The credentials that the file has for the image."""
        if self._clock() >= self._next_look:
            async with self._looking:
                await self._look()
        return await self._keychain.credentials(image)

    async def _look(self) -> None:
        if self._clock() < self._next_look:
            return
        found = await asyncio.to_thread(_content_again, self._path)
        self._next_look = self._clock() + LOOK_SECONDS
        if found == self._seen:
            return
        self._seen = found
        try:
            self._keychain = self._parsed(found)
        except ConfigurationError as error:
            _log.error("credentials not loaded, those before stay in force: %s", error)
        else:
            _log.info("credentials loaded: %s", self._path)

    def _parsed(self, content: bytes | str) -> DockerConfigKeychain:
        if isinstance(content, str):
            raise ConfigurationError(f"{self._path}: {content}")
        return DockerConfigKeychain(content, str(self._path), legacy=self._path.name == _LEGACY_NAME)


def _content(path: Path) -> bytes | str:
    """The content, one byte more than the ceiling at most, or why there is none."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        return error.strerror or "cannot be read"


def _content_again(path: Path) -> bytes | str:
    """The same of a regular file alone: a pipe that took its place would make us wait."""
    return _content(path) if path.is_file() else "is no file any more"
