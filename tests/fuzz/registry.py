"""What registries, operators' files and pods' fields write: references, challenges, manifests, credentials."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from msgspec.structs import replace

from tests.fuzz.reading import as_others_read, is_told
from tests.fuzz.seeds import CANARY
from webhook import images
from webhook.errors import ConfigurationError, RegistryResponseError
from webhook.images import ImageReferenceError
from webhook.policy.allowlist import Pattern, PatternError
from webhook.registry import challenge, manifests
from webhook.registry.challenge import ChallengeError
from webhook.registry.docker_config import (
    CredentialsByPlace,
    DockerConfigError,
    DockerConfigKeychain,
    put_pull_secret,
)
from webhook.registry.endpoint import Endpoint
from webhook.registry.manifests import INDEX_TYPES, MANIFEST_TYPES, Document

REGISTRY: Final = Endpoint("https", "registry.example.com", 443)
STRANGER: Final = images.parse("stranger.invalid/app:1")


def _text(data: bytes) -> str:
    """Any text, that of no encoding too."""
    return data.decode("utf-8", "surrogateescape")


def reference(data: bytes) -> bool:
    """An image reference has one normal form, which is read as itself, and names what it is looked up by."""
    try:
        image = images.parse(_text(data))
    except ImageReferenceError as error:
        is_told(str(error))
        return False
    assert images.parse(str(image)) == replace(image, qualified=True)
    assert data.isascii()
    assert images.parse_registry(image.registry) == image.registry
    assert images.repository_fault(image.repository) is None
    pinned = image.pinned()
    assert (pinned is None) is (b"@" not in data)
    assert pinned is None or str(pinned.digest).encode() in data
    assert image.repository.removeprefix("library/").encode() in data
    return True


def pattern(data: bytes) -> bool:
    """A pattern stays itself, and one without wildcards matches exactly the name that it writes."""
    text = _text(data)
    try:
        found = Pattern.parse(text)
    except PatternError as error:
        is_told(str(error))
        return False
    assert found.text == text
    assert Pattern.parse(text) == found
    assert not found.matches(STRANGER) or "*" in text or "stranger.invalid" in text
    if "*" not in text:
        image = images.parse(text)
        assert found.matches(image)
        assert not found.matches(replace(image, repository=f"{image.repository}/x"))
    return True


def challenges(data: bytes) -> bool:
    """A token service is asked over https alone, and at the registry's own domain alone."""
    fields = data.decode("latin-1").split("\n")
    try:
        chosen = challenge.choose(challenge.parse(fields))
        if chosen.scheme == "basic":
            return True
        service = challenge.token_service(chosen, REGISTRY, frozenset())
    except ChallengeError as error:
        is_told(str(error))
        return False
    host = service.realm.host
    assert service.realm.scheme == "https"
    assert host is not None
    assert host == "example.com" or (host.endswith(".example.com") and host.count(".") == 2)
    assert service.realm.user is None
    assert service.realm.password is None
    assert service.service.isprintable()
    return True


def manifest(data: bytes) -> bool:
    """A document is a manifest or an index and never both, and its descriptors are what any JSON reader finds."""
    taken = {media_type for media_type in (*MANIFEST_TYPES, *INDEX_TYPES) if _is_read(media_type, data)}
    assert not (taken & set(MANIFEST_TYPES) and taken & set(INDEX_TYPES))
    return bool(taken)


def _is_read(media_type: str, data: bytes) -> bool:
    document = Document(media_type, data, manifests.digest_of(data))
    is_index = media_type in INDEX_TYPES
    try:
        read = manifests.index(document) if is_index else manifests.manifest(document).layers
    except RegistryResponseError as error:
        is_told(str(error))
        return False
    found: dict[str, Any] = as_others_read(data)
    entries = found["manifests" if is_index else "layers"] or []
    assert found["schemaVersion"] == 2
    assert found.get("mediaType") in {None, media_type}
    assert [(each.media_type, each.digest, each.size) for each in read] == [
        (each["mediaType"], each["digest"], each["size"]) for each in entries
    ]
    return True


def docker_config(data: bytes) -> bool:
    """Credentials are for the registries that are written down, and no refusal shows them."""
    return True in [_is_keychain(data, legacy=legacy) for legacy in (False, True)]


def _is_keychain(data: bytes, *, legacy: bool) -> bool:
    try:
        keychain = DockerConfigKeychain(data, legacy=legacy)
    except ConfigurationError as error:
        _hides_the_password(str(error), data)
        return False
    found = asyncio.run(keychain.credentials(STRANGER))
    assert found is None or _names_the_stranger(data)
    return True


def pull_secret(data: bytes) -> bool:
    """The same of a file that was written for kubelet."""
    return True in [_is_pull_secret(data, legacy=legacy) for legacy in (False, True)]


def _is_pull_secret(data: bytes, *, legacy: bool) -> bool:
    places = CredentialsByPlace()
    try:
        put_pull_secret(places, data, legacy=legacy)
    except DockerConfigError as error:
        _hides_the_password(str(error), data)
        return False
    assert places.find(STRANGER) is None or _names_the_stranger(data)
    for each in places.all():
        assert ":" not in each.username or each.identity_token
    return True


def _names_the_stranger(data: bytes) -> bool:
    return "stranger.invalid" in json.dumps(json.loads(data)).lower()


def _hides_the_password(message: str, data: bytes) -> None:
    """Where it is no part of a key, which may be quoted."""
    try:
        document = json.loads(data.decode())
    except (ValueError, RecursionError):
        document = None
    assert CANARY not in message or CANARY in "".join(_keys(document))


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for inner in value.values() for key in _keys(inner))]
    return [key for inner in value for key in _keys(inner)] if isinstance(value, list) else []
