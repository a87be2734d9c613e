import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.sigstore import b64, changed, dumped, services, trusted_root, trusted_root_document
from tests.fakes.sigstore.encoding import Document
from tests.fakes.sigstore.instances import authority, log
from tests.fakes.sigstore.keys import key_id, private_key, spki
from tests.fakes.sigstore.rekor import RekorV2
from tests.fakes.sigstore.times import AUTHORITIES_START
from webhook.signatures.proofs.trust_root import TrustRoot, TrustRootError
from webhook.signatures.validity import Window

V1, V2 = services().rekor, services().rekor_v2
EVER = Window(AUTHORITIES_START)


def root(*path: str | int, to: object) -> bytes:
    """The good root with one member replaced."""
    return dumped(changed(trusted_root_document(), *path, to=to))


def fault(content: bytes) -> str:
    with pytest.raises(TrustRootError) as caught:
        TrustRoot.parse(content)
    assert str(caught.value).isascii()
    assert str(caught.value).isprintable()
    return str(caught.value)


def embedded(url: str) -> bytes:
    return (files("sigstore") / "_store" / quote(url, safe="") / "trusted_root.json").read_bytes()


def test_a_trust_root_is_read() -> None:
    found = TrustRoot.parse(trusted_root())
    assert {one.id: (one.name, one.window) for one in found.logs.values()} == {
        V1.id: ("rekor.example.com", EVER),
        V2.id: ("log2025.rekor.example.com", EVER),
    }
    assert set(found.logs) == {V1.id, V2.id}
    assert set(found.certificate_logs) == {key_id(services().certificate_log.key)}
    assert [one.certificates for one in found.certificate_authorities] == [services().fulcio.chain]
    assert [one.certificates for one in found.timestamp_authorities] == [services().timestamps.chain]
    assert (found.expires, found.passed_over) == (None, ())


def test_the_fingerprint_is_that_of_the_content() -> None:
    content = trusted_root()
    assert TrustRoot.parse(content).fingerprint == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert TrustRoot.parse(content + b"\n").fingerprint != TrustRoot.parse(content).fingerprint


def test_an_end_is_given_to_a_root_by_whoever_fetched_it() -> None:
    found = TrustRoot.parse(trusted_root())
    end = datetime(2030, 1, 1, tzinfo=UTC)
    assert replace(found, expires=end).expires == end


@pytest.mark.parametrize(
    ("url", "logs", "certificate_logs"),
    [
        ("https://tuf-repo-cdn.sigstore.dev", ["log2025-1.rekor.sigstore.dev", "rekor.sigstore.dev"], 2),
        (
            "https://tuf-repo-cdn.sigstage.dev",
            [*(f"log2025-alpha{number}.rekor.sigstage.dev" for number in (1, 2, 3)), "rekor.sigstage.dev"],
            4,
        ),
    ],
)
def test_sigstores_own_roots_are_read(url: str, logs: list[str], certificate_logs: int) -> None:
    found = TrustRoot.parse(embedded(url))
    assert sorted(one.name for one in found.logs.values()) == logs
    assert len(found.certificate_logs) == certificate_logs
    assert found.certificate_authorities
    assert len(found.timestamp_authorities) == 1
    assert found.passed_over == ()


def cosign(document: Document) -> Document:
    """As `cosign trusted-root create` writes it."""
    certificate_authority = {**document["certificateAuthorities"][0], "subject": {}}
    del certificate_authority["uri"]
    logs = [{name: value for name, value in one.items() if name != "baseUrl"} for one in document["tlogs"]]
    return document | {"certificateAuthorities": [certificate_authority], "tlogs": logs}


def github(document: Document) -> Document:
    """As GitHub's own instance is published: without logs of any kind."""
    return {name: value for name, value in document.items() if name != "ctlogs"} | {"tlogs": []}


def newer(document: Document) -> Document:
    """Version 0.2, with members that are not known here."""
    logs = [{**one, "checkpointKeyId": one["logId"], "operator": "example.com"} for one in document["tlogs"]]
    media_type = "application/vnd.dev.sigstore.trustedroot.v0.2+json"
    return document | {"tlogs": logs, "mediaType": media_type, "witnesses": [{"name": "w"}], "timestampAuthorities": []}


def with_nulls(document: Document) -> Document:
    """As Python's protobuf libraries write what is absent."""
    logs = [changed({**one, "operator": None}, "publicKey", "validFor", "end", to=None) for one in document["tlogs"]]
    return document | {"tlogs": logs, "ctlogs": None}


@pytest.mark.parametrize("writer", [cosign, github, newer, with_nulls])
def test_roots_are_read_as_others_write_them(writer: Callable[[Document], Document]) -> None:
    found = TrustRoot.parse(dumped(writer(trusted_root_document())))
    assert found.certificate_authorities
    assert found.passed_over == ()


def test_a_log_without_an_address_has_a_name_for_messages() -> None:
    found = TrustRoot.parse(dumped(cosign(trusted_root_document())))
    assert {one.name for one in found.logs.values()} == {"unnamed log"}


@pytest.mark.parametrize("part", ["certificateAuthorities", "tlogs", "timestampAuthorities"])
def test_a_root_may_have_one_part_alone(part: str) -> None:
    whole = trusted_root_document()
    TrustRoot.parse(dumped({"mediaType": whole["mediaType"], part: whole[part]}))


def test_times_may_have_fractions_and_another_zone() -> None:
    window = {"start": "2026-01-01T01:00:00.123456789+01:00", "end": "2026-01-01T00:00:01.5Z"}
    found = TrustRoot.parse(root("tlogs", 0, "publicKey", "validFor", to=window)).logs[V1.id].window
    start = datetime(2026, 1, 1, 0, 0, 0, 123456, UTC)
    assert found == Window(start, start + timedelta(microseconds=1_376_544))
    assert found.start.tzinfo is UTC


NOTHING = (
    "nothing in it that can be used, expected at least one of certificateAuthorities, tlogs and timestampAuthorities"
)
MEDIA_TYPE = trusted_root_document()["mediaType"]


@pytest.mark.parametrize("details", ["ML_DSA_65", "PKIX_ED25519_PH", "A_KIND_OF_NEXT_YEAR"])
def test_a_log_whose_kind_of_key_is_not_known_is_passed_over(details: str) -> None:
    found = TrustRoot.parse(root("tlogs", 0, "publicKey", "keyDetails", to=details))
    assert set(found.logs) == {V2.id}
    (sentence,) = found.passed_over
    assert sentence.startswith(f"tlogs[0]: keys of '{details}' are not supported")


def test_a_log_that_hashes_otherwise_is_passed_over() -> None:
    found = TrustRoot.parse(root("ctlogs", 0, "hashAlgorithm", to="SHA3_256"))
    assert found.certificate_logs == {}
    reason = 'logs that hash with "SHA3_256" are not supported; supported: SHA2_256'
    assert found.passed_over == (f"ctlogs[0]: {reason}",)


def test_nothing_but_logs_that_are_passed_over_is_no_root() -> None:
    only = changed(trusted_root_document()["tlogs"][0], "publicKey", "keyDetails", to="ML_DSA_65")
    message = fault(dumped({"mediaType": MEDIA_TYPE, "tlogs": [only]}))
    assert message.startswith(f"{NOTHING}; tlogs[0]: keys of 'ML_DSA_65' are not supported")


AUTHORITY = ("certificateAuthorities", 0)
CERTIFICATES = (*AUTHORITY, "certChain", "certificates")
STAMPS = ("timestampAuthorities", 0, "certChain")
KEY = ("tlogs", 0, "publicKey")
A_TIME = "expected a time such as 2026-01-01T00:00:00Z, found"
V1_ID = f"tlogs[0].logId: expected the id of the key in publicKey, {V1.id.hex()} in hex"
FAULTS: list[tuple[tuple[str | int, ...], object, str]] = [
    (("mediaType",), ..., "mediaType is absent or null, not a string"),
    (("MediaType",), "", "the member mediaType in another spelling"),
    (("tlogs",), {}, "tlogs is an object, not an array"),
    (("tlogs",), [1], "tlogs[0]: expected an object"),
    (("tlogs",), [{}] * 257, "tlogs has 257 items, more than the 256 that are read"),
    (KEY, ..., "tlogs[0]: publicKey is absent or null, not an object"),
    ((*KEY, "rawBytes"), "!", "tlogs[0].publicKey: rawBytes is not base64"),
    ((*KEY, "rawBytes"), ..., "tlogs[0].publicKey: rawBytes is absent or null, not a string"),
    ((*KEY, "rawBytes"), b64(b"\x30\x00"), "tlogs[0].publicKey.rawBytes: no public key that can be read"),
    (
        (*KEY, "keyDetails"),
        "PKIX_ED25519",
        "tlogs[0].publicKey.rawBytes: found a key of type EC of 256 bits, which PKIX_ED25519 does not allow",
    ),
    (
        (*KEY, "rawBytes"),
        "A" * 32772,
        "tlogs[0].publicKey: rawBytes has 32772 characters, more than the 32768 that are read",
    ),
    ((*KEY, "keyDetails"), 5, "tlogs[0].publicKey: keyDetails is a number, not a string"),
    ((*KEY, "validFor"), ..., "tlogs[0].publicKey: validFor is absent or null, not an object"),
    ((*KEY, "validFor", "start"), ..., "tlogs[0].publicKey.validFor: start is absent or null, not a string"),
    ((*KEY, "validFor", "end"), "tomorrow", f'tlogs[0].publicKey.validFor.end: {A_TIME} "tomorrow"'),
    ((*KEY, "validFor", "end"), "2023-12-31T00:00:00Z", "tlogs[0].publicKey.validFor: the end lies before the start"),
    (("tlogs", 0, "hashAlgorithm"), ..., "tlogs[0]: hashAlgorithm is absent or null, not a string"),
    (("tlogs", 0, "baseUrl"), "https://[", 'tlogs[0].baseUrl: expected a URL, found "https://["'),
    (("tlogs", 0, "baseUrl"), 1, "tlogs[0]: baseUrl is a number, not a string"),
    (("tlogs", 0, "logId"), ..., V1_ID),
    (("tlogs", 0, "logId", "keyId"), b64(b"x" * 32), V1_ID),
    (("tlogs", 0, "logId", "keyId"), b64(V1.id[:3]), V1_ID),
    (("tlogs", 0, "logId", "keyId"), "", V1_ID),
    (("tlogs", 0, "logId", "keyId"), b64(V1.id + b"x"), V1_ID),
    (("tlogs", 0, "logId"), "", "tlogs[0]: logId is a string, not an object"),
    (
        ("tlogs", 0, "logId", "keyId"),
        "A" * 65,
        "tlogs[0].logId: keyId has 65 characters, more than the 64 that are read",
    ),
    (("tlogs",), trusted_root_document()["tlogs"][:1] * 2, "tlogs[1].logId: the same log stands twice"),
    (("ctlogs", 0, "publicKey"), [], "ctlogs[0]: publicKey is an array, not an object"),
    ((*AUTHORITY, "certChain"), ..., "certificateAuthorities[0]: certChain is absent or null, not an object"),
    (CERTIFICATES, [], "certificateAuthorities[0].certChain: a certificate authority has at least one certificate"),
    (
        CERTIFICATES,
        [{}] * 11,
        "certificateAuthorities[0].certChain: certificates has 11 items, more than the 10 that are read",
    ),
    (CERTIFICATES, ["x"], "certificateAuthorities[0].certChain.certificates[0]: expected an object"),
    (
        (*CERTIFICATES, 0, "rawBytes"),
        "AAAA",
        "certificateAuthorities[0].certChain.certificates[0].rawBytes: expected an X.509 certificate in DER",
    ),
    ((*AUTHORITY, "validFor"), ..., "certificateAuthorities[0]: validFor is absent or null, not an object"),
    (
        STAMPS,
        {"certificates": authority("x", services().timestamps.chain[:1])["certChain"]["certificates"]},
        "timestampAuthorities[0].certChain: a timestamp authority has its own certificate and that of its root",
    ),
]


@pytest.mark.parametrize(("path", "to", "message"), FAULTS)
def test_a_fault_names_its_member_and_what_was_expected(path: tuple[str | int, ...], to: object, message: str) -> None:
    assert fault(root(*path, to=to)) == message


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-01-01 00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "0001-01-01T00:00:00+23:00",
        "\u0662026-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\n",
        "2026-W01-1T00:00:00Z",
    ],
)
def test_a_time_is_one_of_rfc_3339(time: str) -> None:
    assert fault(root(*KEY, "validFor", "start", to=time)).startswith(f"tlogs[0].publicKey.validFor.start: {A_TIME}")


def test_a_media_type_is_one_of_a_trust_root() -> None:
    message = fault(root("mediaType", to="application/vnd.dev.sigstore.signingconfig.v0.2+json"))
    assert message == (
        'mediaType is "application/vnd.dev.sigstore.signingconfig.v0.2+json", not one of '
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1, "
        "application/vnd.dev.sigstore.trustedroot.v0.1+json, application/vnd.dev.sigstore.trustedroot.v0.2+json"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a trust root: not JSON: Expecting value at character 0"),
        (b"[]", "not a trust root: not a JSON object"),
        (b'{"a": 1, "a": 1}', "not a trust root: a key stands twice in one object"),
        (b" " * ((1 << 20) + 1), "not a trust root: 1048577 bytes are more than the 1048576 that are read"),
        (json.dumps({"mediaType": MEDIA_TYPE}).encode(), NOTHING),
    ],
)
def test_what_is_no_trust_root_is_said_to_be_none(content: bytes, message: str) -> None:
    assert fault(content) == message


def test_a_certificate_is_one_of_x509_version_3() -> None:
    encoded = services().fulcio.chain[0].public_bytes(Encoding.DER)
    version_4 = encoded.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03", 1)
    message = "certificateAuthorities[0].certChain.certificates[0].rawBytes: expected an X.509 certificate in DER"
    assert fault(root(*CERTIFICATES, 0, "rawBytes", to=b64(version_4))) == message


def test_an_id_of_rekor_2_is_taken_as_it_stands_where_its_name_is_not_known() -> None:
    """It is held against the name in each checkpoint. An address need not be a name, and may be left out."""
    moved = TrustRoot.parse(root("tlogs", 1, "baseUrl", to="http://localhost:3003"))
    assert moved.logs[V2.id].name == "localhost"


@pytest.mark.parametrize("name", ["logId", "checkpointKeyId"])
@pytest.mark.parametrize(("index", "identifier"), [(0, V1.id), (1, V2.id)])
def test_the_beginning_of_an_id_is_enough(index: int, identifier: bytes, name: str) -> None:
    """Version 0.2 says so of `checkpointKeyId`, and wants `logId` to be the same."""
    one = trusted_root_document()["tlogs"][index]
    del one["logId"]
    short = {"mediaType": MEDIA_TYPE, "tlogs": [one | {name: {"keyId": b64(identifier[:4])}}]}
    assert set(TrustRoot.parse(dumped(short)).logs) == {identifier}


def test_rekor_1_with_an_ed25519_key_has_the_hash_of_the_key_for_an_id() -> None:
    key = private_key("log of one's own", "Ed25519")
    document = {"mediaType": MEDIA_TYPE, "tlogs": [log("rekor.example.com", key, key_id(key), "PKIX_ED25519")]}
    assert set(TrustRoot.parse(dumped(document)).logs) == {key_id(key)}


def test_logs_of_certificates_are_named_by_their_key_whatever_else_they_are_called() -> None:
    """As where cosign was told the name of a log that serves static tiles."""
    log_of_tiles = RekorV2("ctfe.example.com", services().rekor_v2.key)
    found = TrustRoot.parse(root("ctlogs", 0, "logId", "keyId", to=b64(log_of_tiles.id)))
    assert set(found.certificate_logs) == {hashlib.sha256(spki(services().certificate_log.key)).digest()}


@given(st.binary(max_size=64))
def test_bytes_that_are_no_trust_root_are_refused(content: bytes) -> None:
    fault(content)


MEMBERS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
PATHS: list[tuple[str | int, ...]] = [path for path, _, _ in FAULTS if path[-1] not in {"MediaType", "baseUrl"}]


@given(st.sampled_from(PATHS), MEMBERS)
def test_whatever_stands_in_place_of_a_member_no_other_error_leaves(path: tuple[str | int, ...], member: Any) -> None:
    message = ""
    try:
        TrustRoot.parse(root(*path, to=member))
    except TrustRootError as error:
        message = str(error)
    assert message.isprintable()
