"""DSSE envelopes around in-toto statements: what signatures of cosign 3 and all attestations are.

Sources: secure-systems-lab/dsse `protocol.md` (the pre-authentication encoding) and `envelope.md`, in-toto/attestation
`spec/v1/statement.md`. Whether a statement is a signature or an attestation is told by its predicate type alone, which
the reader of a `Candidate` must compare.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from webhook.signatures import strict_json
from webhook.signatures.candidate import (
    MAX_DOCUMENT_BYTES,
    MAX_SIGNATURE_CHARACTERS,
    MAX_STATEMENT_VALUES,
    Candidate,
    CandidateError,
    Claim,
    Form,
    decode_base64,
    quoted,
    reading,
)
from webhook.signatures.strict_json import JsonObject, JsonValue

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPES: Final = frozenset({"https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"})

MAX_UNSEALED_BYTES: Final = 64 << 10
"""Of a payload that is read before its signature was checked. Signatures take a kilobyte; what is larger is sealed, for
reading takes memory and time, and whoever can write to the repository could make everybody pay for it."""

MAX_SUBJECTS: Final = 1024  # as sigstore-go (GHSA-cq38-jh5f-37mq)
MAX_DIGESTS: Final = 32  # of one subject, as sigstore-go
MAX_SIGNATURES: Final = 32  # of which one is accepted; more are not even counted


@dataclass(frozen=True, slots=True)
class Envelope:
    """An envelope with one signature; `message` is what that covers. `statement` is None while it is sealed."""

    payload: bytes
    message: bytes
    signature: bytes
    statement: "Statement | None"


@dataclass(frozen=True, slots=True)
class Statement:
    """What a payload says: `content` whole, and of it the predicate's type and the claims about digests."""

    content: JsonObject
    predicate_type: str
    claims: tuple[Claim, ...]


def read(envelope: JsonObject, what: str) -> Envelope:
    """The content of an envelope, which messages call `what`. Raises `CandidateError` or `JsonError`."""
    payload_type = strict_json.text(envelope, "payloadType")
    if payload_type != PAYLOAD_TYPE:
        raise CandidateError(f"{what}: payloadType is {quoted(payload_type)}, not {quoted(PAYLOAD_TYPE)}")
    signatures = strict_json.items(envelope, "signatures", MAX_SIGNATURES)
    if len(signatures) != 1:
        raise CandidateError(f"{what}: {len(signatures)} signatures in the envelope, not one")
    signature = _object(signatures[0], f"{what}: a signature")
    payload = decode_base64(strict_json.text(envelope, "payload"), MAX_DOCUMENT_BYTES, f"{what}: payload")
    return Envelope(
        payload=payload,
        message=pre_authentication_encoding(payload),
        signature=decode_base64(strict_json.text(signature, "sig"), MAX_SIGNATURE_CHARACTERS, f"{what}: sig"),
        statement=None if len(payload) > MAX_UNSEALED_BYTES else _statement(payload, strict_json.MAX_VALUES),
    )


def candidate(source: str, form: Form, read: Envelope, **proofs: Any) -> Candidate:
    """The candidate that an envelope is; `proofs` are the other fields."""
    sealed = Candidate(
        source=source,
        form=form,
        payload=read.payload,
        message=read.message,
        signature=read.signature,
        claims=(),
        sealed=True,
        **proofs,
    )
    return sealed if read.statement is None else _with(sealed, read.statement)


def opened(sealed: Candidate) -> Candidate:
    """A sealed candidate, read. Raises `CandidateError`."""
    return _with(sealed, _statement(sealed.payload, MAX_STATEMENT_VALUES))


def _with(candidate: Candidate, statement: Statement) -> Candidate:
    return replace(
        candidate,
        claims=statement.claims,
        predicate_type=statement.predicate_type,
        statement=statement.content,
        sealed=False,
    )


def pre_authentication_encoding(payload: bytes) -> bytes:
    """What the signature of a DSSE envelope with an in-toto payload covers; its lengths count bytes."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode("ascii"), len(payload), payload)


def _statement(payload: bytes, values: int) -> Statement:
    with reading("statement"):
        content = strict_json.load_object(payload, MAX_DOCUMENT_BYTES, values)
        return Statement(content, *_said(content))


def _said(statement: JsonObject) -> tuple[str, tuple[Claim, ...]]:
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


def _object(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise CandidateError(f"{what} is not an object")
    return value
