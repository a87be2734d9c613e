"""Whether a transparency log of the trust root has an entry: by its promise, by an inclusion proof, or by both.

1. The log is known by its id; an entry of an unknown log proves nothing, whoever's key may fit.
2. The log's window holds at the time of the entry: the promised one, else that of one of the signature's timestamps. An
   entry of which nothing says when it came may have come just now, so that the window must hold now: whoever has got
   hold of the key of a log that is over makes such entries as he likes.
3. What is there holds: the promise (signed entry timestamp) over exactly this entry, and the inclusion proof in a tree
   whose head the log signed. sigstore-python's Merkle and checkpoint code judges the latter.
4. Only a promise says when: an inclusion proof vouches for the body alone.

Sources: sigstore/rekor `pkg/api/entries.go` (the promise), RFC 6962, 2.1.1 (proofs), C2SP `tlog-checkpoint.md`.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import rfc8785
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import SignedCheckpoint
from sigstore._internal.trust import Keyring, RekorKeyring
from sigstore._utils import KeyID
from sigstore.errors import VerificationError
from sigstore.models import TransparencyLogEntry
from sigstore_models.rekor.v1 import TransparencyLogEntry as EntryModel

from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.proofs.log_entries import InclusionProof, LogEntry
from webhook.signatures.proofs.log_keys import LogKey
from webhook.signatures.proofs.note_keys import note_key_id
from webhook.signatures.validity import moment

_WITH_TREE_ID: Final = re.compile(r"\S+ - [0-9]+", re.ASCII)
"""How Rekor v1 calls itself: the host name that it was given, and which of its trees it is."""


@dataclass(frozen=True, slots=True)
class Logged:
    """What was proved: that the log called `name` has the entry, and when it came, if the log says so."""

    name: str
    index: int
    time: datetime | None

    def __str__(self) -> str:
        """As messages name it."""
        entry = f"log entry {self.index} of {self.name}"
        return entry if self.time is None else f"{entry} at {moment(self.time)}"


def verified(entry: LogEntry, logs: Mapping[bytes, LogKey], timestamps: tuple[datetime, ...], now: datetime) -> Logged:
    """Which log has the entry. `timestamps` are verified times of the same signature, for a log that tells none itself.

    Whether the entry is about the signature, and whether its time has come, the caller must see. Raises `RefusedError`:
    LOG_UNKNOWN, LOG_OUTSIDE_VALIDITY, LOG_PROMISE_INVALID, LOG_PROOF_INVALID.
    """
    log = logs.get(entry.log_id)
    if log is None:
        raise RefusedError(Fault.LOG_UNKNOWN, f"log {entry.log_id.hex()} is not one of the trust root's")
    _check_window(log, timestamps if entry.time is None else (entry.time,), now)
    if entry.time is not None:
        _check_promise(entry, log, entry.time)
    if entry.proof is not None:
        _check_proof(entry, log, entry.proof)
    return _logged(entry, log)


def _logged(entry: LogEntry, log: LogKey) -> Logged:
    """A promise covers the index in all of the log, a proof that in its tree; the other of the two nobody signed."""
    index = entry.proof.index if entry.proof is not None and entry.time is None else entry.index
    return Logged(log.name, index, entry.time)


def _check_window(log: LogKey, times: tuple[datetime, ...], now: datetime) -> None:
    """A signature has one entry but may be stamped again later, so one of several times is enough."""
    if not any(map(log.window.holds, times or (now,))):
        entry = f"the entry is of {moment(min(times))}" if times else "and nothing says that the entry is of then"
        raise RefusedError(Fault.LOG_OUTSIDE_VALIDITY, f"the log {log.name} is valid {log.window}, {entry}")


def _check_promise(entry: LogEntry, log: LogKey, time: datetime) -> None:
    promised: dict[str, str | int] = {
        "body": base64.b64encode(entry.body).decode("ascii"),
        "integratedTime": int(time.timestamp()),
        "logID": entry.log_id.hex(),
        "logIndex": entry.index,
    }
    if not log.verify(entry.promise, _canonical(promised)):
        reason = f"the signed entry timestamp is not by {log.name} over this entry"
        raise RefusedError(Fault.LOG_PROMISE_INVALID, reason)


def _canonical(promised: dict[str, str | int]) -> bytes:
    try:
        return rfc8785.dumps(promised)
    except rfc8785.CanonicalizationError:
        reason = "the log index is more than canonical JSON can say"
        raise RefusedError(Fault.LOG_PROMISE_INVALID, reason) from None


def _check_proof(entry: LogEntry, log: LogKey, proof: InclusionProof) -> None:
    try:
        verify_merkle_inclusion(_modelled(entry, proof))
    except VerificationError:
        raise _unproved("does not lead from the entry to the root hash") from None
    try:
        signed = SignedCheckpoint.from_text(proof.checkpoint)
        signed.signed_note.verify(RekorKeyring(_OneLog(log)), KeyID(log.id))
    except (VerificationError, ValueError):
        raise _unproved(f"has no checkpoint that {log.name} signed") from None
    head = signed.checkpoint
    if (head.log_size, head.log_hash) != (proof.tree_size, proof.root_hash.hex()):
        raise _unproved("is of another tree than its checkpoint")
    _check_origin(head.origin, log)


def _check_origin(origin: str, log: LogKey) -> None:
    """Whether the log calls itself so.

    An id that depends on the name says it. With any other, Rekor v2 has the name in its URL; Rekor v1's name is its
    operator's affair, and often that of a container.
    """
    if log.id != hashlib.sha256(log.spki).digest():
        known = log.id == note_key_id(log, origin)
    else:
        known = origin == log.name or bool(_WITH_TREE_ID.fullmatch(origin))
    if not known:
        raise _unproved(f"has a checkpoint of another log than {log.name}")


def _modelled(entry: LogEntry, proof: InclusionProof) -> TransparencyLogEntry:
    """The entry as sigstore-python has it, with as much as its Merkle code reads."""
    model = {
        "logIndex": str(entry.index),
        "logId": {"keyId": base64.b64encode(entry.log_id)},
        "kindVersion": {"kind": "", "version": ""},
        "canonicalizedBody": base64.b64encode(entry.body),
        "inclusionProof": {
            "logIndex": str(proof.index),
            "rootHash": base64.b64encode(proof.root_hash),
            "treeSize": str(proof.tree_size),
            "hashes": [base64.b64encode(one) for one in proof.hashes],
            "checkpoint": {"envelope": proof.checkpoint},
        },
    }
    return TransparencyLogEntry(EntryModel.from_dict(model))


class _OneLog(Keyring):
    """A keyring of one log's key, whatever id is asked for: sigstore-python's own tries all keys for an unknown one."""

    def __init__(self, log: LogKey) -> None:
        super().__init__()
        self._log = log

    def verify(self, *, key_id: KeyID, signature: bytes, data: bytes) -> None:  # noqa: ARG002
        if not self._log.verify(signature, data):
            raise VerificationError("not signed by the log")


def _unproved(reason: str) -> RefusedError:
    return RefusedError(Fault.LOG_PROOF_INVALID, f"the inclusion proof {reason}")
