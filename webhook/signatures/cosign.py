"""cosign's older format: layers of a manifest, with annotations that prove who signed them and when.

Signatures are simple signing payloads, which the annotation's signature covers as they are; attestations are DSSE
envelopes, which hold their signature. Layout: cosign's `specs/SIGNATURE_SPEC.md` and `specs/ATTESTATION_SPEC.md`;
payload: containers/image's `docs/containers-signature.5.md`, "JSON data format". Unlike `cosign verify`, the payload's
type is required.
"""

from typing import Final

from webhook.signatures import dsse, strict_json
from webhook.signatures.candidate import (
    MAX_CONTENT_BYTES,
    MAX_DOCUMENT_BYTES,
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

MEDIA_TYPE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
ATTESTATION_MEDIA_TYPE: Final = "application/vnd.dsse.envelope.v1+json"
"""Layers of the tag `sha256-<hex>.att`: attestations."""

SIGNATURE_ANNOTATION: Final = "dev.cosignproject.cosign/signature"
CERTIFICATE_ANNOTATION: Final = "dev.sigstore.cosign/certificate"
LOG_ANNOTATION: Final = "dev.sigstore.cosign/bundle"
TIMESTAMP_ANNOTATION: Final = "dev.sigstore.cosign/rfc3161timestamp"

PAYLOAD_TYPE: Final = "cosign container image signature"

MAX_CERTIFICATES: Final = 10
"""In the certificate annotation: real chains have 3 (CVE-2026-32280 is what longer ones can cost)."""

_LINE_ENDS = str.maketrans("", "", "\r\n")


def parse(attachment: Attachment) -> Candidate:
    """The candidate that one signature layer is. Raises `CandidateError`."""
    signature = _signature(attachment.annotations.get(SIGNATURE_ANNOTATION, ""))
    with reading("payload"):
        claim = _claim(strict_json.load_object(attachment.content, MAX_CONTENT_BYTES))
    return Candidate(
        source=attachment.source,
        form=Form.SIMPLE_SIGNING,
        payload=attachment.content,
        message=attachment.content,
        signature=signature,
        claims=(claim,),
        certificate=_certificate(attachment.annotations.get(CERTIFICATE_ANNOTATION, "")),
        log_entries=_present(attachment, LOG_ANNOTATION),
        timestamps=_present(attachment, TIMESTAMP_ANNOTATION),
    )


def parse_attestation(attachment: Attachment) -> Candidate:
    """The candidate that one attestation layer is. Raises `CandidateError`."""
    with reading("envelope"):
        content = strict_json.load_object(attachment.content, MAX_DOCUMENT_BYTES)
        envelope = dsse.read(content, "envelope")
    return dsse.candidate(
        attachment.source,
        Form.ENVELOPE,
        envelope,
        envelope=attachment.content,
        certificate=_certificate(attachment.annotations.get(CERTIFICATE_ANNOTATION, "")),
        log_entries=_present(attachment, LOG_ANNOTATION),
        timestamps=_present(attachment, TIMESTAMP_ANNOTATION),
    )


def _signature(text: str) -> bytes:
    """The signature's bytes. Line ends are the one thing forgiven: real signatures have them, since Go skips them."""
    if not text:
        raise CandidateError(f"no signature in the annotation {SIGNATURE_ANNOTATION}")
    return decode_base64(text.translate(_LINE_ENDS), MAX_SIGNATURE_CHARACTERS, f"annotation {SIGNATURE_ANNOTATION}")


def _claim(payload: strict_json.JsonObject) -> Claim:
    critical = strict_json.child(payload, "critical")
    kind = strict_json.text(critical, "type")
    if kind != PAYLOAD_TYPE:
        raise CandidateError(f"payload: critical.type is {quoted(kind)}, not {quoted(PAYLOAD_TYPE)}")
    digest = strict_json.text(strict_json.child(critical, "image"), "docker-manifest-digest")
    return Claim(digest, strict_json.optional_child(payload, "optional"))


def _certificate(pem: str) -> bytes | None:
    if pem.count("-----BEGIN ") > MAX_CERTIFICATES:
        raise CandidateError(f"more than {MAX_CERTIFICATES} certificates")
    return pem.encode("ascii", "backslashreplace") or None


def _present(attachment: Attachment, annotation: str) -> tuple[str, ...]:
    """The annotation's text as it stands; cosign writes "" for what is absent."""
    text = attachment.annotations.get(annotation, "")
    return (text,) if text else ()
