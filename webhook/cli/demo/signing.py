"""The few bytes that cosign would write beside an image, for a demonstration that must not depend on cosign.

Both formats, with an ECDSA P-256 key and without a transparency log. Pure functions: who calls them pushes the bytes.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from webhook.images import Digest
from webhook.signatures import bundle, cosign, dsse

MANIFEST_MEDIA_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG_MEDIA_TYPE: Final = "application/vnd.oci.image.config.v1+json"
EMPTY_MEDIA_TYPE: Final = "application/vnd.oci.empty.v1+json"
_EMPTY: Final = b"{}"


def legacy_signature(
    key: EllipticCurvePrivateKey, image_name: str, digest: Digest, annotations: Mapping[str, str] | None = None
) -> tuple[bytes, tuple[bytes, ...], str]:
    """A signature in cosign's older format, as `cosign sign --new-bundle-format=false` writes it.

    Returns the manifest, the blobs it names, and the tag that it must be pushed under in the repository `image_name`
    (`registry/repository`, which the payload repeats).
    """
    payload = _json(
        {
            "critical": {
                "identity": {"docker-reference": image_name},
                "image": {"docker-manifest-digest": str(digest)},
                "type": cosign.PAYLOAD_TYPE,
            },
            "optional": dict(annotations) if annotations else None,
        }
    )
    config = _json(
        {"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [_sha256(payload)]}}
    )
    layer = descriptor(cosign.MEDIA_TYPE, payload)
    layer["annotations"] = {cosign.SIGNATURE_ANNOTATION: _base64(_signed(key, payload))}
    manifest = _manifest(descriptor(CONFIG_MEDIA_TYPE, config), layer)
    return _json(manifest), (config, payload), f"{digest.algorithm}-{digest.hex}.sig"


def bundle_referrer(
    key: EllipticCurvePrivateKey,
    digest: Digest,
    subject_descriptor: Mapping[str, object],
    annotations: Mapping[str, str] | None = None,
) -> tuple[bytes, tuple[bytes, ...]]:
    """A signature of `digest` in cosign's newer format, as `cosign sign` writes it.

    Returns a manifest that refers to `subject_descriptor` (the OCI descriptor of the image's manifest) and the blobs it
    names. It must be pushed by its digest, and be listed among the image's referrers.
    """
    content = _bundle(key, digest, annotations)
    manifest = _manifest(descriptor(EMPTY_MEDIA_TYPE, _EMPTY), descriptor(bundle.MEDIA_TYPE, content))
    manifest |= {
        "artifactType": bundle.MEDIA_TYPE,
        "subject": dict(subject_descriptor),
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": bundle.SIGNATURE_PREDICATE,
        },
    }
    return _json(manifest), (_EMPTY, content)


def descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    """The OCI descriptor of `content`."""
    return {"mediaType": media_type, "size": len(content), "digest": _sha256(content)}


def _bundle(key: EllipticCurvePrivateKey, digest: Digest, annotations: Mapping[str, str] | None) -> bytes:
    subject: dict[str, object] = {"digest": {digest.algorithm: digest.hex}}
    if annotations:
        subject["annotations"] = dict(annotations)
    payload = _json(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [subject],
            "predicateType": bundle.SIGNATURE_PREDICATE,
            "predicate": {},
        }
    )
    signature = _signed(key, dsse.pre_authentication_encoding(payload))
    return _json(
        {
            "mediaType": bundle.MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": _base64(_key_digest(key))}},
            "dsseEnvelope": {
                "payload": _base64(payload),
                "payloadType": dsse.PAYLOAD_TYPE,
                "signatures": [{"sig": _base64(signature)}],
            },
        }
    )


def _manifest(config: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    return {"schemaVersion": 2, "mediaType": MANIFEST_MEDIA_TYPE, "config": config, "layers": [layer]}


def _signed(key: EllipticCurvePrivateKey, message: bytes) -> bytes:
    return key.sign(message, ECDSA(SHA256()))


def _key_digest(key: EllipticCurvePrivateKey) -> bytes:
    """Cosign's hint: the SHA-256 of the public key. Nobody may rely on it."""
    return hashlib.sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
