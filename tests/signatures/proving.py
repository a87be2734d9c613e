"""What the in-memory Sigstore makes, as the product reads it before a trust root is asked."""

import base64
from dataclasses import replace
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.fakes import sigstore
from tests.fakes.sigstore import Artefact, Layer, Recipe
from tests.fakes.sigstore.encoding import Document
from webhook.signatures import bundle, cosign
from webhook.signatures.candidate import Candidate
from webhook.signatures.certificates import Leaf
from webhook.signatures.evidence import Attachment
from webhook.signatures.keys import PublicKey

PROVENANCE: Final = "https://slsa.dev/provenance/v1"


def read(attachment: Attachment) -> Candidate:
    """The candidate that a layer is."""
    if attachment.media_type == sigstore.BUNDLE_MEDIA_TYPE:
        return bundle.parse(attachment)
    if attachment.media_type == sigstore.ENVELOPE_MEDIA_TYPE:
        return cosign.parse_attestation(attachment)
    return cosign.parse(attachment)


def signer_of(made: Artefact) -> Leaf | PublicKey:
    """Who signed, as the caller of a trust root has already found out."""
    if made.certificate is not None:
        return Leaf.parse(made.certificate)
    return PublicKey.of(load_der_public_key(made.hint))


def attesting(**recipe: Any) -> Recipe:
    """A recipe for an attestation."""
    return Recipe(predicate_type=PROVENANCE, predicate={}, **recipe)


def body_of(made: Artefact) -> bytes:
    """The body of its log entry."""
    assert made.entry is not None
    return base64.b64decode(made.entry["canonicalizedBody"])


def with_entry(made: Artefact, entry: Document) -> Candidate:
    """The candidate of a bundle with another log entry than its own."""
    assert made.layer is Layer.BUNDLE
    return read(replace(made, entry=entry).attachment())
