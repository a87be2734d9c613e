import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.sigstore import SIGNED_AT, Form, Log, Recipe, b64, changed, dumped, promised, proved, services
from tests.fakes.sigstore.encoding import Document
from tests.signatures.proving import body_of, read, with_entry
from webhook.signatures.candidate import Candidate
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.proofs.log_entries import KindVersion, LogEntry

MADE = Recipe().make()
LEGACY = Recipe(form=Form.LEGACY).make()
UNREADABLE = Fault.LOG_ENTRY_MALFORMED
INTEGER = "is not an integer from 0 to 9223372036854775807"


def entry() -> Document:
    assert MADE.entry is not None
    return MADE.entry


def annotation() -> Document:
    document: Document = json.loads(str(read(LEGACY.attachment()).log_entries[0]))
    return document


def of_bundle(document: Any) -> LogEntry:
    return LogEntry.of(with_entry(MADE, document))


def refusal(candidate: Candidate) -> tuple[Fault, str]:
    with pytest.raises(RefusedError) as caught:
        LogEntry.of(candidate)
    return caught.value.fault, caught.value.reason


def test_an_entry_of_a_bundle_is_read() -> None:
    found = of_bundle(entry())
    assert (found.log_id, found.index) == (services().rekor.id, 1003)
    assert (found.body, found.stated) == (body_of(MADE), KindVersion("dsse", "0.0.1"))
    assert found.time == SIGNED_AT
    assert found.proof is not None
    assert (found.proof.index, found.proof.tree_size, len(found.proof.hashes)) == (3, 6, 3)
    assert found.proof.checkpoint.startswith("rekor.example.com - ")


def test_an_entry_of_rekor_2_has_neither_promise_nor_time() -> None:
    made = Recipe(log=Log.V2).make()
    found = LogEntry.of(read(made.attachment()))
    assert (found.promise, found.time, found.stated) == (b"", None, KindVersion("hashedrekord", "0.0.2"))


def test_an_entry_of_the_older_format_is_read() -> None:
    found = LogEntry.of(read(LEGACY.attachment()))
    assert (found.log_id, found.index) == (services().rekor.id, 1003)
    assert (found.body, found.stated, found.proof) == (body_of(LEGACY), None, None)
    assert found.time == SIGNED_AT
    assert found.promise


def test_numbers_may_be_numbers() -> None:
    numbered = entry() | {name: int(entry()[name]) for name in ("logIndex", "integratedTime")}
    assert of_bundle(numbered) == of_bundle(entry())


def test_what_is_zero_or_empty_may_be_left_out() -> None:
    """The first entry of a new log, as Go writes it."""
    log = replace(services().rekor, before=(), after=(), offset=0)
    made = Recipe(services=replace(services(), rekor=log)).make()
    assert made.entry is not None
    written = {name: value for name, value in made.entry.items() if name != "logIndex"}
    proof = {"rootHash", "treeSize", "checkpoint"}
    written["inclusionProof"] = {name: made.entry["inclusionProof"][name] for name in proof}
    assert LogEntry.of(with_entry(made, written)) == LogEntry.of(with_entry(made, made.entry))


def test_nobody_signed_a_time_without_a_promise() -> None:
    found = of_bundle(proved(entry()))
    assert (found.time, found.promise) == (None, b"")
    assert of_bundle(entry() | {"inclusionPromise": {}}) == found


def test_no_entry_is_a_missing_one() -> None:
    assert refusal(replace(read(MADE.attachment()), log_entries=())) == (
        Fault.LOG_ENTRY_MISSING,
        "no entry of a transparency log came with it",
    )


def test_two_entries_are_one_too_many_even_where_they_are_the_same() -> None:
    candidate = read(MADE.attachment())
    twice = replace(candidate, log_entries=candidate.log_entries * 2)
    assert refusal(twice) == (UNREADABLE, "log entry: 2 entries, where one is expected")


def test_an_entry_of_a_bundle_has_a_proof() -> None:
    expected = (Fault.LOG_PROOF_INVALID, "the log entry has no inclusion proof")
    assert refusal(with_entry(MADE, promised(entry()))) == expected
    assert refusal(with_entry(MADE, entry() | {"inclusionProof": None})) == expected


PROOF = "inclusionProof"
MALFORMED: list[tuple[tuple[str | int, ...], object, str]] = [
    (("logId",), ..., "logId is absent or null, not an object"),
    (("logId", "keyId"), b64(b"short"), "keyId is not a SHA-256 digest in base64"),
    (("logId", "keyId"), "A" * 45, "keyId has 45 characters, more than the 44 that are read"),
    (("logIndex",), "-1", f"logIndex {INTEGER}"),
    (("logIndex",), -1, f"logIndex {INTEGER}"),
    (("logIndex",), "01", f"logIndex {INTEGER}"),
    (("logIndex",), "+1", f"logIndex {INTEGER}"),
    (("logIndex",), "1_0", f"logIndex {INTEGER}"),
    (("logIndex",), "1\n", f"logIndex {INTEGER}"),
    (("logIndex",), "\u0661", f"logIndex {INTEGER}"),
    (("logIndex",), "", f"logIndex {INTEGER}"),
    (("logIndex",), 1.0, f"logIndex {INTEGER}"),
    (("logIndex",), True, f"logIndex {INTEGER}"),
    (("logIndex",), "9223372036854775808", f"logIndex {INTEGER}"),
    (("logIndex",), 1 << 63, f"logIndex {INTEGER}"),
    (("logIndex",), "9" * 400, f"logIndex {INTEGER}"),
    (("kindVersion",), ..., "kindVersion is absent or null, not an object"),
    (("kindVersion", "version"), 1, "version is a number, not a string"),
    (("integratedTime",), ..., "integratedTime is not a time"),
    (("integratedTime",), "0", "integratedTime is not a time"),
    (("integratedTime",), "253402300800", "integratedTime is not a time"),
    (("IntegratedTime",), "1", "the member integratedTime in another spelling"),
    (("inclusionPromise", "signedEntryTimestamp"), "", "signedEntryTimestamp is empty"),
    (("inclusionPromise", "signedEntryTimestamp"), "AA=A", "signedEntryTimestamp is not base64"),
    (("inclusionPromise", "signedEntryTimestamp"), "AB==", "signedEntryTimestamp is not canonical base64"),
    (("inclusionPromise",), [], "inclusionPromise is an array, not an object"),
    (("canonicalizedBody",), ..., "canonicalizedBody is absent or null, not a string"),
    ((PROOF,), "proof", "inclusionProof is a string, not an object"),
    ((PROOF, "logIndex"), "6", "logIndex 6 of the inclusion proof is not in a tree of 6"),
    ((PROOF, "treeSize"), ..., "logIndex 3 of the inclusion proof is not in a tree of 0"),
    ((PROOF, "treeSize"), "-6", f"treeSize {INTEGER}"),
    ((PROOF, "rootHash"), b64(b"x" * 31), "rootHash is not a SHA-256 digest in base64"),
    ((PROOF, "hashes"), [b64(b"x" * 32)] * 65, "hashes has 65 items, more than the 64 that are read"),
    ((PROOF, "hashes", 0), b64(b"x" * 33), "one of hashes is not a SHA-256 digest in base64"),
    ((PROOF, "hashes", 0), None, "one of hashes is not a SHA-256 digest in base64"),
    ((PROOF, "checkpoint", "envelope"), "x" * 32_769, "a checkpoint of 32769 characters, more than 32768"),
    ((PROOF, "checkpoint", "envelope"), 1, "envelope is a number, not a string"),
]


@pytest.mark.parametrize(("path", "to", "reason"), MALFORMED)
def test_an_entry_of_a_bundle_that_is_not_well_formed_is_malformed(
    path: tuple[str | int, ...], to: object, reason: str
) -> None:
    assert refusal(with_entry(MADE, changed(entry(), *path, to=to))) == (UNREADABLE, f"log entry: {reason}")


@pytest.mark.parametrize("found", [1, [], None, True])
def test_an_entry_is_an_object_or_an_annotation(found: Any) -> None:
    candidate = replace(read(MADE.attachment()), log_entries=(found,))
    assert refusal(candidate) == (UNREADABLE, "log entry: entry is not an object")


LEGACY_MALFORMED: list[tuple[tuple[str, ...], object, str]] = [
    (("SignedEntryTimestamp",), ..., "SignedEntryTimestamp is absent or null, not a string"),
    (("SignedEntryTimestamp",), "", "SignedEntryTimestamp is empty"),
    (("Payload",), ..., "Payload is absent or null, not an object"),
    (("payload",), {}, "the member Payload in another spelling"),
    (("Payload", "body"), {}, "body is an object, not a string"),
    (("Payload", "body"), "", "body is empty"),
    (("Payload", "integratedTime"), "1748779200", f"integratedTime {INTEGER}"),
    (("Payload", "integratedTime"), ..., f"integratedTime {INTEGER}"),
    (("Payload", "integratedTime"), 0, "integratedTime is not a time"),
    (("Payload", "integratedTime"), 1.5, f"integratedTime {INTEGER}"),
    (("Payload", "logIndex"), "1003", f"logIndex {INTEGER}"),
    (("Payload", "logIndex"), True, f"logIndex {INTEGER}"),
    (("Payload", "logIndex"), -1, f"logIndex {INTEGER}"),
    (("Payload", "logID"), "AB" * 32, "logID is not the SHA-256 of a key in hexadecimal"),
    (("Payload", "logID"), "ab" * 31, "logID is not the SHA-256 of a key in hexadecimal"),
    (("Payload", "logID"), "ab" * 32 + "\n", "logID is not the SHA-256 of a key in hexadecimal"),
]


@pytest.mark.parametrize(("path", "to", "reason"), LEGACY_MALFORMED)
def test_an_annotation_that_is_not_well_formed_is_malformed(path: tuple[str, ...], to: object, reason: str) -> None:
    text = dumped(changed(annotation(), *path, to=to)).decode()
    candidate = replace(read(LEGACY.attachment()), log_entries=(text,))
    assert refusal(candidate) == (UNREADABLE, f"log entry: {reason}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "not a JSON object"),
        ("{", "not JSON: Expecting property name enclosed in double quotes at character 1"),
        ("\ud800", "not UTF-8"),
        (" " * ((1 << 20) + 1), "1048577 bytes are more than the 1048576 that are read"),
    ],
)
def test_an_annotation_that_is_no_entry_is_malformed(text: str, reason: str) -> None:
    candidate = replace(read(LEGACY.attachment()), log_entries=(text,))
    assert refusal(candidate) == (UNREADABLE, f"log entry: {reason}")


def test_the_last_second_that_a_time_can_be() -> None:
    last = changed(entry(), "integratedTime", to="253402300799")
    assert of_bundle(last).time == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@given(st.text(max_size=64))
def test_any_text_is_read_or_refused(text: str) -> None:
    fault, reason = refusal(replace(read(LEGACY.attachment()), log_entries=(text,)))
    assert fault is UNREADABLE
    assert reason.isascii()
    assert reason.isprintable()
