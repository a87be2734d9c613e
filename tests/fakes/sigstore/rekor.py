"""Transparency logs: Rekor 1 with its signed entry timestamps, Rekor 2 with checkpoints alone.

An entry is given as bundles hold it, `TransparencyLogEntry` of sigstore/protobuf-specs in JSON. Checkpoints are
C2SP's `tlog-checkpoint` in a `signed-note`.
"""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final, Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fakes.sigstore import merkle
from tests.fakes.sigstore.encoding import Document, b64, canonical
from tests.fakes.sigstore.keys import PrivateKey, key_id, private_key, sign

_ED25519_NOTE: Final = b"\x01"
_BEFORE: Final = tuple(b"an entry before, %d" % number for number in range(3))
_AFTER: Final = tuple(b"an entry behind, %d" % number for number in range(2))


@dataclass(frozen=True, slots=True)
class RekorV1:
    """A log with a key P-256. Earlier shards had `offset` entries, so that an entry has two indexes.

    `before` and `after` are what else is in the tree. `id` is how trust roots and entries name the log's key; a log may
    claim another's.
    """

    host: str
    key: PrivateKey
    before: tuple[bytes, ...] = field(default=_BEFORE, repr=False)
    after: tuple[bytes, ...] = field(default=_AFTER, repr=False)
    offset: int = 1000
    claimed_id: bytes = b""

    @property
    def id(self) -> bytes:
        return self.claimed_id or key_id(self.key)

    def entry(self, body: Document, time: datetime) -> Document:
        """`body` with promise and proof, logged at `time`."""
        content = canonical(body)
        index = self.offset + len(self.before)
        return {
            "logIndex": str(index),
            "logId": {"keyId": b64(self.id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "integratedTime": str(int(time.timestamp())),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.promise(content, int(time.timestamp()), index))},
            "inclusionProof": self.proof(content),
            "canonicalizedBody": b64(content),
        }

    def promise(self, body: bytes, time: int, index: int) -> bytes:
        """The signed entry timestamp."""
        covered = {"body": b64(body), "integratedTime": time, "logID": self.id.hex(), "logIndex": index}
        return sign(self.key, canonical(covered), SHA256())

    def proof(self, body: bytes) -> Document:
        return _proof([*self.before, body, *self.after], len(self.before), self.checkpoint)

    def checkpoint(self, size: int, root: bytes) -> str:
        note = f"{self.host} - 1193050959916656506\n{size}\n{b64(root)}\n"
        return signed_note(note, self.host, self.id[:4] + sign(self.key, note.encode(), SHA256()))


@dataclass(frozen=True, slots=True)
class RekorV2:
    """A log with a key Ed25519, which says nothing about times. Its parts are those of `RekorV1`."""

    host: str
    key: PrivateKey
    before: tuple[bytes, ...] = field(default=_BEFORE, repr=False)
    after: tuple[bytes, ...] = field(default=_AFTER, repr=False)
    claimed_id: bytes = b""

    @property
    def id(self) -> bytes:
        """The key ID of signed notes, in full length: a hash of name, algorithm and key."""
        if self.claimed_id:
            return self.claimed_id
        raw = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)[-32:]
        return hashlib.sha256(self.host.encode() + b"\n" + _ED25519_NOTE + raw).digest()

    def entry(self, body: Document) -> Document:
        """`body` with its proof."""
        content = canonical(body)
        return {
            "logIndex": str(len(self.before)),
            "logId": {"keyId": b64(self.id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "inclusionProof": self.proof(content),
            "canonicalizedBody": b64(content),
        }

    def proof(self, body: bytes) -> Document:
        return _proof([*self.before, body, *self.after], len(self.before), self.checkpoint)

    def checkpoint(self, size: int, root: bytes) -> str:
        note = f"{self.host}\n{size}\n{b64(root)}\n"
        return signed_note(note, self.host, self.id[:4] + sign(self.key, note.encode(), SHA256()))


@cache
def rekor_v1(host: str) -> RekorV1:
    return RekorV1(host, private_key(f"log {host}"))


@cache
def rekor_v2(host: str) -> RekorV2:
    return RekorV2(host, private_key(f"log {host}", "Ed25519"))


def signed_note(note: str, name: str, signature: bytes) -> str:
    """A note with one signature, which begins with four bytes of the key's ID."""
    return f"{note}\n\u2014 {name} {b64(signature)}\n"


def promised(entry: Document) -> Document:
    """The entry with its promise and no proof."""
    return {name: value for name, value in entry.items() if name != "inclusionProof"}


def proved(entry: Document) -> Document:
    """The entry with its proof and no promise."""
    return {name: value for name, value in entry.items() if name != "inclusionPromise"}


def annotation(entry: Document) -> str:
    """The same entry as cosign's older format writes it down, with its promise alone."""
    document = {
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        },
    }
    return json.dumps(document, separators=(",", ":"))


class _Checkpoint(Protocol):
    def __call__(self, size: int, root: bytes) -> str: ...


def _proof(leaves: list[bytes], index: int, checkpoint: _Checkpoint) -> Document:
    root = merkle.root(leaves)
    return {
        "logIndex": str(index),
        "rootHash": b64(root),
        "treeSize": str(len(leaves)),
        "hashes": [b64(one) for one in merkle.inclusion(leaves, index)],
        "checkpoint": {"envelope": checkpoint(len(leaves), root)},
    }
