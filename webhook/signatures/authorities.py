"""Who may vouch for an image, and how many of them must."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey
from webhook.signatures.trust import Proofs

NO_PROOFS: Final = Proofs()
KEYLESS_PROOFS: Final = Proofs(log=True, certificate_transparency=True)
PUBLIC_GOOD: Final = "public-good"
"""The name of Sigstore's own trust root, which is built in."""


@dataclass(frozen=True, slots=True)
class KeyAuthority:
    """Somebody who vouches with a key, by signatures that carry all of `annotations` and come with `proofs`.

    `trust_root` is the name of what logs and timestamps are judged by. `repository` (`registry/path`) is where the
    signatures lie, "" beside the image.
    """

    name: str
    key: PublicKey
    annotations: Mapping[str, str] = field(default_factory=dict)
    proofs: Proofs = NO_PROOFS
    trust_root: str = PUBLIC_GOOD
    repository: str = ""

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.name} (key {self.key})"


@dataclass(frozen=True, slots=True)
class KeylessAuthority:
    """Somebody who vouches as an identity that a certificate names. Everything else as in `KeyAuthority`."""

    name: str
    identity: Identity
    annotations: Mapping[str, str] = field(default_factory=dict)
    proofs: Proofs = KEYLESS_PROOFS
    trust_root: str = PUBLIC_GOOD
    repository: str = ""

    def __str__(self) -> str:
        """As messages name it."""
        return f"{self.name} ({self.identity})"


Authority: TypeAlias = KeyAuthority | KeylessAuthority


@dataclass(frozen=True, slots=True)
class Requirement:
    """At least `minimum` distinct authorities, by distinct keys or identities, must vouch."""

    minimum: int
    authorities: tuple[Authority, ...]


def needs_trust_root(authority: Authority) -> bool:
    """Whether vouching by it depends on a trust root."""
    return isinstance(authority, KeylessAuthority) or bool(authority.proofs)
