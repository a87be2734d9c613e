"""Whether a log has an entry, and when it came: promises, proofs, checkpoints, keys, windows."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.sigstore import (
    LOG_ANNOTATION,
    SIGNED_AT,
    Form,
    Log,
    Recipe,
    Sigstore,
    b64,
    bundled,
    changed,
    proved,
    services,
    signature,
)
from tests.fakes.sigstore.encoding import dumped
from tests.signatures.attacks.trial import Attack
from webhook.signatures.evidence import Attachment
from webhook.signatures.faults import Fault

V2: dict[str, Any] = {"log": Log.V2, "timestamp": True}
LEGACY: dict[str, Any] = {"form": Form.LEGACY, "log": Log.PROMISE}
REKOR = services().rekor


def entry(*path: str | int, to: object, **recipe: Any) -> Attachment:
    """A bundle whose log entry differs in one value."""
    made = Recipe(**recipe).make()
    assert made.entry is not None
    return replace(made, entry=changed(made.entry, *path, to=to)).attachment()


def entries(*found: object) -> Attachment:
    return bundled(changed(Recipe().make().bundle(), "verificationMaterial", "tlogEntries", to=list(found)))


def annotation(*path: str, to: object) -> Attachment:
    """A layer whose log annotation differs in one value."""
    made = signature(**LEGACY)
    document = changed(json.loads(made.annotations[LOG_ANNOTATION]), *path, to=to)
    return annotated(dumped(document).decode("ascii"))


def annotated(text: str) -> Attachment:
    made = signature(**LEGACY)
    return replace(made, annotations={**made.annotations, LOG_ANNOTATION: text})


def proof(*path: str | int, to: object, **recipe: Any) -> Attachment:
    return entry("inclusionProof", *path, to=to, **recipe)


def good(**recipe: Any) -> dict[str, Any]:
    found = Recipe(**recipe).make().entry
    assert found is not None
    return found


def checkpoint(change: Callable[[str], str], **recipe: Any) -> Attachment:
    text = change(good(**recipe)["inclusionProof"]["checkpoint"]["envelope"])
    return proof("checkpoint", "envelope", to=text, **recipe)


def unpromised(**recipe: Any) -> Attachment:
    """A bundle whose log entry has its proof alone."""
    made = Recipe(timestamp=True, **recipe).make()
    return replace(made, entry=proved(made.entry or {})).attachment()


def impostor() -> Sigstore:
    """Services whose logs have other keys under the same names and IDs."""
    own, other = services(), services("example.org")
    return replace(
        own,
        rekor=replace(other.rekor, host=own.rekor.host, claimed_id=own.rekor.id),
        rekor_v2=replace(other.rekor_v2, host=own.rekor_v2.host, claimed_id=own.rekor_v2.id),
    )


MISSING: dict[str, Callable[[], Attachment]] = {
    "SIG-18 stripped": lambda: signature(log=Log.NONE),
    "SIG-18 stripped, with a timestamp": lambda: signature(log=Log.NONE, timestamp=True),
    "SIG-18 stripped from a layer": lambda: signature(form=Form.LEGACY, log=Log.NONE),
    "SIG-18 empty annotation": lambda: annotated(""),
    "SIG-18 no entries": entries,
    "entries that are null": lambda: bundled(
        changed(Recipe().make().bundle(), "verificationMaterial", "tlogEntries", to=None)
    ),
}

MALFORMED: dict[str, Callable[[], Attachment]] = {
    "two entries": lambda: entries(good(), good()),
    "entry that is null": lambda: entries(None),
    "entry as text": lambda: entries(json.dumps(good())),
    "SIG-16 negative index": lambda: entry("logIndex", to="-1"),
    "index with a sign": lambda: entry("logIndex", to="+1003"),
    "index in other digits": lambda: entry("logIndex", to="\u0661"),
    "index as a fraction": lambda: entry("logIndex", to=1003.0),
    "index that is true": lambda: entry("logIndex", to=True),
    "time beyond all years": lambda: entry("integratedTime", to="9223372036854775807"),
    "no kind": lambda: entry("kindVersion", to=...),
    "no body": lambda: entry("canonicalizedBody", to=...),
    "body that is no base64": lambda: entry("canonicalizedBody", to="{}"),
    "no log ID": lambda: entry("logId", to=...),
    "log ID cut off": lambda: entry("logId", "keyId", to=b64(REKOR.id[:31])),
    "SIG-16 negative index of the proof": lambda: proof("logIndex", to="-1"),
    "index beyond the tree": lambda: proof("logIndex", to="6"),
    "empty tree": lambda: proof("treeSize", to="0"),
    "hash cut off": lambda: proof("hashes", 0, to="AAAA"),
    "more hashes than a tree has levels": lambda: proof("hashes", to=[b64(bytes(32))] * 65),
    "root hash of another length": lambda: proof("rootHash", to=b64(bytes(20))),
    "C7 index as a string": lambda: annotation("Payload", "logIndex", to="1003"),
    "C7 time as a string": lambda: annotation("Payload", "integratedTime", to=str(int(SIGNED_AT.timestamp()))),
    "time as a fraction": lambda: annotation("Payload", "integratedTime", to=SIGNED_AT.timestamp()),
    "log ID in upper case": lambda: annotation("Payload", "logID", to=REKOR.id.hex().upper()),
    "log ID as a number": lambda: annotation("Payload", "logID", to=7),
    "body as an object": lambda: annotation("Payload", "body", to={}),
    "no promise": lambda: annotation("SignedEntryTimestamp", to=...),
    "empty promise": lambda: annotation("SignedEntryTimestamp", to=""),
    "no payload": lambda: annotation("Payload", to=...),
    "annotation that is no JSON": lambda: annotated("{"),
    "annotation with a key twice": lambda: annotated('{"Payload":{},"Payload":{}}'),
    "annotation as a list": lambda: annotated("[]"),
}

UNKNOWN: dict[str, Callable[[], Attachment]] = {
    "SIG-15 another instance's log": lambda: signature(
        services=replace(services(), rekor=services("example.org").rekor)
    ),
    "another instance's Rekor 2": lambda: signature(
        services=replace(services(), rekor_v2=services("example.org").rekor_v2), **V2
    ),
    "ID of another log": lambda: entry("logId", "keyId", to=b64(bytes(32))),
    "ID of another log in a layer": lambda: annotation("Payload", "logID", to=bytes(32).hex()),
}

PROMISE: dict[str, Callable[[], Attachment]] = {
    "C7 other time": lambda: entry("integratedTime", to=str(int(SIGNED_AT.timestamp()) + 1)),
    "C7 other index": lambda: entry("logIndex", to="1004"),
    "ID of another log of the trust root": lambda: entry("logId", "keyId", to=b64(services().rekor_v2.id)),
    "SIG-15 of another entry": lambda: entry("inclusionPromise", to=good()["inclusionPromise"]),
    "SIG-15 by another key": lambda: entry(
        "inclusionPromise",
        to=good(services=replace(services(), rekor=services("example.org").rekor))["inclusionPromise"],
    ),
    "SIG-15 by another key under the log's name and ID": lambda: signature(services=impostor()),
    "SIG-15 by another key under the log's ID in a layer": lambda: signature(services=impostor(), **LEGACY),
    "promise that is no signature": lambda: entry("inclusionPromise", "signedEntryTimestamp", to="AAAA"),
    "C7 other time in a layer": lambda: annotation("Payload", "integratedTime", to=int(SIGNED_AT.timestamp()) + 1),
    "C7 other index in a layer": lambda: annotation("Payload", "logIndex", to=1004),
    "index beyond what canonical JSON says": lambda: annotation("Payload", "logIndex", to=1 << 60),
    "ID of another log of the trust root in a layer": lambda: annotation(
        "Payload", "logID", to=services().rekor_v2.id.hex()
    ),
    "SIG-15 body of another entry": lambda: annotation("Payload", "body", to=good(**LEGACY)["canonicalizedBody"]),
    "promise of another entry in a layer": lambda: annotation(
        "SignedEntryTimestamp", to=good(**LEGACY)["inclusionPromise"]["signedEntryTimestamp"]
    ),
}


def renamed() -> Sigstore:
    """Services whose Rekor 2 signs checkpoints under another origin."""
    own = services()
    return replace(own, rekor_v2=replace(own.rekor_v2, host="log2026.rekor.example.com", claimed_id=own.rekor_v2.id))


PROOF: dict[str, Callable[[], Attachment]] = {
    "no proof": lambda: signature(log=Log.PROMISE),
    "empty proof": lambda: entry("inclusionProof", to={}),
    "SIG-16 of another entry": lambda: entry("inclusionProof", to=good()["inclusionProof"]),
    "SIG-16 of another entry of Rekor 2": lambda: entry("inclusionProof", to=good(**V2)["inclusionProof"], **V2),
    "of another place in the tree": lambda: proof("logIndex", to="2"),
    "of another size": lambda: proof("treeSize", to="7"),
    "without its last hash": lambda: proof("hashes", to=good()["inclusionProof"]["hashes"][:-1]),
    "without hashes": lambda: proof("hashes", to=[]),
    "with a hash more": lambda: proof("hashes", 0, to=b64(bytes(32))),
    "SIG-16 to another root": lambda: proof("rootHash", to=b64(bytes(32))),
    "no checkpoint": lambda: proof("checkpoint", to=...),
    "empty checkpoint": lambda: checkpoint(lambda _: ""),
    "checkpoint of another entry's tree": lambda: proof("checkpoint", to=good()["inclusionProof"]["checkpoint"]),
    "checkpoint of another tree of Rekor 2": lambda: proof(
        "checkpoint", to=good(**V2)["inclusionProof"]["checkpoint"], **V2
    ),
    "checkpoint of another size": lambda: checkpoint(lambda text: text.replace("\n6\n", "\n7\n")),
    "checkpoint with another origin": lambda: checkpoint(lambda text: text.replace("rekor.example.com -", "evil -")),
    "SIG-16 checkpoint with another hint": lambda: checkpoint(
        lambda text: text.replace(b64(REKOR.id[:3]), b64(bytes(3)))
    ),
    "checkpoint without a signature": lambda: checkpoint(lambda text: text[: text.index("\u2014")]),
    "checkpoint without a line end": lambda: checkpoint(str.rstrip),
    "checkpoint of Rekor 2 with another origin": lambda: checkpoint(
        lambda text: text.replace("log2025.rekor.example.com\n", "evil.example.com\n", 1), **V2
    ),
    "of another log by the same key": lambda: unpromised(services=renamed(), log=Log.V2),
    "by another key under the log's name and ID": lambda: unpromised(services=impostor()),
    "by another key under the name and ID of Rekor 2": lambda: unpromised(services=impostor(), log=Log.V2),
}

TABLES = {
    Fault.LOG_ENTRY_MISSING: MISSING,
    Fault.LOG_ENTRY_MALFORMED: MALFORMED,
    Fault.LOG_UNKNOWN: UNKNOWN,
    Fault.LOG_PROMISE_INVALID: PROMISE,
    Fault.LOG_PROOF_INVALID: PROOF,
}


@pytest.mark.parametrize(
    ("fault", "make"),
    [pytest.param(fault, make, id=name) for fault, table in TABLES.items() for name, make in table.items()],
)
def test_entries_that_no_log_has_are_refused(fault: Fault, make: Callable[[], Attachment]) -> None:
    Attack(make(), fault).check()
