"""Signatures and attestations of images as cosign leaves them in a registry.

A `Recipe` is what is signed, by whom, and what comes with it; what it makes is an `Artefact`, whose parts can still be
exchanged before it is written down as an `Attachment`.
"""

import hashlib
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.fakes.sigstore import rekor
from tests.fakes.sigstore.encoding import IN_TOTO, Document, b64, dumped
from webhook.signatures.evidence import Attachment

BUNDLE_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIMPLE_MEDIA_TYPE: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
ENVELOPE_MEDIA_TYPE: Final = "application/vnd.dsse.envelope.v1+json"

SIGNATURE_ANNOTATION: Final = "dev.cosignproject.cosign/signature"
CERTIFICATE_ANNOTATION: Final = "dev.sigstore.cosign/certificate"
CHAIN_ANNOTATION: Final = "dev.sigstore.cosign/chain"
LOG_ANNOTATION: Final = "dev.sigstore.cosign/bundle"
TIMESTAMP_ANNOTATION: Final = "dev.sigstore.cosign/rfc3161timestamp"


class Layer(Enum):
    """What the registry holds."""

    BUNDLE = auto()
    SIMPLE = auto()
    ENVELOPE = auto()


@dataclass(frozen=True, slots=True)
class Artefact:
    """A signature with all that came with it; `dataclasses.replace` exchanges one part after everything was signed.

    `certificate` is DER, None if a key signed, whose `hint` is the DER of its SubjectPublicKeyInfo. `chain` are the
    certificates above it that cosign 2 wrote down too. `entry` is a log entry as bundles hold it.
    """

    layer: Layer
    payload: bytes
    signature: bytes
    hint: bytes
    payload_type: str = IN_TOTO
    certificate: bytes | None = None
    chain: tuple[x509.Certificate, ...] = ()
    entry: Document | None = None
    timestamps: tuple[bytes, ...] = ()
    predicate_type: str = ""
    more_annotations: dict[str, str] = field(default_factory=dict)

    def attachment(self) -> Attachment:
        """As it lies in the registry."""
        match self.layer:
            case Layer.BUNDLE:
                return bundled(self.bundle())
            case Layer.SIMPLE:
                return Attachment("tag sha256-a1.sig, layer 0", SIMPLE_MEDIA_TYPE, self.payload, self.annotations())
            case Layer.ENVELOPE:
                content = dumped(self.envelope())
                return Attachment("tag sha256-a1.att, layer 0", ENVELOPE_MEDIA_TYPE, content, self.annotations())

    def envelope(self) -> Document:
        """The DSSE envelope."""
        signatures = [{"sig": b64(self.signature)}]
        return {"payload": b64(self.payload), "payloadType": self.payload_type, "signatures": signatures}

    def bundle(self) -> Document:
        """The bundle, as a document that can still be changed."""
        return {
            "mediaType": BUNDLE_MEDIA_TYPE,
            "verificationMaterial": self._material(),
            "dsseEnvelope": self.envelope(),
        }

    def annotations(self) -> dict[str, str]:
        """Those of a layer in the older format; what is absent is "" there, or not there at all."""
        found = {SIGNATURE_ANNOTATION: b64(self.signature) if self.layer is Layer.SIMPLE else ""}
        if self.certificate is not None:
            found[CERTIFICATE_ANNOTATION] = certificate_pem(self.certificate)
            found[CHAIN_ANNOTATION] = "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in self.chain)
        if self.entry is not None:
            found[LOG_ANNOTATION] = rekor.annotation(self.entry)
        for response in self.timestamps:
            found[TIMESTAMP_ANNOTATION] = dumped({"SignedRFC3161Timestamp": b64(response)}).decode("ascii")
        if self.predicate_type:
            found["predicateType"] = self.predicate_type
        return found | self.more_annotations

    def _material(self) -> Document:
        if self.certificate is None:
            material: Document = {"publicKey": {"hint": b64(hashlib.sha256(self.hint).digest())}}
        else:
            material = {"certificate": {"rawBytes": b64(self.certificate)}}
        if self.entry is not None:
            material["tlogEntries"] = [self.entry]
        if self.timestamps:
            responses = [{"signedTimestamp": b64(one)} for one in self.timestamps]
            material["timestampVerificationData"] = {"rfc3161Timestamps": responses}
        return material


def bundled(document: Document | bytes) -> Attachment:
    """The layer that holds a bundle."""
    content = document if isinstance(document, bytes) else dumped(document)
    return Attachment("referrer sha256:c3", BUNDLE_MEDIA_TYPE, content)


def certificate_pem(certificate: bytes) -> str:
    """DER as PEM, whatever the bytes are."""
    text = b64(certificate)
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
