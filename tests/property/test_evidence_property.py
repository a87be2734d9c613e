"""Keyless and logged evidence: no byte makes a refusal an acceptance, and none that was proved can be another.

What holds of an accepted artefact, and what does not: bytes may differ where nothing was proved by them. These are the
hint of a key, members and annotations that nobody reads (the chain annotation among them), how JSON and PEM are spaced,
the name before a checkpoint's signature (its key ID counts), the index that an entry of Rekor 2 claims beside its
proof's, and in a timestamp the parts of CMS that its authority does not sign. `proved` leaves out exactly these. Where
two things prove the same, as promise and proof do for a key, either may be missing, and then is not compared here.
"""

import json
from dataclasses import replace
from itertools import product
from typing import Any, Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.fakes.sigstore import (
    CERTIFICATE_ANNOTATION,
    LOG_ANNOTATION,
    OTHER_DIGEST,
    SIGNATURE_ANNOTATION,
    SIGNED_AT,
    SUBJECT,
    TIMESTAMP_ANNOTATION,
    Artefact,
    Form,
    Key,
    Keyless,
    Log,
    Profile,
    Recipe,
    attestation,
    b64,
    bundled,
    changed,
    dumped,
    services,
    signature,
    uri,
)
from tests.signatures.attacks.changes import changes, foreseen, proved, proved_by_annotations, with_annotation
from tests.signatures.attacks.trial import CI, LOGGED_RELEASE, PROVENANCE, RELEASE, SAID, attested, judged, keyless
from webhook.signatures.authorities import Authority
from webhook.signatures.evidence import Attachment
from webhook.signatures.trust import Proofs

pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
"""What cryptography says of a flipped serial number that is negative. It is no fault of the code that reads it."""

STAMPED: Final = keyless(Proofs(log=True, timestamp=True, certificate_transparency=True))
LEGACY: Final[dict[str, Any]] = {"form": Form.LEGACY, "log": Log.PROMISE}

flips = st.integers(min_value=1, max_value=255)
places = st.integers(min_value=0, max_value=1 << 16)
texts = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts, children, max_size=3),
    max_leaves=10,
)

ACCEPTED: Final[dict[str, tuple[Attachment, Authority]]] = {
    "key": (signature(signer=Key(), log=Log.NONE), RELEASE),
    "logged key": (signature(signer=Key(), log=Log.V2), LOGGED_RELEASE),
    "keyless": (signature(), CI),
    "Rekor 2": (signature(log=Log.V2, timestamp=True), STAMPED),
    "layer": (signature(**LEGACY), CI),
    "stamped layer": (signature(timestamp=True, **LEGACY), STAMPED),
    "layer of a logged key": (signature(signer=Key(), **LEGACY), LOGGED_RELEASE),
}
ATTESTED: Final[dict[str, Attachment]] = {
    kind: attestation(PROVENANCE, SAID, kind=kind, **LEGACY) for kind in ("dsse/0.0.1", "intoto/0.0.1", "intoto/0.0.2")
}
REFUSED: Final[dict[str, tuple[Attachment, Authority]]] = {
    "nobody's": (signature(signer=Key("eve"), log=Log.NONE), RELEASE),
    "of another identity": (signature(signer=Keyless(Profile(names=(uri(f"{SUBJECT}s"),)))), CI),
    "of another image": (signature(digest=OTHER_DIGEST), CI),
    "of another instance": (signature(services=services("example.org")), CI),
    "not logged": (signature(log=Log.NONE, timestamp=True), CI),
    "without a time": (signature(log=Log.V2), CI),
    "too late": (signature(logged_at=SIGNED_AT + Profile().life), CI),
    "attestation": (attestation(PROVENANCE, SAID), CI),
    "stripped layer": (signature(form=Form.LEGACY, log=Log.NONE), CI),
    "layer of another image": (signature(digest=OTHER_DIGEST, **LEGACY), CI),
    "layer logged for somebody": (
        replace(Recipe(**LEGACY).make(), entry=Recipe(**LEGACY, annotations={}).make().entry).attachment(),
        CI,
    ),
}


def test_the_accepted_ones_are_accepted_and_the_others_refused() -> None:
    assert all(judged(found, by=by).verified for found, by in ACCEPTED.values())
    assert all(attested(found).verified for found in ATTESTED.values())
    assert not any(judged(found, by=by).verified for found, by in REFUSED.values())


@settings(max_examples=100)
@pytest.mark.parametrize(("found", "by"), REFUSED.values(), ids=REFUSED)
@given(data=st.data(), place=places, flip=flips)
def test_no_flipped_byte_turns_a_refusal_into_an_acceptance(
    found: Attachment, by: Authority, data: st.DataObject, place: int, flip: int
) -> None:
    other = data.draw(st.sampled_from(changes(found)))(place, flip)
    outcome = judged(other, by=by)
    assert not outcome.verified
    assert foreseen(outcome)


@settings(max_examples=200)
@pytest.mark.parametrize(("found", "by"), ACCEPTED.values(), ids=ACCEPTED)
@given(data=st.data(), place=places, flip=flips)
def test_no_flipped_byte_of_what_was_proved_is_accepted(
    found: Attachment, by: Authority, data: st.DataObject, place: int, flip: int
) -> None:
    other = data.draw(st.sampled_from(changes(found)))(place, flip)
    outcome = judged(other, by=by)
    assert foreseen(outcome)
    if outcome.verified:
        assert proved(other) == proved(found)


@settings(max_examples=100)
@pytest.mark.parametrize("found", ATTESTED.values(), ids=ATTESTED)
@given(data=st.data(), place=places, flip=flips)
def test_no_flipped_byte_of_an_attestation_layer_is_accepted_unless_nobody_signed_it(
    found: Attachment, data: st.DataObject, place: int, flip: int
) -> None:
    other = data.draw(st.sampled_from(changes(found)))(place, flip)
    outcome = attested(other)
    assert foreseen(outcome)
    if outcome.verified:
        assert json.loads(other.content) == json.loads(found.content)
        assert proved_by_annotations(other) == proved_by_annotations(found)


def parts(**recipe: Any) -> tuple[Artefact, Artefact]:
    """Two good artefacts by one signer with one certificate, who signed different things."""
    return Recipe(**recipe).make(), Recipe(annotations={"team": "red"}, **recipe).make()


MIXED: Final[dict[str, tuple[dict[str, Any], Authority, tuple[str, ...]]]] = {
    "keyless": ({"timestamp": True}, STAMPED, ("payload", "signature", "entry", "timestamps")),
    "Rekor 2": ({"timestamp": True, "log": Log.V2}, STAMPED, ("payload", "signature", "entry", "timestamps")),
    "layer": ({"timestamp": True, **LEGACY}, STAMPED, ("payload", "signature", "entry", "timestamps")),
    "without a timestamp": ({}, CI, ("payload", "signature", "entry")),
    "logged key": ({"signer": Key()}, LOGGED_RELEASE, ("payload", "signature", "entry")),
}


@pytest.mark.parametrize(("recipe", "by", "names"), MIXED.values(), ids=MIXED)
def test_parts_of_two_good_artefacts_do_not_mix(recipe: dict[str, Any], by: Authority, names: tuple[str, ...]) -> None:
    """C7: all parts are good by themselves, and the signer is the same."""
    keyless_signer = Keyless(certificate=Recipe().certificate())
    one, other = parts(**{"signer": keyless_signer, **recipe})
    for taken in product((False, True), repeat=len(names)):
        mixed = {name: getattr(other, name) for name, swapped in zip(names, taken, strict=True) if swapped}
        assert judged(replace(one, **mixed).attachment(), by=by).verified is (len(set(taken)) == 1), mixed.keys()


PATHS: Final[tuple[tuple[str | int, ...], ...]] = (
    ("verificationMaterial", "certificate"),
    ("verificationMaterial", "certificate", "rawBytes"),
    ("verificationMaterial", "tlogEntries"),
    ("verificationMaterial", "tlogEntries", 0),
    *(
        ("verificationMaterial", "tlogEntries", 0, *path)
        for path in (
            ("logIndex",),
            ("logId",),
            ("logId", "keyId"),
            ("kindVersion",),
            ("kindVersion", "kind"),
            ("integratedTime",),
            ("inclusionPromise",),
            ("inclusionPromise", "signedEntryTimestamp"),
            ("inclusionProof",),
            ("inclusionProof", "logIndex"),
            ("inclusionProof", "rootHash"),
            ("inclusionProof", "treeSize"),
            ("inclusionProof", "hashes"),
            ("inclusionProof", "hashes", 0),
            ("inclusionProof", "checkpoint"),
            ("inclusionProof", "checkpoint", "envelope"),
            ("canonicalizedBody",),
        )
    ),
)
LOGGED_PATHS: Final = (
    ("SignedEntryTimestamp",),
    ("Payload",),
    ("Payload", "body"),
    ("Payload", "integratedTime"),
    ("Payload", "logIndex"),
    ("Payload", "logID"),
)


def at(document: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


@settings(max_examples=300)
@given(path=st.sampled_from(PATHS), value=json_values | texts.map(lambda text: b64(text.encode())))
def test_no_other_value_in_a_bundle_is_accepted(path: tuple[str | int, ...], value: object) -> None:
    document = json.loads(ACCEPTED["keyless"][0].content)
    assume(str(value) != str(at(document, path)))  # protobuf's numbers may be strings
    outcome = judged(bundled(changed(document, *path, to=value)))
    assert not outcome.verified
    assert foreseen(outcome)


@settings(max_examples=200)
@given(path=st.sampled_from(LOGGED_PATHS), value=json_values | texts.map(lambda text: b64(text.encode())))
def test_no_other_value_in_a_log_annotation_is_accepted(path: tuple[str, ...], value: object) -> None:
    found, by = ACCEPTED["layer"]
    document = json.loads(found.annotations[LOG_ANNOTATION])
    assume(value != at(document, path))
    text = dumped(changed(document, *path, to=value))
    outcome = judged(with_annotation(found, LOG_ANNOTATION, text), by=by)
    assert not outcome.verified
    assert foreseen(outcome)


ANNOTATIONS: Final = (SIGNATURE_ANNOTATION, CERTIFICATE_ANNOTATION, LOG_ANNOTATION, TIMESTAMP_ANNOTATION)


@settings(max_examples=200)
@given(name=st.sampled_from(ANNOTATIONS), text=texts | json_values.map(lambda value: dumped(value).decode("ascii")))
def test_no_other_annotation_is_accepted(name: str, text: str) -> None:
    found, by = ACCEPTED["stamped layer"]
    outcome = judged(replace(found, annotations={**found.annotations, name: text}), by=by)
    assert not outcome.verified
    assert foreseen(outcome)
