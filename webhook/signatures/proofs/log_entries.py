"""Entries of transparency logs as they come with a signature, read into one form from both formats.

A bundle holds a TransparencyLogEntry (sigstore/protobuf-specs `sigstore_rekor.proto`) in protobuf's JSON form: integers
are strings or numbers, bytes are base64, and what is zero or empty may be left out. cosign's older format holds a
RekorBundle (cosign `pkg/cosign/bundle/rekor.go`): the log's promise alone. Nothing is verified here.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from webhook.signatures import strict_json
from webhook.signatures.candidate import MAX_SIGNATURE_CHARACTERS, Candidate, CandidateError, decode_base64
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.strict_json import JsonError, JsonObject, JsonValue

MAX_ENTRY_BYTES: Final = 1 << 20
"""Of the annotation with a legacy entry, and the characters of an entry's body: real ones take 2 to 10 KB."""

MAX_HASHES: Final = 64
"""Of an inclusion proof: as many as a tree has levels whose size is a 64-bit number."""

MAX_CHECKPOINT_CHARACTERS: Final = 32 << 10
"""Real ones take 250 to 1,000, a cosignature of an ML-DSA key 4,500."""

DIGEST_BYTES: Final = 32  # RFC 6962 trees of logs hash with SHA-256
MAX_TIME: Final = 253_402_300_799  # the last second of the year 9999, in Unix time

_DIGEST_CHARACTERS: Final = 44
_MAX_INTEGER: Final = (1 << 63) - 1  # protobuf's int64, which is what Rekor counts with
_INTEGER: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_LOG_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class KindVersion:
    """Type of an entry's body, such as hashedrekord 0.0.1."""

    kind: str
    version: str


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry is in a Merkle tree, whose head the checkpoint is.

    `index` is less than `tree_size`. `checkpoint` is "" where none came with it, so that the proof proves nothing.
    """

    index: int
    tree_size: int
    root_hash: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry: with a promise (the signed entry timestamp), with a proof, or with both.

    `stated` is what a bundle says the body is; None in the older format. `time` is what the promise promises, UTC, and
    None without one: whatever else an entry says of time, nobody signed.
    """

    log_id: bytes
    index: int
    body: bytes
    stated: KindVersion | None = None
    time: datetime | None = None
    promise: bytes = b""
    proof: InclusionProof | None = None

    @classmethod
    def of(cls, candidate: Candidate) -> "LogEntry":
        """The one entry of `candidate`. Raises `RefusedError`: LOG_ENTRY_MISSING, LOG_ENTRY_MALFORMED."""
        if not candidate.log_entries:
            raise RefusedError(Fault.LOG_ENTRY_MISSING, "no entry of a transparency log came with it")
        if len(candidate.log_entries) > 1:
            raise _malformed(f"{len(candidate.log_entries)} entries, where one is expected")
        (entry,) = candidate.log_entries
        with reading_entry():
            return _legacy(entry) if isinstance(entry, str) else _bundled(_object(entry, "entry"))


@contextmanager
def reading_entry() -> Iterator[None]:
    """A block in which an entry or its body is read: what cannot be read leaves it as LOG_ENTRY_MALFORMED."""
    try:
        yield
    except (JsonError, CandidateError) as error:
        raise _malformed(str(error)) from None


def _legacy(text: str) -> LogEntry:
    bundle = strict_json.load_object(text.encode(errors="surrogatepass"), MAX_ENTRY_BYTES)
    payload = strict_json.child(bundle, "Payload")
    log_id = strict_json.text(payload, "logID")
    if not _LOG_ID.fullmatch(log_id):
        raise CandidateError("logID is not the SHA-256 of a key in hexadecimal")
    return LogEntry(
        log_id=bytes.fromhex(log_id),
        index=_number(payload, "logIndex"),
        body=_bytes(payload, "body", MAX_ENTRY_BYTES),
        time=_time(_number(payload, "integratedTime")),
        promise=_bytes(bundle, "SignedEntryTimestamp", MAX_SIGNATURE_CHARACTERS),
    )


def _bundled(entry: JsonObject) -> LogEntry:
    stated = strict_json.child(entry, "kindVersion")
    promise = strict_json.optional_child(entry, "inclusionPromise")
    return LogEntry(
        log_id=_digest(strict_json.text(strict_json.child(entry, "logId"), "keyId"), "keyId"),
        index=_integer(entry, "logIndex"),
        body=_bytes(entry, "canonicalizedBody", MAX_ENTRY_BYTES),
        stated=KindVersion(strict_json.text(stated, "kind"), strict_json.text(stated, "version")),
        time=_time(_integer(entry, "integratedTime")) if promise else None,
        promise=_bytes(promise, "signedEntryTimestamp", MAX_SIGNATURE_CHARACTERS) if promise else b"",
        proof=_proof(strict_json.optional_child(entry, "inclusionProof")),
    )


def _proof(proof: JsonObject) -> InclusionProof:
    """The proof of a bundle's entry, which is required, as in the format since version 0.2."""
    if not proof:
        raise RefusedError(Fault.LOG_PROOF_INVALID, "the log entry has no inclusion proof")
    hashes = strict_json.items(proof, "hashes", MAX_HASHES)
    index, tree_size = _integer(proof, "logIndex"), _integer(proof, "treeSize")
    if index >= tree_size:
        raise CandidateError(f"logIndex {index} of the inclusion proof is not in a tree of {tree_size}")
    checkpoint = strict_json.optional_child(proof, "checkpoint")
    envelope = strict_json.text(checkpoint, "envelope") if checkpoint else ""
    if len(envelope) > MAX_CHECKPOINT_CHARACTERS:
        raise CandidateError(f"a checkpoint of {len(envelope)} characters, more than {MAX_CHECKPOINT_CHARACTERS}")
    return InclusionProof(
        index=index,
        tree_size=tree_size,
        root_hash=_digest(strict_json.text(proof, "rootHash"), "rootHash"),
        hashes=tuple(_digest(one, "one of hashes") for one in hashes),
        checkpoint=envelope,
    )


def _integer(parent: JsonObject, name: str) -> int:
    """A number of protobuf's JSON form, 0 if it is absent."""
    value = strict_json.member(parent, name)
    if value is None:
        return 0
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    return _checked(value, name)


def _number(parent: JsonObject, name: str) -> int:
    return _checked(strict_json.member(parent, name), name)


def _checked(value: JsonValue, name: str) -> int:
    if type(value) is not int or not 0 <= value <= _MAX_INTEGER:
        raise CandidateError(f"{name} is not an integer from 0 to {_MAX_INTEGER}")
    return value


def _time(seconds: int) -> datetime:
    if not 0 < seconds <= MAX_TIME:
        raise CandidateError("integratedTime is not a time")
    return datetime.fromtimestamp(seconds, UTC)


def _bytes(parent: JsonObject, name: str, ceiling: int) -> bytes:
    decoded = decode_base64(strict_json.text(parent, name), ceiling, name)
    if not decoded:
        raise CandidateError(f"{name} is empty")
    return decoded


def _digest(value: JsonValue, what: str) -> bytes:
    decoded = decode_base64(value, _DIGEST_CHARACTERS, what) if isinstance(value, str) else b""
    if len(decoded) != DIGEST_BYTES:
        raise CandidateError(f"{what} is not a SHA-256 digest in base64")
    return decoded


def _object(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise CandidateError(f"{what} is not an object")
    return value


def _malformed(reason: str) -> RefusedError:
    return RefusedError(Fault.LOG_ENTRY_MALFORMED, f"log entry: {reason}")
