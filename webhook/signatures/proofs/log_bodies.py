"""Whether the body of a log entry is about a candidate: its signature, its signer, and what was signed.

A body is what Rekor keeps of a signature, by kind and version (sigstore/rekor `pkg/types/*/…_schema.json`, and
sigstore/rekor-tiles `HashedRekordLogEntryV002`):

| kind               | of what                       | what must be the candidate's                                    |
| hashedrekord 0.0.1 | files, simple signing         | digest of the signed bytes, signature, signer                   |
| hashedrekord 0.0.2 | both                          | the same; of an envelope the digest of its encoding             |
| dsse 0.0.1         | envelopes                     | digest of the payload, the one signature, its signer            |
| intoto 0.0.2       | envelopes                     | the same, and the payload's type                                |
| intoto 0.0.1       | envelopes that are all there  | digest of the whole envelope, signer                            |

Signer means the whole certificate, or the key where there is none: a certificate of the same key is another signer.
The digest of the whole envelope in the other kinds is not compared: what it says beyond these is not signed.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from webhook.signatures import dsse, strict_json
from webhook.signatures.candidate import MAX_SIGNATURE_CHARACTERS, Candidate, CandidateError, decode_base64, quoted
from webhook.signatures.certificates import Leaf
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.keys import PublicKey
from webhook.signatures.proofs.log_entries import MAX_ENTRY_BYTES, KindVersion, reading_entry
from webhook.signatures.strict_json import JsonObject

MAX_VERIFIER_CHARACTERS: Final = 64 << 10
"""Of a certificate or key in base64, twice: what a candidate itself may bring."""

_LINE_ENDS: Final = str.maketrans("", "", "\r\n")
_PEM: Final = re.compile(
    r"-----BEGIN (?P<label>CERTIFICATE|PUBLIC KEY)-----\r?\n(?P<body>[A-Za-z0-9+/=\r\n]+)-----END (?P=label)-----\s*",
    re.ASCII,
)
_V1_ALGORITHMS: Final = {name: name for name in ("sha256", "sha384", "sha512")}
_V2_ALGORITHMS: Final = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
"""As the log writes them → as hashlib does."""


@dataclass(frozen=True, slots=True)
class _Signer:
    certificate: bool
    der: bytes


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What a body says. `signature` is b"" where the kind keeps none: there the digest covers it."""

    signer: _Signer
    algorithm: str
    digest: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind is read, which candidates it can be about, and what it must say of their content and signature."""

    read: Callable[[JsonObject], _Recorded]
    about: Callable[[Candidate], bool]
    digest: Callable[[Candidate, str], bytes]
    signature: Callable[[Candidate], bytes]


def check(candidate: Candidate, signer: Leaf | PublicKey, body: bytes, stated: KindVersion | None) -> None:
    """Whether `body` is about the candidate, signed by `signer`; `stated` is what came with it as its kind, if any did.

    Raises `RefusedError`: LOG_ENTRY_MALFORMED (unreadable, or of a kind that proves nothing of such a candidate),
    LOG_ENTRY_MISMATCH.
    """
    with reading_entry():
        document = strict_json.load_object(body, MAX_ENTRY_BYTES)
        version = KindVersion(strict_json.text(document, "kind"), strict_json.text(document, "apiVersion"))
        if stated is not None and stated != version:
            raise CandidateError(f"is of kind {_shown(version)}, but is said to be of {_shown(stated)}")
        kind = _KINDS.get(version)
        if kind is None or not kind.about(candidate):
            raise CandidateError(f"kind {_shown(version)}, which proves nothing of this signature")
        recorded = kind.read(strict_json.child(document, "spec"))
    if recorded.signature != kind.signature(candidate):
        raise _mismatch("another signature")
    if not _same(recorded.signer, signer):
        raise _mismatch("another certificate or key")
    if recorded.digest != kind.digest(candidate, recorded.algorithm):
        raise _mismatch("other content")


def _same(recorded: _Signer, signer: Leaf | PublicKey) -> bool:
    if isinstance(signer, Leaf):
        return recorded.certificate and recorded.der == signer.der
    return not recorded.certificate and recorded.der == signer.spki


def _hashedrekord_1(spec: JsonObject) -> _Recorded:
    signature = strict_json.child(spec, "signature")
    algorithm, digest = _hash(strict_json.child(spec, "data"), "hash")
    return _Recorded(
        signer=_pem(strict_json.child(signature, "publicKey"), "content"),
        algorithm=algorithm,
        digest=digest,
        signature=_signature(signature, "content"),
    )


def _hashedrekord_2(spec: JsonObject) -> _Recorded:
    record = strict_json.child(spec, "hashedRekordV002")
    signature, data = strict_json.child(record, "signature"), strict_json.child(record, "data")
    return _Recorded(
        signer=_verifier(strict_json.child(signature, "verifier")),
        algorithm=_algorithm(data, _V2_ALGORITHMS),
        digest=decode_base64(strict_json.text(data, "digest"), MAX_SIGNATURE_CHARACTERS, "digest"),
        signature=_signature(signature, "content"),
    )


def _dsse(spec: JsonObject) -> _Recorded:
    signature = _only_signature(spec)
    algorithm, digest = _hash(spec, "payloadHash")
    return _Recorded(
        signer=_pem(signature, "verifier"),
        algorithm=algorithm,
        digest=digest,
        signature=_signature(signature, "signature"),
    )


def _intoto_2(spec: JsonObject) -> _Recorded:
    content = strict_json.child(spec, "content")
    envelope = strict_json.child(content, "envelope")
    payload_type = strict_json.text(envelope, "payloadType")
    if payload_type != dsse.PAYLOAD_TYPE:
        raise CandidateError(f"payloadType is {quoted(payload_type)}, not {quoted(dsse.PAYLOAD_TYPE)}")
    signature = _only_signature(envelope)
    algorithm, digest = _hash(content, "payloadHash")
    return _Recorded(
        signer=_pem(signature, "publicKey"),
        algorithm=algorithm,
        digest=digest,
        signature=_signature(signature, "sig"),
    )


def _intoto_1(spec: JsonObject) -> _Recorded:
    algorithm, digest = _hash(strict_json.child(spec, "content"), "hash")
    return _Recorded(signer=_pem(spec, "publicKey"), algorithm=algorithm, digest=digest, signature=b"")


def _only_signature(parent: JsonObject) -> JsonObject:
    signatures = strict_json.items(parent, "signatures", 1)
    if not signatures or not isinstance(signatures[0], dict):
        raise CandidateError("not one signature")
    return signatures[0]


def _hash(parent: JsonObject, name: str) -> tuple[str, bytes]:
    """Algorithm and digest of Rekor v1, which writes lower-case hexadecimal."""
    recorded = strict_json.child(parent, name)
    value = strict_json.text(recorded, "value")
    if not re.fullmatch(r"(?:[0-9a-f]{2})+", value, re.ASCII):
        raise CandidateError(f"{name} is not a digest in hexadecimal")
    return _algorithm(recorded, _V1_ALGORITHMS), bytes.fromhex(value)


def _algorithm(parent: JsonObject, names: dict[str, str]) -> str:
    name = strict_json.text(parent, "algorithm")
    if name not in names:
        raise CandidateError(f"a digest by {quoted(name)}, not by one of {', '.join(names)}")
    return names[name]


def _signature(parent: JsonObject, name: str) -> bytes:
    return decode_base64(strict_json.text(parent, name), 2 * MAX_SIGNATURE_CHARACTERS, name)


def _verifier(verifier: JsonObject) -> _Signer:
    present = [name for name in ("x509Certificate", "publicKey") if strict_json.member(verifier, name) is not None]
    if len(present) != 1:
        raise CandidateError("not one of x509Certificate and publicKey")
    encoded = strict_json.text(strict_json.child(verifier, present[0]), "rawBytes")
    return _Signer(present == ["x509Certificate"], decode_base64(encoded, MAX_VERIFIER_CHARACTERS, "rawBytes"))


def _pem(parent: JsonObject, name: str) -> _Signer:
    """One certificate or public key: PEM, itself in base64."""
    block = _PEM.fullmatch(_text(decode_base64(strict_json.text(parent, name), MAX_VERIFIER_CHARACTERS, name), name))
    if block is None:
        raise CandidateError(f"{name} is not one certificate or public key in PEM")
    der = decode_base64(block["body"].translate(_LINE_ENDS), MAX_VERIFIER_CHARACTERS, name)
    return _Signer(block["label"] == "CERTIFICATE", der)


def _text(encoded: bytes, what: str) -> str:
    try:
        return encoded.decode("ascii")
    except UnicodeDecodeError:
        raise CandidateError(f"{what} is not ASCII") from None


def _shown(version: KindVersion) -> str:
    return quoted(f"{version.kind}/{version.version}")


def _mismatch(what: str) -> RefusedError:
    return RefusedError(Fault.LOG_ENTRY_MISMATCH, f"the log entry is about {what}")


_KINDS: Final = {
    KindVersion("hashedrekord", "0.0.1"): _Kind(
        read=_hashedrekord_1,
        about=lambda candidate: not candidate.enveloped,
        digest=lambda candidate, algorithm: candidate.digest(algorithm),
        signature=lambda candidate: candidate.signature,
    ),
    KindVersion("hashedrekord", "0.0.2"): _Kind(
        read=_hashedrekord_2,
        about=lambda _: True,
        digest=lambda candidate, algorithm: candidate.digest(algorithm),
        signature=lambda candidate: candidate.signature,
    ),
    KindVersion("dsse", "0.0.1"): _Kind(
        read=_dsse,
        about=lambda candidate: candidate.enveloped,
        digest=lambda candidate, algorithm: hashlib.new(algorithm, candidate.payload).digest(),
        signature=lambda candidate: candidate.signature,
    ),
    KindVersion("intoto", "0.0.1"): _Kind(
        read=_intoto_1,
        about=lambda candidate: candidate.envelope != b"",
        digest=lambda candidate, algorithm: hashlib.new(algorithm, candidate.envelope).digest(),
        signature=lambda _: b"",
    ),
    KindVersion("intoto", "0.0.2"): _Kind(
        read=_intoto_2,
        about=lambda candidate: candidate.enveloped,
        digest=lambda candidate, algorithm: hashlib.new(algorithm, candidate.payload).digest(),
        signature=lambda candidate: base64.b64encode(candidate.signature),  # as in the envelope, then once more
    ),
}
