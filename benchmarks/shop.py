"""The images that pods name, signed and pushed to a registry in memory, and the policies that want them signed."""

import hashlib
import json
from collections.abc import Sequence
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import policy
from webhook.cli.demo.registry import DemoRegistry
from webhook.cli.demo.signing import MANIFEST_MEDIA_TYPE, bundle_referrer, descriptor, legacy_signature
from webhook.images import Digest


class Form(StrEnum):
    """How an image is signed: cosign's older format, or the newer one."""

    LEGACY = "legacy"
    BUNDLE = "bundle"


class Shop:
    """Makes images, each in a repository of its own: the registry in memory searches a whole one for referrers."""

    def __init__(self, registry: DemoRegistry) -> None:
        self.registry = registry
        self._key = generate_private_key(SECP256R1())
        self._made = 0

    def images(self, count: int, form: Form) -> list[str]:
        """New signed images, by digest."""
        return [self._image(form) for _ in range(count)]

    def policies(self, others: int = 0) -> str:
        """The policy for the pods of `reviews`, and so many others that are for other namespaces."""
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
        return policy.policies(self.registry.host, pem, others)

    def _image(self, form: Form) -> str:
        self._made += 1
        repository = f"shop/item-{self._made:06}"
        layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "size": self._made, "digest": _digest(b"")}
        config = descriptor("application/vnd.oci.image.config.v1+json", repository.encode("ascii"))
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST_MEDIA_TYPE, "config": config, "layers": [layer]}
        ).encode("ascii")
        digest = self.registry.put_manifest(repository, manifest, MANIFEST_MEDIA_TYPE, "1.0")
        self._sign(repository, manifest, Digest.parse(digest), form)
        return f"{self.registry.host}/{repository}@{digest}"

    def _sign(self, repository: str, manifest: bytes, digest: Digest, form: Form) -> None:
        blobs: Sequence[bytes]
        tag: str | None
        if form is Form.LEGACY:
            signature, blobs, tag = legacy_signature(self._key, f"{self.registry.host}/{repository}", digest)
        else:
            subject = descriptor(MANIFEST_MEDIA_TYPE, manifest)
            (signature, blobs), tag = bundle_referrer(self._key, digest, subject), None
        for blob in blobs:
            self.registry.put_blob(repository, blob)
        self.registry.put_manifest(repository, signature, MANIFEST_MEDIA_TYPE, tag)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
