"""Credentials for registries, and the port through which the client asks for them."""

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from webhook import images
from webhook.errors import ConfigurationError
from webhook.images import ImageReference, ImageReferenceError, PinnedImage

_MAX_BYTES = 1024 * 1024  # the size of a Kubernetes Secret, in which such files travel
_SCHEME = re.compile(r"https?://", re.IGNORECASE | re.ASCII)
_API_VERSION = re.compile(r"v[12](?:/|$)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves to a registry who asks. `identity_token`, where there is one, stands in place of the password."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)

    def basic(self) -> str:
        """The value of `Authorization` in HTTP's Basic scheme (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode("ascii")


class Keychain(Protocol):
    """Where credentials come from."""

    async def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
        """The credentials to see this image with; None to ask anonymously. Raises `NotFoundOutError`."""
        ...


class AnonymousKeychain:
    """Has no credentials for anybody."""

    async def credentials(self, image: ImageReference | PinnedImage) -> None:
        """None."""


class DockerConfigKeychain:
    """The credentials in a docker `config.json`.

    A key of `auths` is a registry, or a registry and the beginning of a repository in whole segments; the longest one
    that fits wins. A scheme and `/v1/` or `/v2/` in it mean nothing, and `index.docker.io` is Docker Hub (docker/cli
    `config/configfile`, kubelet's `credentialprovider`). Patterns are not keys, as docker has none.

    Raises `ConfigurationError` that tells all faults by their place in the file, without what is written there. Entries
    whose credentials lie elsewhere (`credsStore`, `credHelpers`) are faults: without them we would ask anonymously.
    """

    def __init__(self, content: bytes, source: str = "docker config.json") -> None:
        faults: list[str] = []
        self._by_registry: dict[str, dict[str, Credentials]] = {}
        for place, registry, path, credentials in _entries(content, faults):
            known = self._by_registry.setdefault(registry, {}).setdefault(path, credentials)
            if known != credentials:
                faults.append(f"{place} names the same registry as another key, with other credentials")
        if faults:
            raise ConfigurationError(f"{source}: {'; '.join(faults)}")

    async def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
        """The credentials of the longest key that names the image's registry and the beginning of its repository."""
        by_path = self._by_registry.get(image.registry, {})
        path = image.repository
        while path and path not in by_path:
            path = path.rpartition("/")[0]
        return by_path.get(path)


class _Entry(msgspec.Struct):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _DockerConfig(msgspec.Struct, rename="camel"):
    auths: dict[str, msgspec.Raw] | None = None
    creds_store: str | None = None
    cred_helpers: dict[str, str] | None = None


def _entries(content: bytes, faults: list[str]) -> Iterator[tuple[str, str, str, Credentials]]:
    """The entries of a file that can be used: place in the file, registry, path, credentials."""
    if len(content) > _MAX_BYTES:
        faults.append(f"has {len(content)} bytes; expected at most {_MAX_BYTES}")
        return
    try:
        config = msgspec.json.decode(content.decode("utf-8"), type=_DockerConfig)
    except UnicodeDecodeError:  # its text shows a byte, which may be one of a password
        faults.append("is not a docker configuration: not UTF-8")
        return
    except (msgspec.DecodeError, RecursionError) as error:
        faults.append(f"is not a docker configuration: {error}")
        return
    if config.creds_store:
        faults.append("credsStore keeps credentials in a program that is not asked; write them into auths")
    if config.cred_helpers:
        faults.append("credHelpers keeps credentials in programs that are not asked; write them into auths")
    for index, (key, raw) in enumerate((config.auths or {}).items()):
        # A key may hold a password by mistake (https://user:password@host), so it is quoted only without '@'.
        place = f"auths entry {index + 1}" if "@" in key else f"auths[{images.excerpt(key)}]"
        try:
            yield place, *_target(key), _credentials(raw)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            faults.append(f"{place}: {error}")


def _target(key: str) -> tuple[str, str]:
    """The registry and path that a key names. Raises ValueError."""
    if "@" in key:
        raise ValueError("has '@' in its key; expected a registry without credentials")
    host, _, path = _SCHEME.sub("", key, count=1).partition("/")
    path = _API_VERSION.sub("", path, count=1).strip("/")
    if path and images.repository_fault(path):
        raise ValueError("the path in its key is not the beginning of a repository")
    try:
        return images.parse_registry(host.lower() if host.isascii() else host), path
    except ImageReferenceError:
        raise ValueError("its key is not a registry host[:port], with or without a path") from None


def _credentials(raw: msgspec.Raw) -> Credentials:
    """The credentials that an entry holds. Raises ValueError or `msgspec.DecodeError`, without what it holds."""
    entry = msgspec.json.decode(raw, type=_Entry)
    username, password = _decoded(entry.auth) if entry.auth else (entry.username, entry.password)
    if entry.identitytoken:
        return Credentials(username, "", entry.identitytoken)
    if not username or ":" in username:
        raise ValueError("holds no credentials; expected auth, or username and password, or identitytoken")
    return Credentials(username, password)


def _decoded(auth: str) -> tuple[str, str]:
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = username = password = ""
    if not colon:
        raise ValueError("its auth is not the base64 of username:password")
    return username, password
