"""Timestamps: by whom, over what, and when; each beside an artefact that is good without them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.sigstore import (
    AUTHORITIES_END,
    AUTHORITIES_START,
    SIGNED_AT,
    TIMESTAMP_ANNOTATION,
    Form,
    Log,
    Recipe,
    b64,
    bundled,
    changed,
    dumped,
    services,
    signature,
    timestamp_authority,
    trusted_root,
    trusted_root_document,
)
from tests.signatures.attacks.trial import Attack, accepted, judged, keyless
from webhook.signatures.evidence import Attachment
from webhook.signatures.faults import Fault
from webhook.signatures.trust import Proofs

SECOND = timedelta(seconds=1)
STAMPED = keyless(Proofs(log=True, timestamp=True, certificate_transparency=True))
TSA = services().timestamps
STRANGER = services("example.org").timestamps
IMPOSTOR = replace(STRANGER, chain=TSA.chain)
RECIPE = Recipe(timestamp=True)
FORM = pytest.mark.parametrize("form", Form)


def stamped(make: Callable[[bytes], bytes], form: Form = Form.BUNDLE) -> Attachment:
    """An artefact with the one timestamp that `make` gives for its signature."""
    made = replace(RECIPE, form=form).make()
    return replace(made, timestamps=(make(made.signature),)).attachment()


def listed(*timestamps: object) -> Attachment:
    """A bundle with anything for timestamps."""
    data = {"rfc3161Timestamps": list(timestamps)}
    return bundled(changed(RECIPE.make().bundle(), "verificationMaterial", "timestampVerificationData", to=data))


def annotated(text: str) -> Attachment:
    """A layer with anything for a timestamp."""
    made = replace(RECIPE, form=Form.LEGACY).make()
    return replace(made, more_annotations={TIMESTAMP_ANNOTATION: text}).attachment()


def good(message: bytes) -> bytes:
    return TSA.stamp(message, SIGNED_AT)


def antedated(message: bytes) -> bytes:
    """The time changed after it was signed."""
    response = good(message)
    assert response.count(b"20250601120000Z") == 1
    return response.replace(b"20250601120000Z", b"20250601115959Z")


def under(make: Callable[[], Attachment], **windows: tuple[datetime, datetime | None]) -> Attack:
    return Attack(make(), Fault.TIMESTAMP_INVALID, by=STAMPED, root=trusted_root(**windows))


def by_authority(start: datetime = AUTHORITIES_START, end: datetime = AUTHORITIES_END, purpose: str = "") -> Attack:
    """By an authority of the trust root whose certificate is another than it should be."""
    usage = ExtendedKeyUsageOID.CODE_SIGNING if purpose else ExtendedKeyUsageOID.TIME_STAMPING
    authority = timestamp_authority("timestamp.example.com", start=start, end=end, usage=usage)
    changed_services = replace(services(), timestamps=authority)
    found = signature(timestamp=True, services=changed_services)
    return Attack(found, Fault.TIMESTAMP_INVALID, by=STAMPED, root=trusted_root(changed_services))


MISSING: dict[str, Callable[[], Attachment]] = {
    "none": signature,
    "none beside a layer": lambda: signature(form=Form.LEGACY),
    "none beside Rekor 2": lambda: signature(log=Log.V2),
    "empty list": listed,
    "empty annotation": lambda: annotated(""),
}

INVALID: dict[str, Callable[[bytes], bytes]] = {
    "SIG-17 over another signature": lambda _: good(Recipe().make().signature),
    "over nothing": lambda _: good(b""),
    "over the signature in base64": lambda message: good(b64(message).encode()),
    "SIG-17 by an unknown authority": lambda message: STRANGER.stamp(message, SIGNED_AT),
    "SIG-17 by an unknown authority that brings its certificate": lambda message: STRANGER.stamp(
        message, SIGNED_AT, embed=True
    ),
    "by another key in the authority's name": lambda message: IMPOSTOR.stamp(message, SIGNED_AT),
    "by another key with the authority's certificate": lambda message: IMPOSTOR.stamp(message, SIGNED_AT, embed=True),
    "with another time than was signed": antedated,
    "granted with changes": lambda message: TSA.stamp(message, SIGNED_AT, status=1),
    "rejected": lambda message: TSA.stamp(message, SIGNED_AT, status=2),
    "before the authority's certificate": lambda message: TSA.stamp(message, AUTHORITIES_START - SECOND),
    "empty": lambda _: b"",
    "no response": lambda _: b"\x30\x03\x02\x01\x00",
    "response without a token": lambda _: b"\x30\x05\x30\x03\x02\x01\x00",
    "cut off": lambda message: good(message)[:-1],
    "bytes behind": lambda message: good(message) + b"\x00",
    "longer than is read": lambda message: good(message) + bytes(40_000),
}


@pytest.mark.parametrize("make", MISSING.values(), ids=MISSING)
def test_a_timestamp_that_is_required_must_be_there(make: Callable[[], Attachment]) -> None:
    Attack(make(), Fault.TIMESTAMP_MISSING, by=STAMPED).check()


@FORM
@pytest.mark.parametrize("make", INVALID.values(), ids=INVALID)
def test_timestamps_that_prove_nothing_are_refused(make: Callable[[bytes], bytes], form: Form) -> None:
    Attack(stamped(make, form), Fault.TIMESTAMP_INVALID, by=STAMPED).check()


@FORM
@pytest.mark.parametrize("make", INVALID.values(), ids=INVALID)
def test_timestamps_that_prove_nothing_are_left_out_where_none_is_required(
    make: Callable[[bytes], bytes], form: Form
) -> None:
    """The log's promise says when; anybody can add a timestamp that is wrong, as they can add a signature."""
    assert accepted(judged(stamped(make, form)))


WRITTEN: dict[str, Callable[[], Attachment]] = {
    "null": lambda: listed(None),
    "text": lambda: listed(b64(good(b""))),
    "object without a timestamp": lambda: listed({}),
    "timestamp that is null": lambda: listed({"signedTimestamp": None}),
    "timestamp that is no base64": lambda: listed({"signedTimestamp": "!"}),
    "annotation that is no JSON": lambda: annotated("{"),
    "annotation as text": lambda: annotated('"AAAA"'),
    "annotation without a timestamp": lambda: annotated("{}"),
    "annotation as a bundle has it": lambda: annotated(dumped({"signedTimestamp": b64(good(b""))}).decode("ascii")),
}


@pytest.mark.parametrize("make", WRITTEN.values(), ids=WRITTEN)
def test_timestamps_that_cannot_be_read_are_refused(make: Callable[[], Attachment]) -> None:
    Attack(make(), Fault.TIMESTAMP_INVALID, by=STAMPED).check()


def test_more_timestamps_than_are_read_spoil_the_bundle() -> None:
    """SIG-10: each costs 2 ms."""
    Attack(listed(*[{"signedTimestamp": "AAAA"}] * 33), Fault.MALFORMED).check()


AUTHORITY: dict[str, Callable[[], Attack]] = {
    "C7 window over": lambda: under(
        lambda: signature(timestamp=True), timestamps=(AUTHORITIES_START, SIGNED_AT - SECOND)
    ),
    "C7 window not begun": lambda: under(lambda: signature(timestamp=True), timestamps=(SIGNED_AT + SECOND, None)),
    "certificate expired": lambda: by_authority(end=SIGNED_AT - SECOND),
    "certificate not valid yet": lambda: by_authority(start=SIGNED_AT + SECOND),
    "certificate for code": lambda: by_authority(purpose="code"),
}


@pytest.mark.parametrize("make", AUTHORITY.values(), ids=AUTHORITY)
def test_timestamps_by_authorities_that_do_not_hold_are_refused(make: Callable[[], Attack]) -> None:
    make().check()


@FORM
@pytest.mark.parametrize("kind", ["P-256", "P-384"])
def test_timestamps_of_both_kinds_of_authority_are_accepted(kind: str, form: Form) -> None:
    authority = replace(services(), timestamps=timestamp_authority("timestamp.example.com", kind))
    found = signature(timestamp=True, form=form, services=authority)
    assert accepted(judged(found, by=STAMPED, root=trusted_root(authority)))


def test_a_timestamp_may_bring_the_certificate_that_is_known() -> None:
    assert accepted(judged(stamped(lambda message: TSA.stamp(message, SIGNED_AT, embed=True)), by=STAMPED))


def test_one_good_timestamp_suffices() -> None:
    made = RECIPE.make()
    others = (STRANGER.stamp(made.signature, SIGNED_AT), good(b"another"))
    assert accepted(judged(replace(made, timestamps=(*others, good(made.signature))).attachment(), by=STAMPED))
    Attack(replace(made, timestamps=others).attachment(), Fault.TIMESTAMP_INVALID, by=STAMPED).check()


def test_the_same_timestamp_twice_is_an_attempt_to_pass_for_two() -> None:
    made = RECIPE.make()
    found = replace(made, timestamps=made.timestamps * 2).attachment()
    Attack(found, Fault.TIMESTAMP_INVALID, by=STAMPED).check()


def test_a_timestamp_of_a_trust_root_without_authorities_proves_nothing() -> None:
    document = trusted_root_document()
    del document["timestampAuthorities"]
    found = signature(timestamp=True)
    Attack(found, Fault.TIMESTAMP_INVALID, by=STAMPED, root=dumped(document)).check()
    assert accepted(judged(found, root=dumped(document)))
