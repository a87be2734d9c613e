"""What signers say: cosign's simple signing payload and in-toto statements."""

from collections.abc import Mapping
from typing import Any, Final

from tests.fakes.sigstore.encoding import Document

DIGEST: Final = f"sha256:{'a1' * 32}"
OTHER_DIGEST: Final = f"sha256:{'b2' * 32}"
SIGN_PREDICATE: Final = "https://sigstore.dev/cosign/sign/v1"
REPOSITORY: Final = "registry.example.com/app"


def simple_signing(digest: str = DIGEST, optional: Mapping[str, Any] | None = None) -> Document:
    """The payload of cosign's older format."""
    return {
        "critical": {
            "identity": {"docker-reference": REPOSITORY},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": None if optional is None else dict(optional),
    }


def sign_statement(digest: str = DIGEST, annotations: Mapping[str, Any] | None = None) -> Document:
    """The statement that signs an image."""
    subject: Document = {"digest": {"sha256": digest.removeprefix("sha256:")}}
    if annotations is not None:
        subject["annotations"] = dict(annotations)
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": SIGN_PREDICATE,
        "predicate": {},
    }


def attestation_statement(digest: str, predicate_type: str, predicate: Any) -> Document:
    """The statement that attests something of an image; cosign writes its older version."""
    return {
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": predicate_type,
        "subject": [{"name": REPOSITORY, "digest": {"sha256": digest.removeprefix("sha256:")}}],
        "predicate": predicate,
    }
