"""What sigstore-python brings of Sigstore's own trust root: usable without network from the first second."""

from importlib.resources import files
from typing import Final
from urllib.parse import quote

from webhook.policy.model_trust_root import BUILT_IN_REPOSITORY
from webhook.policy.trust_roots import TrustRootSource, TufRepository
from webhook.signatures.authorities import PUBLIC_GOOD

TARGET: Final = "trusted_root.json"


def public_good(*, refreshed: bool) -> TrustRootSource:
    """The embedded trust root; with `refreshed` also the repository that newer ones come from."""
    tuf = TufRepository(BUILT_IN_REPOSITORY, tuf_root(), TARGET) if refreshed else None
    return TrustRootSource(PUBLIC_GOOD, _embedded(TARGET), tuf)


def tuf_root() -> bytes:
    """The embedded root of `BUILT_IN_REPOSITORY`, by which all newer ones are trusted, even after its own end."""
    return _embedded("root.json")


def _embedded(name: str) -> bytes:
    return (files("sigstore") / "_store" / quote(BUILT_IN_REPOSITORY, safe="") / name).read_bytes()
