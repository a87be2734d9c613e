"""What lies beside images, written by whoever may push there: bundles, envelopes, payloads and their annotations."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

import msgspec

from tests.fuzz.reading import is_told
from tests.fuzz.seeds import BUNDLED, BUNDLES, SIGNED
from tests.signatures.forge import BUNDLE_MEDIA_TYPE, SIGNATURE_ANNOTATION, WITHOUT_ROOTS
from tests.signatures.recorded import Recording
from webhook.signatures import bundle as bundles
from webhook.signatures import cosign, dsse, strict_json
from webhook.signatures.authorities import KeyAuthority, Requirement
from webhook.signatures.candidate import Candidate, CandidateError
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.strict_json import JsonError
from webhook.signatures.verify import verify

_MAX_BYTES: Final = 1 << 20


def _bundled(content: bytes) -> Attachment:
    return replace(BUNDLED.evidence.attachments[0], content=content, media_type=BUNDLE_MEDIA_TYPE)


_SIGNED: Final = frozenset(bundles.parse(_bundled(content)).payload for content in BUNDLES)
"""All that the key has signed as bundles."""


def json_document(data: bytes) -> bool:
    """Strict JSON is JSON to every reader, and no key of it stands twice."""
    try:
        value = strict_json.loads(data, _MAX_BYTES)
    except JsonError as error:
        is_told(str(error))
        return False
    assert json.loads(data.decode("utf-8"), object_pairs_hook=_once) == value
    return True


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def bundle(data: bytes) -> bool:
    """A bundle verifies only with the payload that was signed."""
    attachment = _bundled(data)
    try:
        candidate = bundles.parse(attachment)
    except CandidateError as error:
        is_told(str(error))
        candidate = None
    if _verifies(BUNDLED, attachment):
        assert candidate is not None
        assert candidate.payload in _SIGNED
    if candidate is not None:
        _is_consistent(candidate)
    return candidate is not None


def attestation(data: bytes) -> bool:
    """What a signature of an envelope covers is its payload as it stands."""
    try:
        candidate = cosign.parse_attestation(Attachment("layer", "application/vnd.dsse.envelope.v1+json", data))
    except CandidateError as error:
        is_told(str(error))
        return False
    _is_consistent(candidate)
    return True


def _is_consistent(candidate: Candidate) -> None:
    prefix = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(candidate.payload)
    assert candidate.message == prefix + candidate.payload
    if candidate.sealed:
        return
    assert candidate.statement == json.loads(candidate.payload.decode())
    assert all(claim.digest.startswith("sha256:") for claim in candidate.claims)
    assert dsse.opened(replace(candidate, sealed=True)).claims == candidate.claims


def payload(data: bytes) -> bool:
    """A simple signing payload verifies exactly as it was signed."""
    signed = SIGNED.evidence.attachments[0]
    attachment = replace(signed, content=data)
    assert _verifies(SIGNED, attachment) is (data == signed.content)
    return _is_parsed(attachment)


def signature_annotations(data: bytes) -> bool:
    """Annotations verify a payload only where they hold the signature of it."""
    try:
        changed = msgspec.json.decode(data, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeDecodeError):  # the manifest would be refused
        return False
    signed = SIGNED.evidence.attachments[0]
    attachment = replace(signed, annotations=changed)
    if _verifies(SIGNED, attachment):
        text = changed[SIGNATURE_ANNOTATION]
        assert text.replace("\r", "").replace("\n", "") == signed.annotations[SIGNATURE_ANNOTATION]
    return _is_parsed(attachment)


def _is_parsed(attachment: Attachment) -> bool:
    try:
        cosign.parse(attachment)
    except CandidateError as error:
        is_told(str(error))
        return False
    return True


def _verifies(recorded: Recording, attachment: Attachment) -> bool:
    """Whether the evidence of this attachment alone satisfies the key that signed the recording."""
    wanted = Requirement(1, (KeyAuthority("release", recorded.keys["p256"], {}),))
    outcome = verify(Evidence((attachment,)), recorded.digest, wanted, WITHOUT_ROOTS)
    assert outcome.verified is (outcome.code is None)
    return outcome.verified
