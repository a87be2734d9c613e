"""The pull secrets of one pod: what they open, and a fingerprint that keeps it from others."""

import hashlib
import secrets as randomness
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from webhook.images import ImageReference, PinnedImage
from webhook.registry.docker_config import CredentialsByPlace, put_pull_secret
from webhook.registry.keychain import Credentials

_FINGERPRINT_KEY = randomness.token_bytes(32)  # of this process: a fingerprint that leaves it says nothing


@dataclass(frozen=True, slots=True)
class PullSecret:
    """What a Secret of type kubernetes.io/dockerconfigjson holds, or with `legacy` of type kubernetes.io/dockercfg."""

    content: bytes = field(repr=False)
    legacy: bool = False


class PodKeyring:
    """Fills `webhook.admission.ports.Keyring`: the credentials that a pod brings itself.

    For an image it has those of the longest key that fits, and of the first secret where several have that key, as
    kubelet tries them. Raises `DockerConfigError` where a secret is malformed.
    """

    def __init__(self, secrets: Iterable[PullSecret]) -> None:
        self._places = CredentialsByPlace()
        for secret in secrets:
            put_pull_secret(self._places, secret.content, legacy=secret.legacy)
        self._scopes = {credentials: _fingerprint(credentials) for credentials in self._places.all()}

    def __bool__(self) -> bool:
        """Whether there are any credentials."""
        return bool(self._scopes)

    def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
        """The pod's credentials for the image, if it has some."""
        return self._places.find(image)

    def scope(self, image: ImageReference | PinnedImage) -> str:
        """A fingerprint of those credentials, "" where it has none."""
        credentials = self._places.find(image)
        return "" if credentials is None else self._scopes[credentials]


def _fingerprint(credentials: Credentials) -> str:
    """Of the credentials alone: who holds the same ones may see the same."""
    parts = (credentials.username, credentials.password, credentials.identity_token)
    return hashlib.blake2b(msgspec.json.encode(parts), key=_FINGERPRINT_KEY, digest_size=16).hexdigest()
