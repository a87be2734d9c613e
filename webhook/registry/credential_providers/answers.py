"""What is said to a credential provider's program, and what it answers: `credentialprovider.kubelet.k8s.io/v1`.

Rules: k8s.io/kubelet `pkg/apis/credentialprovider/v1`; strict as kubelet's decoder is. Nothing of an answer is ever
quoted: all of it may be secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from webhook import images
from webhook.images import ImageReference, PinnedImage
from webhook.registry.credential_providers import durations, patterns
from webhook.registry.credential_providers.configuration import PROTOCOL
from webhook.registry.credential_providers.patterns import ImagePattern
from webhook.registry.keychain import Credentials

SCOPES = frozenset({"Image", "Registry", "Global"})
"""For what an answer holds: the images of one repository, those of one registry, or all that the provider is for."""

_LEGACY_DOCKER_HUB = "index.docker.io"


class AnswerError(ValueError):
    """An answer that cannot be used. The message is the predicate of a sentence, in words of our own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Credentials and the images that they are for; `key` is how the answer writes those, without a scheme."""

    key: str = field(repr=False)
    pattern: ImagePattern = field(repr=False)
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Answer:
    """`scope` is one of `SCOPES`; `seconds` is how long it may be kept, None where the answer does not say."""

    scope: str
    seconds: float | None
    entries: tuple[Entry, ...]


class _Auth(msgspec.Struct, forbid_unknown_fields=True):
    username: str = ""
    password: str = ""


class _Response(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    api_version: str
    kind: str
    cache_key_type: str = ""
    cache_duration: str | None = None
    auth: dict[str, _Auth] | None = None


def request(image: ImageReference | PinnedImage) -> bytes:
    """The question for an image, which is named without tag and digest."""
    return msgspec.json.encode({"apiVersion": PROTOCOL, "kind": "CredentialProviderRequest", "image": image.name})


def read(content: bytes) -> Answer:
    """The answer that a program wrote. Raises `AnswerError`."""
    try:
        response = msgspec.json.decode(content, type=_Response)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise AnswerError(f"answered with no CredentialProviderResponse of {PROTOCOL}") from None
    if (response.api_version, response.kind) != (PROTOCOL, "CredentialProviderResponse"):
        raise AnswerError(f"answered with something else than a CredentialProviderResponse of {PROTOCOL}")
    if response.cache_key_type not in SCOPES:
        raise AnswerError(f"answered without a cacheKeyType of {', '.join(sorted(SCOPES))}")
    return Answer(response.cache_key_type, _seconds(response.cache_duration), _entries(response.auth or {}))


def choose(answers: Sequence[Answer], image: ImageReference | PinnedImage) -> Credentials | None:
    """The credentials for an image among answers, which are in the order of their providers.

    As kubelet has it, longer keys go before shorter ones that they begin with, and exact ones before those with `*`: it
    is the descending order of their texts. Keys of Docker Hub's old name count where no other key does. Without a user
    name and a password an entry asks for nobody's: Azure's program answers so for images that anybody may pull.
    """
    entries = sorted(
        (entry for answer in answers for entry in answer.entries), key=lambda entry: entry.key, reverse=True
    )
    for entry in entries:
        if entry.pattern.matches(image):
            return entry.credentials if entry.credentials.username or entry.credentials.password else None
    if image.registry == images.DOCKER_HUB:
        return next((entry.credentials for entry in entries if entry.key == _LEGACY_DOCKER_HUB), None)
    return None


def _seconds(duration: str | None) -> float | None:
    try:
        return None if duration is None else durations.parse(duration)
    except ValueError:
        raise AnswerError("answered with a cacheDuration that is none") from None


def _entries(auth: Mapping[str, _Auth]) -> tuple[Entry, ...]:
    return tuple(_entry(key, written) for key, written in auth.items())


def _entry(key: str, written: _Auth) -> Entry:
    """Kubelet takes keys as docker's configuration has them too: with a scheme, and with `/v1/` or `/v2/`."""
    key = key.removeprefix("https://").removeprefix("http://")
    host, slash, path = key.partition("/")
    if path.startswith(("v1/", "v2/")):
        path = path[3:]
    key = f"{host}{slash}{path}" if path else host
    try:
        pattern = patterns.parse(key)
    except ValueError:
        raise AnswerError("answered with a key of auth that means no images") from None
    if ":" in written.username:
        raise AnswerError("answered with a user whose name has a colon, which HTTP cannot say")
    return Entry(key, pattern, Credentials(written.username, written.password))
