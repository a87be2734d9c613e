"""cosign's newer format: a Sigstore bundle v0.3 whose DSSE envelope holds an in-toto statement about the image.

Sources: sigstore/protobuf-specs `sigstore_bundle.proto`, secure-systems-lab/dsse `protocol.md` (the pre-authentication
encoding), in-toto/attestation `spec/v1/statement.md`. Whether the statement is a signature or an attestation is told by
its predicate type alone, which the reader of a `Candidate` must compare with `SIGNATURE_PREDICATE`.
"""

from typing import Final

from webhook.signatures import strict_json
from webhook.signatures.candidate import (
    MAX_CONTENT_BYTES,
    MAX_SIGNATURE_CHARACTERS,
    Candidate,
    CandidateError,
    Claim,
    Form,
    decode_base64,
    quoted,
    reading,
)
from webhook.signatures.evidence import Attachment
from webhook.signatures.strict_json import JsonObject, JsonValue

MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
ANY_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle"
"""What the media types of all versions begin with."""

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPES: Final = frozenset({"https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"})

SIGNATURE_PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"
"""What makes a statement an image signature. Without this comparison any attestation by the same signer would pass."""

MAX_SUBJECTS: Final = 1024  # as sigstore-go (GHSA-cq38-jh5f-37mq)
MAX_DIGESTS: Final = 32  # of one subject, as sigstore-go
MAX_ITEMS: Final = 32  # log entries, timestamps, signatures, as sigstore-go (CVE-2023-46737 is what more can cost)
MAX_CERTIFICATE_CHARACTERS: Final = 32 << 10  # Fulcio's leaf certificates take 1 KB

_MATERIALS: Final = ("publicKey", "certificate", "x509CertificateChain")


def parse(attachment: Attachment) -> Candidate:
    """The candidate that one bundle is, be it a signature or an attestation. Raises `CandidateError`."""
    with reading("bundle"):
        return _parse(attachment.source, strict_json.load_object(attachment.content, MAX_CONTENT_BYTES))


def pre_authentication_encoding(payload: bytes) -> bytes:
    """What the signature of a DSSE envelope with an in-toto payload covers; its lengths count bytes."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode("ascii"), len(payload), payload)


def _parse(source: str, bundle: JsonObject) -> Candidate:
    media_type = strict_json.text(bundle, "mediaType")
    if media_type != MEDIA_TYPE:
        raise CandidateError(f"bundle: mediaType is {quoted(media_type)}, not {quoted(MEDIA_TYPE)}")
    material = strict_json.child(bundle, "verificationMaterial")
    payload, signature = _envelope(bundle)
    with reading("statement"):
        predicate_type, claims = _statement(strict_json.load_object(payload, MAX_CONTENT_BYTES))
    return Candidate(
        source=source,
        form=Form.BUNDLE,
        payload=payload,
        message=pre_authentication_encoding(payload),
        signature=signature,
        claims=claims,
        predicate_type=predicate_type,
        certificate=_certificate(material),
        log_entries=tuple(strict_json.items(material, "tlogEntries", MAX_ITEMS)),
        timestamps=_timestamps(material),
    )


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


def _timestamps(material: JsonObject) -> tuple[JsonValue, ...]:
    data = strict_json.optional_child(material, "timestampVerificationData")
    return tuple(strict_json.items(data, "rfc3161Timestamps", MAX_ITEMS))


def _envelope(bundle: JsonObject) -> tuple[bytes, bytes]:
    """Payload and signature of the bundle's DSSE envelope."""
    if strict_json.member(bundle, "messageSignature") is not None:
        raise CandidateError("bundle: messageSignature, which signs a file; an image's signature is a dsseEnvelope")
    envelope = strict_json.child(bundle, "dsseEnvelope")
    payload_type = strict_json.text(envelope, "payloadType")
    if payload_type != PAYLOAD_TYPE:
        raise CandidateError(f"bundle: payloadType is {quoted(payload_type)}, not {quoted(PAYLOAD_TYPE)}")
    signatures = strict_json.items(envelope, "signatures", MAX_ITEMS)
    if len(signatures) != 1:
        raise CandidateError(f"bundle: {len(signatures)} signatures in the envelope, not one")
    signature = _object(signatures[0], "bundle: a signature")
    return _bytes(envelope, "payload", MAX_CONTENT_BYTES), _bytes(signature, "sig", MAX_SIGNATURE_CHARACTERS)


def _statement(statement: JsonObject) -> tuple[str, tuple[Claim, ...]]:
    """Predicate type and claims of an in-toto statement."""
    kind = strict_json.text(statement, "_type")
    if kind not in STATEMENT_TYPES:
        raise CandidateError(f"statement: _type is {quoted(kind)}, not an in-toto statement v0.1 or v1")
    subjects = strict_json.items(statement, "subject", MAX_SUBJECTS)
    claims = (_claim(_object(subject, "statement: a subject")) for subject in subjects)
    return strict_json.text(statement, "predicateType"), tuple(claim for claim in claims if claim is not None)


def _claim(subject: JsonObject) -> Claim | None:
    """What one subject says, None if it names no SHA-256 digest: weaker or other hashes never stand in for it."""
    digests = strict_json.child(subject, "digest")
    if len(digests) > MAX_DIGESTS:
        raise CandidateError(
            f"statement: {len(digests)} digests of one subject, more than the {MAX_DIGESTS} that are read"
        )
    if strict_json.member(digests, "sha256") is None:
        return None
    return Claim(f"sha256:{strict_json.text(digests, 'sha256')}", strict_json.optional_child(subject, "annotations"))


def _bytes(parent: JsonObject, name: str, ceiling: int) -> bytes:
    return decode_base64(strict_json.text(parent, name), ceiling, f"bundle: {name}")


def _object(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise CandidateError(f"{what} is not an object")
    return value
