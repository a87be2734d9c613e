"""Every place where an artefact could have another byte, and what of it an acceptance rests on."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from rfc3161_client import decode_timestamp_response

from tests.fakes.sigstore import (
    CERTIFICATE_ANNOTATION,
    LOG_ANNOTATION,
    SIGNATURE_ANNOTATION,
    TIMESTAMP_ANNOTATION,
)
from webhook.signatures.evidence import Attachment
from webhook.signatures.outcome import Outcome

_BASE64 = re.compile(rb'(?<=")[A-Za-z0-9+/]{40,}={0,2}(?=")')
_PROMISED = ("inclusionPromise", "integratedTime", "logIndex")


def flipped(content: bytes, place: int, flip: int) -> bytes:
    other = bytearray(content)
    other[place % len(content)] ^= flip
    return bytes(other)


Change = Callable[[int, int], Attachment]
"""Takes a place and what is flipped there."""


def changes(found: Attachment) -> list[Change]:
    """Flips in the content, in every annotation, and in everything that stands in base64 in either of them."""
    texts = [name for name, text in found.annotations.items() if text]
    within = [value for value in _BASE64.findall(found.content) if len(value) % 4 == 0]
    return [
        lambda place, flip: replace(found, content=flipped(found.content, place, flip)),
        *(_annotation(found, name) for name in texts),
        *(_decoded(found, value) for value in within),
        *(_decoded_annotation(found, name, value) for name in texts for value in _values(found.annotations[name])),
    ]


def _values(text: str) -> list[bytes]:
    return [value for value in _BASE64.findall(b'"%s"' % text.encode("ascii")) if len(value) % 4 == 0]


def _reencoded(value: bytes, place: int, flip: int) -> bytes:
    return base64.b64encode(flipped(base64.b64decode(value), place, flip))


def _annotation(found: Attachment, name: str) -> Change:
    text = found.annotations[name].encode("ascii")
    return lambda place, flip: with_annotation(found, name, flipped(text, place, flip))


def _decoded(found: Attachment, value: bytes) -> Change:
    return lambda place, flip: replace(found, content=found.content.replace(value, _reencoded(value, place, flip)))


def _decoded_annotation(found: Attachment, name: str, value: bytes) -> Change:
    text = found.annotations[name].encode("ascii")
    return lambda place, flip: with_annotation(found, name, text.replace(value, _reencoded(value, place, flip)))


def with_annotation(found: Attachment, name: str, text: bytes) -> Attachment:
    return replace(found, annotations={**found.annotations, name: text.decode("latin-1")})


def foreseen(outcome: Outcome) -> bool:
    """Every fault is told as what it is; "cannot be read (…)" and the like are for those of our own."""
    return not any(trial.reason.startswith("cannot be") for trial in outcome.trials)


def proved(found: Attachment) -> object:
    """All of an artefact that an acceptance rests on."""
    if found.annotations:
        return proved_by_annotations(found), found.content
    document = json.loads(found.content)
    material = document["verificationMaterial"]
    entries = [_entry(one) for one in material.get("tlogEntries", [])]
    stamps = material.get("timestampVerificationData", {}).get("rfc3161Timestamps", [])
    envelope = document["dsseEnvelope"]
    return (
        document["mediaType"],
        material.get("certificate"),
        entries,
        [_timestamp(one["signedTimestamp"]) for one in stamps],
        (envelope["payload"], envelope["payloadType"], [one["sig"] for one in envelope["signatures"]]),
    )


def _entry(entry: dict[str, Any]) -> list[Any]:
    proof = entry["inclusionProof"]
    promise = [entry[name] for name in _PROMISED] if "inclusionPromise" in entry else None
    checkpoint = re.sub("\u2014 \\S+ ", "\u2014 ", proof["checkpoint"]["envelope"])
    path = [proof.get(name) for name in ("logIndex", "rootHash", "treeSize", "hashes")]
    return [entry["logId"], entry["kindVersion"], entry["canonicalizedBody"], promise, path, checkpoint]


def _timestamp(encoded: str) -> tuple[object, ...]:
    info = decode_timestamp_response(base64.b64decode(encoded)).tst_info
    return info.gen_time, info.message_imprint.message, info.serial_number, info.policy


def proved_by_annotations(found: Attachment) -> dict[str, object]:
    texts = found.annotations
    certificate = re.sub(r"\s", "", texts.get(CERTIFICATE_ANNOTATION, "").partition("-----END")[0])
    log = json.loads(texts[LOG_ANNOTATION]) if LOG_ANNOTATION in texts else None
    stamp = json.loads(texts[TIMESTAMP_ANNOTATION]) if TIMESTAMP_ANNOTATION in texts else None
    return {
        "signature": texts[SIGNATURE_ANNOTATION],
        "certificate": certificate,
        "log": log and [log["SignedEntryTimestamp"], log["Payload"]],
        "timestamp": stamp and _timestamp(stamp["SignedRFC3161Timestamp"]),
    }
