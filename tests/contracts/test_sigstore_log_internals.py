"""sigstore-python's private Merkle and checkpoint code, as `webhook.signatures.proofs.transparency_log` uses it.

A release that changes it must fail here, and not in a cluster. Trees and notes are made by the in-memory log, which
follows RFC 6962 and C2SP's `signed-note` by the letter.
"""

import inspect
from dataclasses import fields
from typing import Any, Final

import pytest
import sigstore as sigstore_python
from hypothesis import given
from hypothesis import strategies as st
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import LogCheckpoint, RekorSignature, SignedCheckpoint, SignedNote
from sigstore._internal.trust import Keyring, RekorKeyring
from sigstore._utils import KeyID
from sigstore.errors import Error, VerificationError
from sigstore.models import TransparencyLogEntry
from sigstore_models.rekor.v1 import TransparencyLogEntry as EntryModel

from tests.fakes import sigstore
from tests.fakes.sigstore import b64, changed
from tests.fakes.sigstore.encoding import Document

LOG: Final = sigstore.services().rekor_v2
BODY: Final[Document] = {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {}}
ENTRY: Final = LOG.entry(BODY)
CHECKPOINT: Final[str] = ENTRY["inclusionProof"]["checkpoint"]["envelope"]
HASHES: Final = ("inclusionProof", "hashes")


class Recording(Keyring):
    """A keyring that says yes or no, and keeps what it was asked."""

    def __init__(self, *, good: bool = True) -> None:
        super().__init__()
        self.good = good
        self.asked: list[tuple[KeyID, bytes, bytes]] = []

    def verify(self, *, key_id: KeyID, signature: bytes, data: bytes) -> None:
        self.asked.append((key_id, signature, data))
        if not self.good:
            raise VerificationError("no")


def parameters(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def included(entry: Document) -> None:
    verify_merkle_inclusion(TransparencyLogEntry(EntryModel.from_dict(entry)))


def noted(text: str, key_id: bytes, keyring: Keyring) -> LogCheckpoint:
    signed = SignedCheckpoint.from_text(text)
    signed.signed_note.verify(RekorKeyring(keyring), KeyID(key_id))
    return signed.checkpoint


def test_the_pinned_release_is_the_one_that_is_installed() -> None:
    assert sigstore_python.__version__ == "4.5.1"


def test_the_functions_take_what_they_took() -> None:
    assert parameters(verify_merkle_inclusion) == ["entry"]
    assert parameters(SignedCheckpoint.from_text) == ["text"]
    assert parameters(SignedNote.verify) == ["self", "rekor_keyring", "key_id"]
    assert parameters(Keyring.verify) == ["self", "key_id", "signature", "data"]
    assert parameters(Keyring.__init__) == ["self", "public_keys"]
    assert [field.name for field in fields(SignedCheckpoint)] == ["signed_note", "checkpoint"]
    assert [field.name for field in fields(RekorSignature)] == ["name", "sig_hash", "signature"]


def test_refusals_are_verification_errors() -> None:
    assert issubclass(VerificationError, Error)
    assert not issubclass(VerificationError, ValueError)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9])
def test_every_entry_of_a_tree_is_included_and_no_other(size: int) -> None:
    leaves = tuple(b"%d" % number for number in range(size))
    for index in range(size):
        log = sigstore.rekor_v2(LOG.host)
        entry = type(log)(log.host, log.key, leaves[:index], leaves[index + 1 :]).entry(BODY)
        included(entry)
        with pytest.raises(VerificationError):
            included(entry | {"canonicalizedBody": b64(b"another")})


@pytest.mark.parametrize(
    "change",
    [
        (*HASHES, 0, b64(b"x" * 32)),
        (*HASHES, [b64(b"x" * 32)] * 3),
        (*HASHES, []),
        ("inclusionProof", "rootHash", b64(b"x" * 32)),
        ("inclusionProof", "logIndex", "2"),
        ("inclusionProof", "treeSize", "4"),
    ],
)
def test_a_proof_with_anything_else_in_it_is_none(change: tuple[Any, ...]) -> None:
    included(ENTRY)
    *path, value = change
    with pytest.raises(VerificationError):
        included(changed(ENTRY, *path, to=value))


def test_a_checkpoint_is_read() -> None:
    keyring = Recording()
    head = noted(CHECKPOINT, LOG.id, keyring)
    assert (head.origin, head.log_size) == (LOG.host, 6)
    assert b64(bytes.fromhex(head.log_hash)) == ENTRY["inclusionProof"]["rootHash"]


def test_what_a_checkpoint_signs_is_its_text_to_the_last_line_end() -> None:
    keyring = Recording()
    noted(CHECKPOINT, LOG.id, keyring)
    ((key_id, signature, data),) = keyring.asked
    assert (key_id, data) == (LOG.id, CHECKPOINT[: CHECKPOINT.index("\n\n") + 1].encode())
    LOG.key.public_key().verify(signature, data)  # type: ignore[call-arg]


def test_a_keyring_that_says_no_is_heard() -> None:
    with pytest.raises(VerificationError):
        noted(CHECKPOINT, LOG.id, Recording(good=False))


def test_a_signature_with_another_hint_is_not_tried() -> None:
    keyring = Recording()
    with pytest.raises(VerificationError):
        noted(CHECKPOINT, b"hint" + LOG.id[4:], keyring)
    assert keyring.asked == []


def test_signatures_of_witnesses_are_passed_over() -> None:
    note, _, lines = CHECKPOINT.partition("\n\n")
    witness = f"\u2014 witness.example {b64(b'wit1' + b'x' * 72)}\n"
    for signatures in (f"{lines}{witness}", f"{witness}{lines}"):
        keyring = Recording()
        noted(f"{note}\n\n{signatures}", LOG.id, keyring)
        assert len(keyring.asked) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        CHECKPOINT[:-1],
        CHECKPOINT.replace("\n\n", "\n"),
        CHECKPOINT.replace("\n6\n", "\n"),
        CHECKPOINT.replace("\n6\n", "\nsix\n"),
        CHECKPOINT.partition("\u2014")[0],
        CHECKPOINT.partition("\n")[2],
        CHECKPOINT + "\n\n",
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises((VerificationError, ValueError)):
        noted(text, LOG.id, Recording())


PIECES = st.sampled_from(
    ["rekor", "\n", "\n\n", "6", "-1", "AAAA", "AAAAAAAAAA==", "\u2014 ", " ", "=", "\x00", "\ud7ff"]
)


@given(st.lists(PIECES, max_size=16).map("".join) | st.text(max_size=32))
def test_nothing_but_these_errors_leaves_a_text_that_is_no_checkpoint(text: str) -> None:
    with pytest.raises((VerificationError, ValueError)):
        noted(text, LOG.id, Recording(good=False))
