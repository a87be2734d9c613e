"""Who may vouch for an image, and how many of them must."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webhook.signatures.keys import PublicKey


@dataclass(frozen=True, slots=True)
class KeyAuthority:
    """Somebody who vouches with a key, by signatures that carry all of `annotations`."""

    name: str
    key: PublicKey
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Requirement:
    """At least `minimum` distinct keys of `authorities` must vouch."""

    minimum: int
    authorities: tuple[KeyAuthority, ...]
