"""A registry without a wire, which has a signature for whatever it is asked about, and the policy that accepts it."""

# ruff: noqa: ARG002 - what fills a port may not need all of its arguments

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from webhook.admission.ports import Keyring
from webhook.cli.demo.signing import legacy_signature
from webhook.errors import ImageNotFoundError
from webhook.images import Digest, ImageReference, PinnedImage
from webhook.policy.book import Book
from webhook.policy.collection import Collection
from webhook.signatures import cosign
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.trust import TrustRoot

REGISTRY = "registry.example.com"


class VouchingRegistry:
    """Fills the port `webhook.admission.ports.Registry`."""

    def __init__(self) -> None:
        self._key = generate_private_key(SECP256R1())

    @property
    def pem(self) -> str:
        """The key that it signs with."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    async def resolve(self, image: ImageReference, keyring: Keyring | None = None) -> PinnedImage:
        """Each tag names one digest."""
        return PinnedImage(image.registry, image.repository, Digest("sha256", "0" * 64))

    async def evidence(self, image: PinnedImage, *, attestations: bool, keyring: Keyring | None = None) -> Evidence:
        """One signature in cosign's older format."""
        assert not attestations
        manifest, (_config, payload), tag = legacy_signature(self._key, image.name, image.digest)
        annotations: dict[str, str] = json.loads(manifest)["layers"][0]["annotations"]
        return Evidence((Attachment(f"tag {tag}, layer 0", cosign.MEDIA_TYPE, payload, annotations),))

    async def contents(self, image: PinnedImage, keyring: Keyring | None = None) -> Contents:
        """No policy here asks what an image is made of."""
        raise ImageNotFoundError(str(image))

    async def listed(
        self, image: ImageReference, keyring: Keyring | None = None
    ) -> tuple[PinnedImage, frozenset[Digest]]:
        """No tag names an index."""
        return await self.resolve(image), frozenset()


class NoTrustRoots:
    """Fills the port `webhook.admission.ports.TrustRoots`."""

    def current(self, _name: str) -> TrustRoot | None:
        """There is none."""
        return None


def book(policies: str) -> Book:
    """Policies as they are in force."""
    collection = Collection()
    collection.add("policies.yaml", policies.encode("ascii"), lambda name: Path(name).read_bytes())
    return collection.book("policies.yaml")
