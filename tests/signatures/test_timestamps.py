"""Whether a timestamp authority saw a signature, and when."""

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.sigstore import AUTHORITIES_END, AUTHORITIES_START, SIGNED_AT, timestamp_authority
from tests.fakes.sigstore import der as asn1
from tests.fakes.sigstore.certificate_authority import dated, name
from tests.fakes.sigstore.keys import private_key
from tests.fakes.sigstore.leaf_profiles import serial
from tests.fakes.sigstore.timestamps import TimestampAuthority as Stamping
from tests.signatures.issuing import EVER, FIXTURES, staging
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.proofs.timestamps import MAX_RESPONSE_BYTES, TimestampAuthority, verified
from webhook.signatures.validity import Window

MESSAGE = b"a signature"
SECOND = timedelta(seconds=1)
STAMPING = timestamp_authority("timestamp.example.com")
STRANGER = timestamp_authority("timestamp.example.org")
GOOD = STAMPING.stamp(MESSAGE, SIGNED_AT)
EMBEDDED = STAMPING.stamp(MESSAGE, SIGNED_AT, embed=True)

NOT_SIGNED = "it is not signed with a certificate that was an authority's at 2025-06-01T12:00:00Z"
UNREADABLE = "not a timestamp response that can be read"

HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
}


@dataclass(frozen=True, slots=True)
class Hashing(Stamping):
    """An authority that stamps another hash than SHA-256; `algorithm` is its object identifier."""

    algorithm: str = "2.16.840.1.101.3.4.2.1"

    def _info(self, message: bytes, time: datetime) -> bytes:
        digest = hashlib.new(HASHES[self.algorithm], message).digest()
        imprint = asn1.sequence(asn1.sequence(asn1.oid(self.algorithm)), asn1.octet_string(digest))
        return asn1.sequence(asn1.integer(1), asn1.oid("1.2.3"), imprint, asn1.integer(1), asn1.generalized_time(time))


def authority(of: Stamping = STAMPING, window: Window = EVER) -> TimestampAuthority:
    return TimestampAuthority(of.chain, window)


def hashing(algorithm: str) -> Stamping:
    return Hashing(STAMPING.host, STAMPING.kind, STAMPING.key, STAMPING.chain, algorithm)


def refusal(response: bytes, *authorities: TimestampAuthority, message: bytes = MESSAGE) -> str:
    with pytest.raises(RefusedError) as refused:
        verified(response, message, authorities)
    assert refused.value.fault is Fault.TIMESTAMP_INVALID
    return refused.value.reason.removeprefix("timestamp not by an authority of the trust root: ")


@pytest.mark.parametrize("embed", [False, True], ids=["without its certificate", "with its certificate"])
@pytest.mark.parametrize("kind", ["P-256", "P-384"])
def test_the_time_is_that_of_an_authority_that_saw_the_signature(kind: str, embed: bool) -> None:
    stamping = timestamp_authority("timestamp.example.com", kind)
    response = stamping.stamp(MESSAGE, SIGNED_AT, embed=embed)
    assert verified(response, MESSAGE, (authority(STRANGER), authority(stamping))) == SIGNED_AT


def test_a_real_timestamp_is_by_sigstores_own_authority() -> None:
    real = json.loads((FIXTURES / "timestamp.json").read_bytes())
    response, signature = (base64.b64decode(real[part]) for part in ("signedTimestamp", "signature"))
    issuing = TimestampAuthority(staging().certificates("timestampAuthorities", 0), EVER)
    assert verified(response, signature, (authority(), issuing)) == datetime(2025, 6, 12, 12, 2, 20, tzinfo=UTC)
    assert refusal(response, issuing, message=signature + b".") == "timestamp over another signature"


@pytest.mark.parametrize("algorithm", [oid for oid, name in HASHES.items() if name in {"sha256", "sha384", "sha512"}])
def test_the_hash_is_of_the_sha_2_family(algorithm: str) -> None:
    assert verified(hashing(algorithm).stamp(MESSAGE, SIGNED_AT), MESSAGE, (authority(),)) == SIGNED_AT


@pytest.mark.parametrize("algorithm", [oid for oid, name in HASHES.items() if name in {"sha1", "sha3_256"}])
def test_another_hash_is_refused(algorithm: str) -> None:
    reason = refusal(hashing(algorithm).stamp(MESSAGE, SIGNED_AT), authority())
    assert reason == f"timestamp over a hash of algorithm {algorithm}, expected SHA-256, SHA-384 or SHA-512"


def test_a_timestamp_over_another_signature_is_refused() -> None:
    """SIG-17."""
    assert refusal(STAMPING.stamp(b"another", SIGNED_AT), authority()) == "timestamp over another signature"


@pytest.mark.parametrize("embed", [False, True], ids=["without its certificate", "with its certificate"])
def test_an_authority_that_is_not_the_trust_roots_is_refused(embed: bool) -> None:
    """SIG-17: the certificate that a response brings makes it no better."""
    assert refusal(STRANGER.stamp(MESSAGE, SIGNED_AT, embed=embed), authority()) == NOT_SIGNED


def test_without_authorities_no_timestamp_counts() -> None:
    assert refusal(GOOD) == "the trust root has no timestamp authority"


def test_an_authority_of_the_same_name_with_another_key_is_not_the_same() -> None:
    impostor = replace(STAMPING, key=private_key("impostor"))
    assert refusal(impostor.stamp(MESSAGE, SIGNED_AT), authority()) == NOT_SIGNED


def test_another_certificate_below_the_same_root_stamps_nothing() -> None:
    """The trust root says with which certificate its authority signs."""
    sibling = timestamp_authority("timestamp.example.com", "P-384")
    assert sibling.chain[1].subject == STAMPING.chain[1].subject
    assert refusal(sibling.stamp(MESSAGE, SIGNED_AT, embed=True), authority()) == NOT_SIGNED


def longer_chain() -> tuple[Stamping, Stamping]:
    """An authority below an intermediate that may stamp too, and that intermediate as an authority."""
    host, purpose = "long.example.com", x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    names = {part: name(host, part) for part in ("root", "intermediate", "own")}
    keys = {part: private_key(f"{part} of {host}", "P-384") for part in names}

    def certificate(part: str, above: str, *, issues: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder(names[above], names[part], keys[part].public_key(), serial(keys[part], b""))
        builder = dated(builder, AUTHORITIES_START, AUTHORITIES_END)
        builder = builder.add_extension(x509.BasicConstraints(ca=issues, path_length=None), critical=True)
        return (builder if part == "root" else builder.add_extension(purpose, critical=True)).sign(
            keys[above], SHA384()
        )

    root = certificate("root", "root", issues=True)
    intermediate = certificate("intermediate", "root", issues=True)
    chain = (certificate("own", "intermediate", issues=False), intermediate, root)
    return Stamping(host, "P-384", keys["own"], chain), Stamping(host, "P-384", keys["intermediate"], chain[1:])


@pytest.mark.parametrize("embed", [False, True], ids=["without its certificate", "with its certificate"])
def test_an_authority_may_have_intermediates_and_they_stamp_nothing(embed: bool) -> None:
    own, intermediate = longer_chain()
    assert verified(own.stamp(MESSAGE, SIGNED_AT, embed=embed), MESSAGE, (authority(own),)) == SIGNED_AT
    foreign = intermediate.stamp(MESSAGE, SIGNED_AT, embed=embed)
    assert verified(foreign, MESSAGE, (authority(intermediate),)) == SIGNED_AT
    reason = NOT_SIGNED if embed else "it is not signed with its authority's own certificate alone"
    assert refusal(foreign, authority(own)) == reason


@dataclass(frozen=True, slots=True)
class CoSigned(Stamping):
    """An authority whose responses another one signs as well, before it or after it."""

    other: Stamping = STRANGER
    first: bool = False

    def _signed_data(self, info: bytes, time: datetime, *, embed: bool) -> bytes:
        digest = asn1.sequence(asn1.oid("2.16.840.1.101.3.4.2.2"))
        content = asn1.sequence(asn1.oid("1.2.840.113549.1.9.16.1.4"), asn1.context(0, asn1.octet_string(info)))
        signers = [self._signer(info, time, digest), self.other._signer(info, time, digest)]  # noqa: SLF001
        both = asn1.set_of(*(signers[::-1] if self.first else signers))
        return asn1.sequence(asn1.integer(3), asn1.set_of(digest), content, both)


@pytest.mark.parametrize("first", [False, True])
def test_a_response_that_another_certificate_of_the_chain_signed_as_well_is_refused(first: bool) -> None:
    own, intermediate = longer_chain()
    both = CoSigned(own.host, own.kind, own.key, own.chain, intermediate, first)
    reason = refusal(both.stamp(MESSAGE, SIGNED_AT), authority(own))
    assert reason == "it is not signed with its authority's own certificate alone"


@pytest.mark.parametrize("status", [1, 2, 3, 4, 5, 99])
def test_a_response_that_does_not_grant_is_refused(status: int) -> None:
    assert (
        refusal(STAMPING.stamp(MESSAGE, SIGNED_AT, status=status), authority())
        == f"timestamp not granted: status {status}"
    )


def test_an_authority_outside_its_window_is_refused() -> None:
    over = authority(window=Window(AUTHORITIES_START, SIGNED_AT - SECOND))
    assert refusal(GOOD, over) == (
        "it is of 2025-06-01T12:00:00Z, where its authority was valid 2024-01-01T00:00:00Z to 2025-06-01T11:59:59Z"
    )
    assert refusal(GOOD, authority(window=Window(SIGNED_AT + SECOND))).startswith("it is of 2025-06-01T12:00:00Z")


def test_both_ends_of_an_authoritys_window_belong_to_it() -> None:
    """sigstore-python leaves the end out."""
    assert verified(GOOD, MESSAGE, (authority(window=Window(SIGNED_AT, SIGNED_AT)),)) == SIGNED_AT


@pytest.mark.parametrize(
    "bounds", [{"end": SIGNED_AT - SECOND}, {"start": SIGNED_AT + SECOND}], ids=["over", "to come"]
)
def test_a_certificate_that_was_not_valid_at_the_time_is_refused(bounds: dict[str, datetime]) -> None:
    stamping = timestamp_authority("short.example.com", **bounds)
    assert refusal(stamping.stamp(MESSAGE, SIGNED_AT), authority(stamping)) == NOT_SIGNED


def test_a_certificate_that_is_not_for_timestamps_is_refused() -> None:
    stamping = timestamp_authority("code.example.com", usage=ExtendedKeyUsageOID.CODE_SIGNING)
    assert refusal(stamping.stamp(MESSAGE, SIGNED_AT), authority(stamping)) == NOT_SIGNED


OTHER_RESPONSES = {
    "nothing": (b"", UNREADABLE),
    "junk": (b"\x30\x03\x02\x01\x01", UNREADABLE),
    "granted, and nothing else": (asn1.sequence(asn1.sequence(asn1.integer(0))), UNREADABLE),
    "half of it": (GOOD[:-1], UNREADABLE),
    "more behind it": (GOOD + b"\0", UNREADABLE),
    "too long": (bytes(MAX_RESPONSE_BYTES + 1), "a timestamp of 32769 bytes, more than the 32768 that are read"),
}


@pytest.mark.parametrize(("response", "reason"), OTHER_RESPONSES.values(), ids=OTHER_RESPONSES)
def test_what_is_no_timestamp_is_refused(response: bytes, reason: str) -> None:
    assert refusal(response, authority()) == reason


@pytest.mark.parametrize("certificates", [(), STAMPING.chain[1:]], ids=["none", "one"])
def test_an_authority_has_a_certificate_and_a_root(certificates: tuple[x509.Certificate, ...]) -> None:
    with pytest.raises(ValueError, match=r"^a timestamp authority has its own certificate and that of its root$"):
        TimestampAuthority(certificates, EVER)


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # negative serial numbers
@given(st.data())
def test_no_change_of_a_byte_moves_the_time_or_escapes_as_anything_but_a_refusal(data: st.DataObject) -> None:
    response = bytearray(EMBEDDED)
    response[data.draw(st.integers(0, len(response) - 1))] = data.draw(st.integers(0, 255))
    try:
        time = verified(bytes(response), MESSAGE, (authority(),))
    except RefusedError as refused:
        assert refused.fault is Fault.TIMESTAMP_INVALID  # noqa: PT017  a refusal is one of two good outcomes
    else:
        assert time == SIGNED_AT
