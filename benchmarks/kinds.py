"""The kinds of signature that are measured, each as cosign leaves it beside an image."""

from enum import StrEnum
from typing import Any, Final

from tests.fakes import sigstore
from tests.fakes.sigstore import Form, Key, Log
from webhook.signatures.evidence import Attachment

KEY: Final = Key()
"""It signs what is not keyless."""


class Kind(StrEnum):
    """Who signed, in which format, and what proves when.

    That is promise and proof of Rekor 1, its promise alone in the older format, or a proof of Rekor 2 and a timestamp.
    """

    KEY_OLDER = "key, older format"
    KEY_BUNDLE = "key, bundle"
    KEYLESS_BUNDLE = "keyless, Rekor 1"
    KEYLESS_OLDER = "keyless, older format"
    KEYLESS_TIMESTAMP = "keyless, Rekor 2, timestamp"

    @property
    def keyless(self) -> bool:
        """Whether a certificate says who signed."""
        return self not in {Kind.KEY_OLDER, Kind.KEY_BUNDLE}


_RECIPES: Final[dict[Kind, dict[str, Any]]] = {
    Kind.KEY_OLDER: {"form": Form.LEGACY, "signer": KEY, "log": Log.NONE},
    Kind.KEY_BUNDLE: {"signer": KEY, "log": Log.NONE},
    Kind.KEYLESS_BUNDLE: {"log": Log.V1},
    Kind.KEYLESS_OLDER: {"form": Form.LEGACY, "log": Log.PROMISE},
    Kind.KEYLESS_TIMESTAMP: {"log": Log.V2, "timestamp": True},
}


def signature(kind: Kind, digest: str = sigstore.DIGEST) -> Attachment:
    """A good signature of a digest."""
    return sigstore.signature(digest=digest, **_RECIPES[kind])
