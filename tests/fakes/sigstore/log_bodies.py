"""What logs hold of a signature, by kind of entry: sigstore/rekor `pkg/types`, sigstore/rekor-tiles `api/proto`."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tests.fakes.sigstore.encoding import Document, b64
from tests.fakes.sigstore.keys import Kind


@dataclass(frozen=True, slots=True)
class Submission:
    """What a signer sends to a log.

    `message` is what the signature covers; `envelope` the whole DSSE envelope, b"" in simple signing. `verifier` is the
    certificate or else the public key, as PEM and as DER; `certified` says which.
    """

    payload: bytes
    message: bytes
    envelope: bytes
    signature: bytes
    verifier_pem: str
    verifier_der: bytes
    certified: bool
    algorithm: Kind


def body(kind: str, submission: Submission) -> Document:
    """The entry of `kind`, such as `dsse/0.0.1`."""
    name, _, version = kind.partition("/")
    return {"apiVersion": version, "kind": name, "spec": _SPECS[kind](submission)}


def _sha256(content: bytes) -> Document:
    return {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}


def _pem(submission: Submission) -> str:
    return b64(submission.verifier_pem.encode())


def _hashedrekord_v001(submission: Submission) -> Document:
    signature = {"content": b64(submission.signature), "publicKey": {"content": _pem(submission)}}
    return {"data": {"hash": _sha256(submission.message)}, "signature": signature}


def _hashedrekord_v002(submission: Submission) -> Document:
    digest = hashlib.new(submission.algorithm.digest, submission.message).digest()
    verifier = "x509Certificate" if submission.certified else "publicKey"
    return {
        "hashedRekordV002": {
            "data": {"algorithm": submission.algorithm.digest_name, "digest": b64(digest)},
            "signature": {
                "content": b64(submission.signature),
                "verifier": {
                    "keyDetails": submission.algorithm.details,
                    verifier: {"rawBytes": b64(submission.verifier_der)},
                },
            },
        }
    }


def _dsse_v001(submission: Submission) -> Document:
    return {
        "envelopeHash": _sha256(submission.envelope),
        "payloadHash": _sha256(submission.payload),
        "signatures": [{"signature": b64(submission.signature), "verifier": _pem(submission)}],
    }


def _intoto_v001(submission: Submission) -> Document:
    content = {"hash": _sha256(submission.envelope), "payloadHash": _sha256(submission.payload)}
    return {"content": content, "publicKey": _pem(submission)}


def _intoto_v002(submission: Submission) -> Document:
    twice = b64(b64(submission.signature).encode())
    envelope = {
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"publicKey": _pem(submission), "sig": twice}],
    }
    hashes = {"hash": _sha256(submission.envelope), "payloadHash": _sha256(submission.payload)}
    return {"content": {"envelope": envelope, **hashes}}


_SPECS: Final[Mapping[str, Callable[[Submission], Document]]] = {
    "hashedrekord/0.0.1": _hashedrekord_v001,
    "hashedrekord/0.0.2": _hashedrekord_v002,
    "dsse/0.0.1": _dsse_v001,
    "intoto/0.0.1": _intoto_v001,
    "intoto/0.0.2": _intoto_v002,
}
