"""Bundles that never lie on registries: of versions before 0.3, and over files; read by the product's parts."""

import json
from typing import Final

from cryptography.x509 import load_der_x509_certificate

from webhook.signatures import bundle, strict_json
from webhook.signatures.candidate import (
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
from webhook.signatures.strict_json import JsonObject

MAX_CERTIFICATES: Final = 10
SINGLE_CERTIFICATE: Final = frozenset({bundle.MEDIA_TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3"})
CERTIFICATE_CHAIN: Final = frozenset(
    {
        "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
    }
)


def read(content: bytes) -> Candidate:
    """The candidate that a bundle of versions 0.1 to 0.3 is. Raises `CandidateError`.

    That of a `messageSignature` has no message: the signed file is not in the bundle. It claims the file's digest where
    the bundle names it.
    """
    with reading("bundle"):
        document = strict_json.load_object(content, MAX_DOCUMENT_BYTES)
        media_type = strict_json.text(document, "mediaType")
        if media_type in CERTIFICATE_CHAIN:
            _keep_signer(strict_json.child(document, "verificationMaterial"))
        elif media_type not in SINGLE_CERTIFICATE:
            raise CandidateError(f"bundle: mediaType is {quoted(media_type)}, which is no version that is known")
        document["mediaType"] = bundle.MEDIA_TYPE
        if strict_json.member(document, "messageSignature") is not None:
            return _of_file(document)
    return bundle.parse(Attachment("bundle", bundle.MEDIA_TYPE, json.dumps(document).encode()))


def _keep_signer(material: JsonObject) -> None:
    """Replace the chain of older versions with its first certificate. A root must not be among the others."""
    if strict_json.member(material, "x509CertificateChain") is None:
        return
    chain = strict_json.child(material, "x509CertificateChain")
    encoded = [one for one in strict_json.items(chain, "certificates", MAX_CERTIFICATES) if isinstance(one, dict)]
    if not encoded:
        raise CandidateError("bundle: no certificate in x509CertificateChain")
    for one in encoded:
        der = decode_base64(strict_json.text(one, "rawBytes"), bundle.MAX_CERTIFICATE_CHARACTERS, "rawBytes")
        certificate = load_der_x509_certificate(der)
        if certificate.issuer == certificate.subject:
            raise CandidateError("bundle: a root certificate in x509CertificateChain")
    del material["x509CertificateChain"]
    material["certificate"] = encoded[0]


def _of_file(document: JsonObject) -> Candidate:
    if strict_json.member(document, "dsseEnvelope") is not None:
        raise CandidateError("bundle: messageSignature and dsseEnvelope, where one of them is expected")
    signature = strict_json.child(document, "messageSignature")
    return Candidate(
        source="bundle",
        form=Form.BUNDLE,
        payload=b"",
        message=b"",
        signature=_bytes(signature, "signature"),
        claims=_named_digest(signature),
        **bundle._material(document),  # noqa: SLF001
    )


def _named_digest(signature: JsonObject) -> tuple[Claim, ...]:
    digest = strict_json.optional_child(signature, "messageDigest")
    if not digest:
        return ()
    algorithm = strict_json.text(digest, "algorithm")
    if algorithm != "SHA2_256":
        raise CandidateError(f"bundle: messageDigest is one of {quoted(algorithm)}, not of SHA2_256")
    return (Claim(f"sha256:{_bytes(digest, 'digest').hex()}", {}),)


def _bytes(parent: JsonObject, name: str) -> bytes:
    return decode_base64(strict_json.text(parent, name), MAX_SIGNATURE_CHARACTERS, f"bundle: {name}")
