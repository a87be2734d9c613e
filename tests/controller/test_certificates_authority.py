"""What is issued, and what is made of files that may hold anything."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from webhook.controller.certificates.authority import (
    MAX_PEM_BYTES,
    Pair,
    issue,
    make_authority,
    names_of,
    pair_of,
    pem_of,
    proves,
    read_certificates,
    read_key,
    read_pair,
    valid,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
YEAR, MONTH = timedelta(days=365), timedelta(days=30)
NAMES = ("tidewaiter.tw.svc", "tidewaiter.tw", "192.0.2.1", "2001:db8::1")
AUTHORITY = make_authority("tidewaiter", NOW, YEAR)
LEAF = issue(AUTHORITY, "tidewaiter", NAMES, NOW, MONTH)


def extension(pair: Pair, kind: type[x509.ExtensionType]) -> x509.Extension[x509.ExtensionType]:
    return pair.certificate.extensions.get_extension_for_class(kind)


def test_an_authority_issues_servers_certificates_and_no_other_authority() -> None:
    certificate = AUTHORITY.certificate
    assert extension(AUTHORITY, x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=0)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign, usage.value.digital_signature) == (
        True,
        True,
        True,
        False,
    )
    assert certificate.subject == certificate.issuer
    assert certificate.not_valid_before_utc == NOW - timedelta(minutes=5)
    assert certificate.not_valid_after_utc == NOW + YEAR
    certificate.verify_directly_issued_by(certificate)


def test_a_servers_certificate_is_for_its_names_and_says_who_issued_it() -> None:
    certificate = LEAF.certificate
    assert names_of(certificate) == set(NAMES)
    assert extension(LEAF, x509.ExtendedKeyUsage).value == x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    assert extension(LEAF, x509.BasicConstraints).value == x509.BasicConstraints(ca=False, path_length=None)
    issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    subject = AUTHORITY.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert issuer.key_identifier == subject.digest
    assert certificate.not_valid_after_utc == NOW + MONTH
    assert proves(certificate, [AUTHORITY.certificate], NOW)


def test_a_certificate_does_not_outlive_its_authoritys() -> None:
    late = issue(AUTHORITY, "tidewaiter", NAMES, NOW + YEAR - timedelta(days=1), MONTH)
    assert late.certificate.not_valid_after_utc == AUTHORITY.certificate.not_valid_after_utc


def test_keys_are_on_p_256_and_written_unencrypted() -> None:
    for pair in (AUTHORITY, LEAF):
        key = load_pem_private_key(pair.key_pem, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        assert key.curve.name == "secp256r1"
        assert pair.key_pem.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_serial_numbers_are_positive_of_at_most_20_octets_and_differ() -> None:
    serials = {issue(AUTHORITY, "t", NAMES, NOW, MONTH).certificate.serial_number for _ in range(20)}
    assert len(serials) == 20
    assert all(0 < each < 2**159 for each in serials)


def test_a_long_release_name_is_cut_in_the_common_name() -> None:
    authority = make_authority("x" * 63, NOW, YEAR)
    (name,) = authority.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == f"CA of {'x' * 58}"


@pytest.mark.parametrize(
    ("trusted", "when"),
    [
        ([], NOW),
        ([make_authority("tidewaiter", NOW, YEAR).certificate], NOW),
        ([AUTHORITY.certificate], NOW + timedelta(days=31)),
        ([AUTHORITY.certificate], NOW - timedelta(minutes=6)),
    ],
    ids=["nobody is trusted", "an authority of the same name", "expired", "not valid yet"],
)
def test_a_certificate_is_not_accepted(trusted: list[x509.Certificate], when: datetime) -> None:
    assert not proves(LEAF.certificate, trusted, when)


def test_what_a_servers_key_signed_is_not_accepted() -> None:
    signed = issue(LEAF, "tidewaiter", NAMES, NOW, MONTH)
    assert not proves(signed.certificate, [LEAF.certificate], NOW)


def test_validity_includes_both_ends() -> None:
    start, end = LEAF.certificate.not_valid_before_utc, LEAF.certificate.not_valid_after_utc
    second = timedelta(seconds=1)
    assert [valid(LEAF.certificate, time) for time in (start - second, start, end, end + second)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_certificate_without_names_proves_nothing() -> None:
    assert names_of(AUTHORITY.certificate) == frozenset()
    assert not proves(AUTHORITY.certificate, [AUTHORITY.certificate], NOW)


def test_a_pair_is_read_as_it_was_written() -> None:
    assert read_pair(LEAF.certificate_pem, LEAF.key_pem) == LEAF
    assert read_certificates(pem_of([AUTHORITY.certificate, LEAF.certificate])) == (
        AUTHORITY.certificate,
        LEAF.certificate,
    )


def test_a_key_finds_its_certificate_among_others() -> None:
    assert pair_of([LEAF.certificate, AUTHORITY.certificate], AUTHORITY.key) == AUTHORITY


def test_a_certificate_with_the_key_of_another_is_no_pair() -> None:
    assert read_pair(LEAF.certificate_pem, AUTHORITY.key_pem) is None
    assert read_pair(LEAF.certificate_pem, b"") is None
    assert read_pair(b"", LEAF.key_pem) is None


@pytest.mark.parametrize(
    "pem",
    [
        ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        LEAF.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
        LEAF.certificate_pem,
        b"",
    ],
    ids=["on another curve", "another kind", "encrypted", "a certificate", "nothing"],
)
def test_a_key_is_not_used(pem: bytes) -> None:
    assert read_key(pem) is None


def test_more_than_a_quarter_mebibyte_is_not_read() -> None:
    many = LEAF.certificate_pem * (MAX_PEM_BYTES // len(LEAF.certificate_pem))
    assert read_certificates(many)
    assert read_certificates(many + LEAF.certificate_pem) == ()


def with_extension(value: bytes) -> bytes:
    """A certificate whose alternative names are these bytes."""
    unknown = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, value)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broken")])
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), 1, NOW, NOW + YEAR, [x509.Extension(unknown.oid, False, unknown)]
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize("value", [b"", b"\x30\x03\x82\x05a", b"\x30\x04\xaf\x02\x05\x00"])
def test_a_certificate_with_a_broken_extension_is_none(value: bytes) -> None:
    assert read_certificates(with_extension(value)) == ()


def test_a_certificate_of_an_unknown_kind_of_key_belongs_to_no_key() -> None:
    curve = b"\x2a\x86\x48\xce\x3d\x03\x01\x07"  # P-256, whose object identifier becomes one that nobody knows
    der = AUTHORITY.certificate.public_bytes(Encoding.DER).replace(curve, curve[:-1] + b"\x7f")
    certificate = x509.load_der_x509_certificate(der)
    assert pair_of([certificate], AUTHORITY.key) is None


@given(st.data())
def test_whatever_a_file_holds_nothing_is_raised(data: st.DataObject) -> None:
    der = bytearray(LEAF.certificate.public_bytes(Encoding.DER))
    for _ in range(data.draw(st.integers(1, 3))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(der) + b"\n-----END CERTIFICATE-----\n"
    for certificate in read_certificates(pem):
        names_of(certificate)
        proves(certificate, [AUTHORITY.certificate], NOW)
        proves(LEAF.certificate, [certificate], NOW)
        pair_of([certificate], LEAF.key)


def test_a_key_is_in_no_representation() -> None:
    assert "PRIVATE" not in repr(LEAF)
    assert repr(LEAF) == f"Pair(certificate={LEAF.certificate!r})"
