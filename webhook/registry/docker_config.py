"""Docker's `config.json` and its predecessor `.dockercfg`: which credentials they hold for which images. No I/O.

A key is a registry, or a registry and the beginning of a repository in whole segments; the longest one that fits wins.
A scheme and `/v1/` or `/v2/` in it mean nothing, and `index.docker.io` is Docker Hub (docker/cli `config/configfile`,
kubelet's `credentialprovider`). Patterns are not keys, as docker has none.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from webhook import images
from webhook.errors import ConfigurationError
from webhook.images import ImageReference, ImageReferenceError, PinnedImage
from webhook.registry.keychain import Credentials

MAX_BYTES = 1024 * 1024
"""The size of a Kubernetes Secret, in which such files travel."""

_SCHEME = re.compile(r"https?://", re.IGNORECASE | re.ASCII)
_API_VERSION = re.compile(r"v[12](?:/|$)", re.ASCII)
_UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)


class DockerConfigError(ValueError):
    """A file that cannot be used. The message is the predicate of a sentence, without what is written in the file."""


class CredentialsByPlace:
    """Credentials by registry and the beginning of a repository."""

    def __init__(self) -> None:
        self._by_registry: dict[str, dict[str, Credentials]] = {}

    def put(self, registry: str, path: str, credentials: Credentials) -> bool:
        """Add credentials where there are none; False where there are others."""
        return self._by_registry.setdefault(registry, {}).setdefault(path, credentials) == credentials

    def find(self, image: ImageReference | PinnedImage) -> Credentials | None:
        """The credentials of the longest place that the image lies in."""
        by_path = self._by_registry.get(image.registry)
        if by_path is None:
            return None
        path = image.repository
        while path and path not in by_path:
            path = path.rpartition("/")[0]
        return by_path.get(path)

    def all(self) -> Iterator[Credentials]:
        """All that there are."""
        for by_path in self._by_registry.values():
            yield from by_path.values()


class DockerConfigKeychain:
    """The credentials in the file that an operator gave; with `legacy` it is a `.dockercfg`.

    Raises `ConfigurationError` that tells all faults by their place in the file, without what is written there. Entries
    whose credentials lie elsewhere (`credsStore`, `credHelpers`) are faults: without them we would ask anonymously.
    """

    def __init__(self, content: bytes, source: str = "docker config.json", *, legacy: bool = False) -> None:
        self._places = CredentialsByPlace()
        try:
            config = _decoded(content, legacy=legacy)
        except DockerConfigError as error:
            raise ConfigurationError(f"{source}: {error}") from None
        faults = [*_stores(config), *self._put(config.auths or {})]
        if faults:
            raise ConfigurationError(f"{source}: {'; '.join(faults)}")

    async def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
        """The credentials of the longest key that names the image's registry and the beginning of its repository."""
        return self._places.find(image)

    def _put(self, auths: Mapping[str, msgspec.Raw]) -> Iterator[str]:
        """Take entries in; yields their faults."""
        for index, (key, raw) in enumerate(auths.items()):
            place = _place(index, key)
            try:
                (registry, path), credentials = _target(key), _credentials(raw)
            except _UNREADABLE as error:
                yield f"{place}: {error}"
                continue
            if credentials is None:
                yield f"{place}: holds no credentials; expected auth, or username and password, or identitytoken"
            elif not self._places.put(registry, path, credentials):
                yield f"{place} names the same registry as another key, with other credentials"


def put_pull_secret(places: CredentialsByPlace, content: bytes, *, legacy: bool) -> None:
    """Add what a pull secret has for places that have no credentials. Raises `DockerConfigError`.

    Such a file is written for kubelet, which passes over keys that name no registry, entries without credentials, and
    stores; of two entries for one place it tries the first one first (`pkg/credentialprovider/config.go`).
    """
    for index, (key, raw) in enumerate((_decoded(content, legacy=legacy).auths or {}).items()):
        try:
            credentials = _credentials(raw)
        except _UNREADABLE as error:
            raise DockerConfigError(f"{_place(index, key)}: {error}") from None
        try:
            registry, path = _target(key)
        except ValueError:
            continue
        if credentials is not None:
            places.put(registry, path, credentials)


class _Entry(msgspec.Struct):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None


class _DockerConfig(msgspec.Struct, rename="camel"):
    auths: dict[str, msgspec.Raw] | None = None
    creds_store: str | None = None
    cred_helpers: dict[str, str] | None = None


def _decoded(content: bytes, *, legacy: bool) -> _DockerConfig:
    """The file; a `.dockercfg` is what is in `auths` of the other one. Raises `DockerConfigError`."""
    if len(content) > MAX_BYTES:
        raise DockerConfigError(f"has {len(content)} bytes; expected at most {MAX_BYTES}")
    expected: Any = dict[str, msgspec.Raw] if legacy else _DockerConfig
    try:
        decoded = msgspec.json.decode(content.decode("utf-8"), type=expected)
    except UnicodeDecodeError:  # its text shows a byte, which may be one of a password
        raise DockerConfigError("is not a docker configuration: not UTF-8") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise DockerConfigError(f"is not a docker configuration: {error}") from None
    return _DockerConfig(auths=decoded) if legacy else decoded


def _stores(config: _DockerConfig) -> Iterator[str]:
    if config.creds_store:
        yield "credsStore keeps credentials in a program that is not asked; write them into auths"
    if config.cred_helpers:
        yield "credHelpers keeps credentials in programs that are not asked; write them into auths"


def _place(index: int, key: str) -> str:
    """A key may hold a password by mistake (https://user:password@host), so it is quoted only without '@'."""
    return f"auths entry {index + 1}" if "@" in key else f"auths[{images.excerpt(key)}]"


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


def _credentials(raw: msgspec.Raw) -> Credentials | None:
    """The credentials of an entry, if any. Raises ValueError or `msgspec.DecodeError`, without what it holds."""
    entry = msgspec.json.decode(raw, type=_Entry)
    username, password = _decoded_auth(entry.auth) if entry.auth else (entry.username or "", entry.password or "")
    if entry.identitytoken:
        return Credentials(username, "", entry.identitytoken)
    if ":" in username:
        raise ValueError("its username has a colon, which HTTP cannot say")
    return Credentials(username, password) if username else None


def _decoded_auth(auth: str) -> tuple[str, str]:
    """Kubelet takes it without padding too, and in lines."""
    auth = auth.replace("\r", "").replace("\n", "")
    try:
        decoded = base64.b64decode(auth + "=" * (-len(auth) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    username, colon, password = decoded.partition(":")
    if not colon:
        raise ValueError("its auth is not the base64 of username:password")
    return username, password
