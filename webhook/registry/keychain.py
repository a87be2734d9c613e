"""Who we are at registries: credentials, and the port through which the client asks for them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from webhook.images import ImageReference, PinnedImage


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


class KeychainChain:
    """Keychains in the order of their rank: the first that has credentials for an image decides.

    One that fails ends the search: its credentials might have been the right ones.
    """

    def __init__(self, keychains: Sequence[Keychain]) -> None:
        self._keychains = tuple(keychains)

    async def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
        """The credentials of the first keychain that has some. Raises `NotFoundOutError`."""
        for keychain in self._keychains:
            credentials = await keychain.credentials(image)
            if credentials is not None:
                return credentials
        return None
