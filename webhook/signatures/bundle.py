"""Sigstore bundles: cosign's newer format, for signatures and attestations alike.

Source: sigstore/protobuf-specs `sigstore_bundle.proto`. On a registry a bundle is one of version 0.3 around a DSSE
envelope, and nothing else is taken.
"""

from typing import Any, Final

from webhook.signatures import dsse, strict_json
from webhook.signatures.candidate import (
    MAX_DOCUMENT_BYTES,
    Candidate,
    CandidateError,
    Form,
    decode_base64,
    quoted,
    reading,
)
from webhook.signatures.evidence import Attachment
from webhook.signatures.strict_json import JsonObject

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
ANY_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle"
"""What the media types of all versions begin with."""

SIGNATURE_PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"
"""What makes a statement an image signature. Without this comparison any attestation by the same signer would pass."""

MAX_LOG_ENTRIES: Final = 32  # of which one is accepted; more are not even counted
MAX_TIMESTAMPS: Final = 8
"""Real bundles have one. Each takes a millisecond that no other thread gets (CVE-2023-46737 is what more can cost)."""

MAX_CERTIFICATE_CHARACTERS: Final = 32 << 10  # Fulcio's leaf certificates take 1 KB

_MATERIALS: Final = ("publicKey", "certificate", "x509CertificateChain")


def parse(attachment: Attachment) -> Candidate:
    """The candidate that a bundle on a registry is, be it a signature or an attestation. Raises `CandidateError`."""
    with reading("bundle"):
        bundle = strict_json.load_object(attachment.content, MAX_DOCUMENT_BYTES)
        media_type = strict_json.text(bundle, "mediaType")
        if media_type != MEDIA_TYPE:
            raise CandidateError(f"bundle: mediaType is {quoted(media_type)}, not {quoted(MEDIA_TYPE)}")
        if strict_json.member(bundle, "messageSignature") is not None:
            raise CandidateError("bundle: messageSignature, which signs a file; an image's signature is a dsseEnvelope")
        envelope = dsse.read(strict_json.child(bundle, "dsseEnvelope"), "bundle")
        return dsse.candidate(attachment.source, Form.BUNDLE, envelope, **_material(bundle))


def _material(bundle: JsonObject) -> dict[str, Any]:
    """The fields of a candidate that tell who signed, and what proves it."""
    material = strict_json.child(bundle, "verificationMaterial")
    timestamps = strict_json.optional_child(material, "timestampVerificationData")
    return {
        "certificate": _certificate(material),
        "log_entries": tuple(strict_json.items(material, "tlogEntries", MAX_LOG_ENTRIES)),
        "timestamps": tuple(strict_json.items(timestamps, "rfc3161Timestamps", MAX_TIMESTAMPS)),
    }


def _certificate(material: JsonObject) -> bytes | None:
    """DER of the certificate, or None where the signer is a public key. Its hint is not read: anybody can write it."""
    present = [name for name in _MATERIALS if strict_json.member(material, name) is not None]
    if len(present) != 1:
        found = " and ".join(present) or "none"
        raise CandidateError(f"bundle: one of {', '.join(_MATERIALS)} must be there, found {found}")
    content = strict_json.child(material, present[0])
    if present == ["publicKey"]:
        return None
    if present == ["certificate"]:
        return _bytes(content, "rawBytes", MAX_CERTIFICATE_CHARACTERS)
    raise CandidateError("bundle: x509CertificateChain, where version 0.3 carries a single certificate")


def _bytes(parent: JsonObject, name: str, ceiling: int) -> bytes:
    return decode_base64(strict_json.text(parent, name), ceiling, f"bundle: {name}")
