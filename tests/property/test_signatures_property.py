"""No change of one byte of what was signed verifies, and no bytes whatever bring about more than a refusal."""

import base64
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signatures.forge import (
    BUNDLE_MEDIA_TYPE,
    DIGEST,
    SIGNATURE_ANNOTATION,
    SIMPLE_MEDIA_TYPE,
    WITHOUT_ROOTS,
    b64,
    bundle,
    bundled,
    dumped,
    evidence,
    payload,
    required,
    signer,
    simple,
    statement,
)
from webhook.signatures import strict_json
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.strict_json import JsonError
from webhook.signatures.verify import Outcome, verify

RELEASE = signer("release")
WANTED = required(RELEASE.authority(team="red"))

SIMPLE = simple(RELEASE, dumped(payload(optional={"team": "red"})))
BUNDLE = bundle(RELEASE, dumped(statement(annotations={"team": "red"})))

MEDIA_TYPES = (
    SIMPLE_MEDIA_TYPE,
    BUNDLE_MEDIA_TYPE,
    "application/vnd.dsse.envelope.v1+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
)

flips = st.integers(min_value=1, max_value=255)
places = st.integers(min_value=0, max_value=1 << 16)
texts = st.text(max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(texts, children, max_size=4),
    max_leaves=20,
)


def judged(*attachments: Attachment) -> Outcome:
    return verify(evidence(*attachments), DIGEST, WANTED, WITHOUT_ROOTS)


def flipped(content: bytes, place: int, flip: int) -> bytes:
    """The content with one byte changed."""
    changed = bytearray(content)
    changed[place % len(content)] ^= flip
    return bytes(changed)


def with_envelope(**parts: Any) -> Attachment:
    return bundled({**BUNDLE, "dsseEnvelope": {**BUNDLE["dsseEnvelope"], **parts}})


def test_the_unchanged_ones_verify() -> None:
    assert judged(SIMPLE).verified
    assert judged(bundled(BUNDLE)).verified


@given(place=places, flip=flips)
def test_no_changed_byte_of_a_simple_payload_verifies(place: int, flip: int) -> None:
    changed = flipped(SIMPLE.content, place, flip)
    assert not judged(Attachment(SIMPLE.source, SIMPLE.media_type, changed, SIMPLE.annotations)).verified


@given(place=places, flip=flips)
def test_no_changed_byte_of_a_simple_signature_verifies(place: int, flip: int) -> None:
    signature = base64.b64decode(SIMPLE.annotations[SIGNATURE_ANNOTATION])
    changed = {SIGNATURE_ANNOTATION: b64(flipped(signature, place, flip))}
    assert not judged(Attachment(SIMPLE.source, SIMPLE.media_type, SIMPLE.content, changed)).verified


@given(place=places, character=st.characters(exclude_characters="\r\n"))
def test_no_changed_character_of_an_encoded_signature_verifies(place: int, character: str) -> None:
    text = SIMPLE.annotations[SIGNATURE_ANNOTATION]
    place %= len(text)
    changed = f"{text[:place]}{character}{text[place + 1 :]}"
    found = Attachment(SIMPLE.source, SIMPLE.media_type, SIMPLE.content, {SIGNATURE_ANNOTATION: changed})
    assert judged(found).verified is (changed == text)


@given(place=places, flip=flips)
def test_no_changed_byte_of_a_statement_verifies(place: int, flip: int) -> None:
    content = base64.b64decode(BUNDLE["dsseEnvelope"]["payload"])
    assert not judged(with_envelope(payload=b64(flipped(content, place, flip)))).verified


@given(place=places, flip=flips)
def test_no_changed_byte_of_an_enveloped_signature_verifies(place: int, flip: int) -> None:
    signature = base64.b64decode(BUNDLE["dsseEnvelope"]["signatures"][0]["sig"])
    assert not judged(with_envelope(signatures=[{"sig": b64(flipped(signature, place, flip))}])).verified


PATHS = (
    ("mediaType",),
    ("verificationMaterial",),
    ("dsseEnvelope",),
    ("dsseEnvelope", "payload"),
    ("dsseEnvelope", "payloadType"),
    ("dsseEnvelope", "signatures"),
    ("dsseEnvelope", "signatures", 0),
    ("dsseEnvelope", "signatures", 0, "sig"),
)


@given(path=st.sampled_from(PATHS), value=json_values)
def test_no_replaced_value_of_a_bundle_verifies(path: tuple[str | int, ...], value: object) -> None:
    document: Any = json.loads(json.dumps(BUNDLE))
    parent = document
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    assert not judged(bundled(document)).verified


@given(place=places, flip=flips)
def test_a_changed_byte_of_a_bundle_verifies_only_where_it_is_not_evidence(place: int, flip: int) -> None:
    """The hint, and members that nobody reads, may be anything; what is signed, and how, may not."""
    changed = flipped(dumped(BUNDLE), place, flip)
    if judged(bundled(changed)).verified:
        document = json.loads(changed)
        assert document["dsseEnvelope"] == BUNDLE["dsseEnvelope"]
        assert document["mediaType"] == BUNDLE["mediaType"]
        assert "publicKey" in document["verificationMaterial"]


@settings(max_examples=300)
@given(
    media_type=st.sampled_from(MEDIA_TYPES) | texts,
    content=st.binary(max_size=300) | json_values.map(dumped) | texts.map(str.encode),
    annotations=st.dictionaries(st.just(SIGNATURE_ANNOTATION) | texts, texts),
)
def test_arbitrary_bytes_never_raise_and_never_verify(
    media_type: str, content: bytes, annotations: dict[str, str]
) -> None:
    outcome = judged(Attachment("source", media_type, content, annotations))
    assert not outcome.verified
    assert outcome.code is not None
    assert outcome.message.isascii()
    assert outcome.message.isprintable()
    assert "cannot be read" not in outcome.message  # each fault is foreseen; the catch-all is for our own


@given(statement_value=json_values, payload_value=json_values)
def test_arbitrary_documents_signed_by_the_right_key_never_raise_and_never_verify(
    statement_value: object, payload_value: object
) -> None:
    outcome = judged(simple(RELEASE, dumped(payload_value)), bundled(bundle(RELEASE, dumped(statement_value))))
    assert not outcome.verified
    assert "cannot be read" not in outcome.message


@given(st.binary(max_size=200) | json_values.map(dumped))
def test_what_the_strict_reader_takes_the_common_one_reads_alike(raw: bytes) -> None:
    try:
        value = strict_json.loads(raw, 1000)
    except JsonError:
        return
    assert value == json.loads(raw)


@given(st.lists(st.sampled_from(["good", "stranger", "malformed"]), max_size=6), st.integers(-1, 3))
def test_the_order_of_what_is_found_changes_nothing(kinds: list[str], minimum: int) -> None:
    made = {
        "good": SIMPLE,
        "stranger": simple(signer("stranger")),
        "malformed": Attachment("x", SIMPLE_MEDIA_TYPE, b"{"),
    }
    requirement = required(RELEASE.authority(), signer("ci").authority(), minimum=minimum)
    found = tuple(made[kind] for kind in kinds)
    forwards = verify(Evidence(found), DIGEST, requirement, WITHOUT_ROOTS)
    backwards = verify(Evidence(found[::-1]), DIGEST, requirement, WITHOUT_ROOTS)
    assert (forwards.verified, forwards.code, forwards.signers) == (
        backwards.verified,
        backwards.code,
        backwards.signers,
    )
    assert forwards.verified is ("good" in kinds and minimum == 1)
