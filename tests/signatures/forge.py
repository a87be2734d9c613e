"""Signatures in both formats from parts, so that each part can be another than the right one.

Written apart from the product: literals stand here again, so that a wrong one there does not agree with itself.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from webhook.images import Digest
from webhook.signatures.authorities import KeyAuthority, Requirement
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.keys import PublicKey
from webhook.signatures.trust import Circumstances

DIGEST: Final = Digest.parse(f"sha256:{'a1' * 32}")
OTHER_DIGEST: Final = Digest.parse(f"sha256:{'b2' * 32}")

SIMPLE_MEDIA_TYPE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION: Final = "dev.cosignproject.cosign/signature"
BUNDLE_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIGN_PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"
WITHOUT_ROOTS: Final = Circumstances(datetime(2026, 1, 1, tzinfo=UTC))
"""For signatures with keys, which need neither trust root nor time."""

IN_TOTO: Final = "application/vnd.in-toto+json"


class Signer:
    """An ECDSA P-256 key with a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.public = PublicKey.from_pem(pem(self.private.public_key()))

    def sign(self, message: bytes, algorithm: HashAlgorithm | None = None) -> bytes:
        return self.private.sign(message, ec.ECDSA(algorithm or SHA256()))

    def authority(self, name: str = "", **annotations: str) -> KeyAuthority:
        return KeyAuthority(name or self.name, self.public, annotations)


@cache
def signer(name: str) -> Signer:
    """The same key for the same name throughout a run."""
    return Signer(name)


def pem(key: Any) -> str:
    """Any public key of cryptography as PEM."""
    encoded: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return encoded.decode("ascii")


def required(*authorities: KeyAuthority, minimum: int = 1) -> Requirement:
    return Requirement(minimum, authorities)


def evidence(*attachments: Attachment) -> Evidence:
    return Evidence(attachments)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def dumped(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def payload(digest: Digest = DIGEST, optional: Mapping[str, object] | None = None) -> dict[str, Any]:
    """A simple signing payload."""
    return {
        "critical": {
            "identity": {"docker-reference": "registry.example.com/app"},
            "image": {"docker-manifest-digest": str(digest)},
            "type": "cosign container image signature",
        },
        "optional": None if optional is None else dict(optional),
    }


def simple(by: Signer, content: bytes | None = None, annotations: Mapping[str, str] | None = None) -> Attachment:
    """A layer in cosign's older format, signed as it is; `annotations` add to or replace those of the layer."""
    raw = dumped(payload()) if content is None else content
    own = {SIGNATURE_ANNOTATION: b64(by.sign(raw))}
    return Attachment("tag sha256-a1.sig, layer 0", SIMPLE_MEDIA_TYPE, raw, own | dict(annotations or {}))


def statement(digest: Digest = DIGEST, annotations: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The in-toto statement that signs an image."""
    subject: dict[str, Any] = {"digest": {"sha256": digest.hex}}
    if annotations is not None:
        subject["annotations"] = dict(annotations)
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": SIGN_PREDICATE,
        "predicate": {},
    }


def encoding(content: bytes, payload_type: str = IN_TOTO) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(content)).encode(), content])


def bundle(by: Signer, content: bytes | None = None, payload_type: str = IN_TOTO) -> dict[str, Any]:
    """A bundle with a public key, as a document that can still be changed."""
    raw = dumped(statement()) if content is None else content
    hint = hashlib.sha256(
        by.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).digest()
    return {
        "mediaType": BUNDLE_MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": b64(hint)}},
        "dsseEnvelope": {
            "payload": b64(raw),
            "payloadType": payload_type,
            "signatures": [{"sig": b64(by.sign(encoding(raw, payload_type)))}],
        },
    }


def bundled(document: object, media_type: str = BUNDLE_MEDIA_TYPE) -> Attachment:
    """The layer that holds a bundle."""
    raw = document if isinstance(document, bytes) else dumped(document)
    return Attachment("referrer sha256:c3", media_type, raw)


def stated(by: Signer, document: object) -> Attachment:
    """A bundle over a statement of one's own."""
    return bundled(bundle(by, document if isinstance(document, bytes) else dumped(document)))


def changed(document: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    """The document with the value at `path` replaced; `to=...` removes it."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    parent: Any = copy
    for step in path[:-1]:
        parent = parent[step]
    if to is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = to
    return copy


def non_canonical(text: str) -> str:
    """Base64 of the same bytes with a stray bit before its padding."""
    body = text.rstrip("=")
    assert body != text
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return f"{body[:-1]}{alphabet[alphabet.index(body[-1]) + 1]}{text[len(body) :]}"
