import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA256

from tests.fakes.sigstore import NOW, SIGNED_AT, Artefact, Form, Log, Recipe, b64, changed, promised, proved, services
from tests.fakes.sigstore.encoding import Document
from tests.fakes.sigstore.keys import key_id, private_key, sign, spki
from tests.fakes.sigstore.rekor import RekorV1, RekorV2, signed_note
from tests.fakes.sigstore.times import AUTHORITIES_START
from tests.signatures.proving import read, with_entry
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.proofs.log_entries import LogEntry
from webhook.signatures.proofs.log_keys import LogKey
from webhook.signatures.proofs.note_keys import note_key_id
from webhook.signatures.proofs.transparency_log import Logged, verified
from webhook.signatures.validity import Window, moment

EVER = Window(AUTHORITIES_START)
V1, V2 = services().rekor, services().rekor_v2
SECOND = timedelta(seconds=1)
PROOF = "inclusionProof"
CHECKPOINT = (PROOF, "checkpoint", "envelope")

BUNDLED = Recipe().make()
REKOR_2 = Recipe(log=Log.V2).make()
LEGACY = Recipe(form=Form.LEGACY).make()


def known(log: RekorV1 | RekorV2, window: Window = EVER, **other: Any) -> dict[bytes, LogKey]:
    details = "PKIX_ECDSA_P256_SHA_256" if isinstance(log, RekorV1) else "PKIX_ED25519"
    found = LogKey.of(spki(log.key), details, log_id=log.id, window=window, name=log.host)
    changed_key = replace(found, **other)
    return {changed_key.id: changed_key}


LOGS = known(V1) | known(V2)


def judge(made: Artefact, entry: Document | None = None, logs: Any = None, times: tuple[datetime, ...] = ()) -> Logged:
    candidate = read(made.attachment()) if entry is None else with_entry(made, entry)
    return verified(LogEntry.of(candidate), LOGS if logs is None else logs, times, NOW)


def refused(fault: Fault, reason: str, act: Callable[[], Logged]) -> None:
    with pytest.raises(RefusedError) as caught:
        act()
    assert (caught.value.fault, caught.value.reason) == (fault, reason)


def entry_of(made: Artefact) -> Document:
    assert made.entry is not None
    return made.entry


def unproved(made: Artefact, entry: Document, reason: str, logs: Any = None) -> None:
    refused(Fault.LOG_PROOF_INVALID, f"the inclusion proof {reason}", lambda: judge(made, entry, logs))


def test_an_entry_with_promise_and_proof_is_in_the_log() -> None:
    found = judge(BUNDLED)
    assert found == Logged("rekor.example.com", 1003, SIGNED_AT)
    assert str(found) == "log entry 1003 of rekor.example.com at 2025-06-01T12:00:00Z"


def test_an_entry_of_the_older_format_is_promised() -> None:
    assert judge(LEGACY) == Logged("rekor.example.com", 1003, SIGNED_AT)


def test_an_entry_of_rekor_2_is_proved_and_has_no_time() -> None:
    found = judge(REKOR_2)
    assert found == Logged("log2025.rekor.example.com", 3, None)
    assert str(found) == "log entry 3 of log2025.rekor.example.com"


def test_what_nobody_signed_is_not_told() -> None:
    """Without a promise neither the time nor the index in the whole log is the log's word."""
    unsigned = proved(entry_of(BUNDLED)) | {"integratedTime": "1", "logIndex": "77"}
    assert judge(BUNDLED, unsigned) == Logged("rekor.example.com", 3, None)


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    for key, child in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from leaves(child, (*path, key))


def another(value: str) -> str:
    """Another value of the same form: a number, a digest or a text in base64, or a text."""
    if value.isdecimal():
        return str(int(value) + 1)
    try:
        decoded = base64.b64decode(value, validate=True)
    except ValueError:
        return value.replace("rekor", "recor")
    return b64(bytes([decoded[0] ^ 1]) + decoded[1:])


SIGNED_V1 = [path for path, _ in leaves(entry_of(BUNDLED)) if path[0] != "kindVersion"]
SIGNED_V2 = [path for path, _ in leaves(entry_of(REKOR_2)) if path[0] not in {"kindVersion", "logIndex"}]


@pytest.mark.parametrize(
    ("made", "path"), [*((BUNDLED, path) for path in SIGNED_V1), *((REKOR_2, path) for path in SIGNED_V2)]
)
def test_everything_in_an_entry_is_signed_but_the_kind_that_it_is_said_to_be(
    made: Artefact, path: tuple[str | int, ...]
) -> None:
    value = dict(leaves(entry_of(made)))[path]
    with pytest.raises(RefusedError) as caught:
        judge(made, changed(entry_of(made), *path, to=another(value)))
    assert caught.value.fault in {
        Fault.LOG_UNKNOWN,
        Fault.LOG_PROMISE_INVALID,
        Fault.LOG_PROOF_INVALID,
        Fault.LOG_ENTRY_MALFORMED,
    }


def test_a_log_that_the_trust_root_does_not_have_is_unknown() -> None:
    stranger = services("example.org").rekor
    reason = f"log {stranger.id.hex()} is not one of the trust root's"
    made = Recipe(services=services("example.org")).make()
    refused(Fault.LOG_UNKNOWN, reason, lambda: judge(made))


def test_an_entry_of_an_unknown_log_is_not_tried_with_the_keys_of_others() -> None:
    foreign = changed(entry_of(BUNDLED), "logId", "keyId", to=b64(b"x" * 32))
    reason = f"log {(b'x' * 32).hex()} is not one of the trust root's"
    refused(Fault.LOG_UNKNOWN, reason, lambda: judge(BUNDLED, foreign))


NOT_PROMISED = "the signed entry timestamp is not by rekor.example.com over this entry"


def test_a_promise_of_another_log_is_refused_though_it_is_named_as_this_one() -> None:
    stranger = replace(services("example.org").rekor, host=V1.host)
    other = replace(services(), rekor=stranger)
    made = Recipe(services=other).make()
    foreign = changed(entry_of(made), "logId", "keyId", to=b64(V1.id))
    refused(Fault.LOG_PROMISE_INVALID, NOT_PROMISED, lambda: judge(made, foreign))


def test_a_promise_of_another_entry_is_refused() -> None:
    promise = entry_of(Recipe().make())["inclusionPromise"]
    mixed = entry_of(BUNDLED) | {"inclusionPromise": promise}
    refused(Fault.LOG_PROMISE_INVALID, NOT_PROMISED, lambda: judge(BUNDLED, mixed))


@pytest.mark.parametrize(
    ("name", "value"), [("integratedTime", int(SIGNED_AT.timestamp()) + 1), ("logIndex", 4), ("body", "AAAA")]
)
def test_a_promise_of_the_older_format_covers_everything(name: str, value: object) -> None:
    document = json.loads(str(read(LEGACY.attachment()).log_entries[0]))
    text = json.dumps(changed(document, "Payload", name, to=value))
    entry = LogEntry.of(replace(read(LEGACY.attachment()), log_entries=(text,)))
    refused(Fault.LOG_PROMISE_INVALID, NOT_PROMISED, lambda: verified(entry, LOGS, (), NOW))


def test_an_index_that_canonical_json_cannot_say_was_not_promised() -> None:
    huge = changed(entry_of(BUNDLED), "logIndex", to=str(1 << 53))
    reason = "the log index is more than canonical JSON can say"
    refused(Fault.LOG_PROMISE_INVALID, reason, lambda: judge(BUNDLED, huge))


def test_a_proof_is_checked_though_a_promise_is_there() -> None:
    wrong = changed(entry_of(BUNDLED), PROOF, "hashes", 0, to=b64(b"x" * 32))
    unproved(BUNDLED, wrong, "does not lead from the entry to the root hash")


def test_a_proof_has_as_many_hashes_as_the_tree_has_levels() -> None:
    short = changed(entry_of(BUNDLED), PROOF, "hashes", to=[])
    unproved(BUNDLED, short, "does not lead from the entry to the root hash")


def test_a_proof_of_another_entry_is_refused() -> None:
    mixed = entry_of(REKOR_2) | {PROOF: entry_of(Recipe(log=Log.V2).make())[PROOF]}
    unproved(REKOR_2, mixed, "does not lead from the entry to the root hash")


@pytest.mark.parametrize(
    "checkpoint",
    [
        "",
        "\n\n",
        "rekor.example.com - 1",
        "rekor.example.com - 1\n6\n!\n\n\u2014 rekor.example.com !\n",
        "rekor.example.com - 1\nsix\nAAAA\n\n\u2014 rekor.example.com AAAAAAAA\n",
        "rekor.example.com - 1\n6\nAAAA\n\n\u2014 rekor.example.com AAAA\n",
        "rekor.example.com - 1\n6\nAAAA\n\n\u2014 rekor.example.com AAAAAAAA",
    ],
)
def test_a_checkpoint_that_is_none_is_refused(checkpoint: str) -> None:
    entry = changed(entry_of(BUNDLED), *CHECKPOINT, to=checkpoint)
    unproved(BUNDLED, entry, "has no checkpoint that rekor.example.com signed")


def test_a_proof_without_a_checkpoint_is_none() -> None:
    entry = changed(entry_of(BUNDLED), PROOF, "checkpoint", to=...)
    unproved(BUNDLED, entry, "has no checkpoint that rekor.example.com signed")


def noted(log: RekorV1 | RekorV2, note: str, hint: bytes, **other: Any) -> str:
    """A checkpoint as one wants it, signed by the log's key."""
    signature = sign(other.get("key", log.key), note.encode(), SHA256())
    return signed_note(note, other.get("name", log.host), hint + signature)


def head(made: Artefact, origin: str, size: int = 6) -> str:
    return f"{origin}\n{size}\n{entry_of(made)[PROOF]['rootHash']}\n"


def with_checkpoint(made: Artefact, checkpoint: str) -> Document:
    return changed(entry_of(made), *CHECKPOINT, to=checkpoint)


def test_a_checkpoint_by_another_key_is_refused() -> None:
    forged = noted(V2, head(REKOR_2, V2.host), V2.id[:4], key=private_key("stranger", "Ed25519"))
    reason = "has no checkpoint that log2025.rekor.example.com signed"
    unproved(REKOR_2, with_checkpoint(REKOR_2, forged), reason)


def test_a_checkpoint_whose_hint_is_of_another_key_is_refused() -> None:
    hinted = noted(V2, head(REKOR_2, V2.host), b"hint")
    reason = "has no checkpoint that log2025.rekor.example.com signed"
    unproved(REKOR_2, with_checkpoint(REKOR_2, hinted), reason)


def test_a_checkpoint_is_of_the_tree_of_the_proof() -> None:
    larger = noted(V2, head(REKOR_2, V2.host, size=7), V2.id[:4])
    unproved(REKOR_2, with_checkpoint(REKOR_2, larger), "is of another tree than its checkpoint")
    note = f"{V2.host}\n6\n{b64(b'x' * 32)}\n"
    other = noted(V2, note, V2.id[:4])
    unproved(REKOR_2, with_checkpoint(REKOR_2, other), "is of another tree than its checkpoint")


def test_witnesses_may_sign_a_checkpoint_too() -> None:
    own = entry_of(REKOR_2)[PROOF]["checkpoint"]["envelope"]
    note, _, lines = own.partition("\n\n")
    witness = f"\u2014 witness.example {b64(b'wit1' + b'x' * 72)}\n"
    for signatures in (f"{lines}{witness}", f"{witness}{lines}"):
        judge(REKOR_2, with_checkpoint(REKOR_2, f"{note}\n\n{signatures}"))


OTHER_LOG = "has a checkpoint of another log than log2025.rekor.example.com"


@pytest.mark.parametrize("origin", ["other.rekor.example.com", "log2025.rekor.example.com - 1193050959916656506"])
def test_rekor_2_calls_itself_as_its_id_says(origin: str) -> None:
    renamed = noted(V2, head(REKOR_2, origin), V2.id[:4])
    unproved(REKOR_2, with_checkpoint(REKOR_2, renamed), OTHER_LOG)


def test_rekor_2_may_have_another_name_than_its_address() -> None:
    """As where cosign was told an origin and a URL."""
    judge(REKOR_2, logs=known(V2, name="localhost"))


def test_rekor_2_with_an_ecdsa_key_calls_itself_as_its_address() -> None:
    """The id of such a key has no name in it, and is the same for all logs that share the key."""
    named = with_checkpoint(BUNDLED, noted(V1, head(BUNDLED, V1.host), V1.id[:4]))
    judge(BUNDLED, named)
    renamed = with_checkpoint(BUNDLED, noted(V1, head(BUNDLED, "rekor.example.org"), V1.id[:4]))
    unproved(BUNDLED, renamed, "has a checkpoint of another log than rekor.example.com")


@pytest.mark.parametrize(
    "origin", ["host - 1 evil", "host - 1\u00b2", "host -  1", "host - ", " - 1", "host evil - 1", "evil host - 1 - 2"]
)
def test_the_number_of_rekor_1s_tree_ends_its_name(origin: str) -> None:
    renamed = with_checkpoint(BUNDLED, noted(V1, head(BUNDLED, origin), V1.id[:4]))
    unproved(BUNDLED, renamed, "has a checkpoint of another log than rekor.example.com")


def test_rekor_1_may_have_been_given_any_host_name() -> None:
    judge(BUNDLED, with_checkpoint(BUNDLED, noted(V1, head(BUNDLED, "rekor-server-0 - 12"), V1.id[:4])))


def test_rekor_1_may_have_an_ed25519_key() -> None:
    """Rekor 1 takes the hash of the key for an id, whatever its kind."""
    key = private_key("log ed25519", "Ed25519")
    body = base64.b64decode(entry_of(BUNDLED)["canonicalizedBody"])
    log = RekorV1(V1.host, key)
    entry = log.entry(json.loads(body), SIGNED_AT)
    mine = LogKey.of(spki(key), "PKIX_ED25519", log_id=key_id(key), window=EVER, name=log.host)
    assert judge(BUNDLED, entry, {mine.id: mine}).time == SIGNED_AT


def test_ids_of_rsa_keys_have_the_name_in_them() -> None:
    """The example of C2SP's signed-note leaves the type of such keys to their users; Rekor 2 documents its own."""
    key = private_key("log rsa", "RSA-2048")
    mine = LogKey.of(spki(key), "PKIX_RSA_PKCS1V15_2048_SHA256", log_id=b"", window=EVER, name="log.example.com")
    expected = hashlib.sha256(b"log.example.com\n\xffPKIX-RSA-PKCS#1v1.5" + spki(key)).digest()
    assert note_key_id(mine, "log.example.com") == expected


@pytest.mark.parametrize("window", [Window(SIGNED_AT), Window(AUTHORITIES_START, SIGNED_AT)])
def test_a_logs_window_has_both_its_ends_in_it(window: Window) -> None:
    judge(BUNDLED, logs=known(V1, window))
    judge(REKOR_2, logs=known(V2, window), times=(SIGNED_AT,))


@pytest.mark.parametrize(
    ("window", "shown"),
    [
        (Window(SIGNED_AT + SECOND), "from 2025-06-01T12:00:01Z"),
        (Window(AUTHORITIES_START, SIGNED_AT - SECOND), "2024-01-01T00:00:00Z to 2025-06-01T11:59:59Z"),
    ],
)
def test_a_log_is_valid_at_the_time_of_its_entry(window: Window, shown: str) -> None:
    reason = f"the log rekor.example.com is valid {shown}, the entry is of 2025-06-01T12:00:00Z"
    for made in (BUNDLED, LEGACY):
        with pytest.raises(RefusedError) as caught:
            judge(made, logs=known(V1, window), times=(SIGNED_AT - 2 * SECOND, SIGNED_AT + 2 * SECOND))
        assert (caught.value.fault, caught.value.reason) == (Fault.LOG_OUTSIDE_VALIDITY, reason)


def test_where_the_log_tells_no_time_one_of_the_timestamps_lies_in_its_window() -> None:
    logs = known(V2, Window(AUTHORITIES_START, SIGNED_AT))
    judge(REKOR_2, logs=logs, times=(NOW, SIGNED_AT))
    reason = (
        "the log log2025.rekor.example.com is valid 2024-01-01T00:00:00Z to 2025-06-01T12:00:00Z, "
        "the entry is of 2025-06-01T12:00:01Z"
    )
    late = (SIGNED_AT + SECOND, NOW)
    refused(Fault.LOG_OUTSIDE_VALIDITY, reason, lambda: judge(REKOR_2, logs=logs, times=late))


@pytest.mark.parametrize("window", [Window(NOW), Window(AUTHORITIES_START, NOW)])
def test_an_entry_without_any_time_is_one_of_now(window: Window) -> None:
    """A key needs no time. Whoever has the key of a log that is over can make entries to this day."""
    assert judge(REKOR_2, logs=known(V2, window)).time is None


@pytest.mark.parametrize(
    ("window", "shown"),
    [
        (Window(AUTHORITIES_START, NOW - SECOND), f"2024-01-01T00:00:00Z to {moment(NOW - SECOND)}"),
        (Window(NOW + SECOND), f"from {moment(NOW + SECOND)}"),
    ],
)
def test_a_log_that_is_over_has_no_entry_without_a_time(window: Window, shown: str) -> None:
    reason = f"the log log2025.rekor.example.com is valid {shown}, and nothing says that the entry is of then"
    refused(Fault.LOG_OUTSIDE_VALIDITY, reason, lambda: judge(REKOR_2, logs=known(V2, window)))
    unsigned = proved(entry_of(BUNDLED))
    with pytest.raises(RefusedError) as caught:
        judge(BUNDLED, unsigned, logs=known(V1, window))
    assert caught.value.fault is Fault.LOG_OUTSIDE_VALIDITY


def test_a_promise_alone_is_no_entry_of_a_bundle() -> None:
    refused(
        Fault.LOG_PROOF_INVALID,
        "the log entry has no inclusion proof",
        lambda: judge(BUNDLED, promised(entry_of(BUNDLED))),
    )
