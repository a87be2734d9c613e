"""Leaf certificates: which are read, and what is no certificate of a signer's key."""

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.sigstore import SUBJECT, Profile, email
from tests.fakes.sigstore.keys import private_key, spki
from tests.signatures.issuing import FIXTURES, der, leaf, malformed
from webhook.signatures.certificates import MAX_CERTIFICATE_BYTES, Leaf
from webhook.signatures.faults import Fault, RefusedError

REAL = (FIXTURES / "leaf.pem").read_bytes()


def pem(encoded: bytes) -> bytes:
    return x509.load_der_x509_certificate(encoded).public_bytes(Encoding.PEM)


KEYS = {
    "P-256": "ECDSA P-256",
    "P-384": "ECDSA P-384",
    "P-521": "ECDSA P-521",
    "RSA-2048": "RSA-2048",
    "Ed25519": "Ed25519",
}


@pytest.mark.parametrize(("kind", "algorithm"), KEYS.items())
def test_every_kind_of_key_that_fulcio_certifies_is_read(kind: str, algorithm: str) -> None:
    key = private_key("signer", kind)
    read = leaf(key)
    assert read.key.algorithm == algorithm
    assert read.key.spki == spki(key)


UNSUPPORTED: dict[str, tuple[Any, str]] = {
    "SIG-07 secp256k1": (
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        "keys on the curve secp256k1 are not supported",
    ),
    "SIG-07 RSA-1024": (
        rsa.RSAPublicNumbers(65537, (1 << 1023) + 1).public_key(),
        "RSA keys of 1024 bits are not supported",
    ),
    "SIG-32 RSA-16384": (
        rsa.RSAPublicNumbers(65537, (1 << 16383) + 1).public_key(),
        "RSA keys of 16384 bits are not supported",
    ),
}


@pytest.mark.parametrize(("key", "reason"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_a_certificate_of_another_kind_of_key_is_refused_by_name(key: Any, reason: str) -> None:
    template = x509.load_pem_x509_certificate(REAL)
    builder = x509.CertificateBuilder(template.issuer, template.subject, key, 1)
    builder = builder.not_valid_before(template.not_valid_before_utc).not_valid_after(template.not_valid_after_utc)
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), SHA256())
    assert malformed(made.public_bytes(Encoding.DER)).startswith(f"the certificate's key: {reason}")


def test_der_and_the_first_block_of_pem_are_one_certificate() -> None:
    encoded, other = der(Profile()), der(Profile(names=(email("eve@example.com"),)))
    texts = [
        pem(encoded),
        b"\n " + pem(encoded),
        pem(encoded) + pem(other),
        pem(encoded) + b"junk",
        pem(encoded).rstrip(),
    ]
    for text in (*texts, pem(encoded).replace(b"\n", b"\r\n"), encoded):
        assert Leaf.parse(text).der == encoded
        assert Leaf.parse(text).signer.subject == SUBJECT


UNREADABLE = {
    "nothing": (b"", "not a certificate that can be read"),
    "junk": (b"\x30\x03\x02\x01\x01", "not a certificate that can be read"),
    "DER with more behind it": (der(Profile()) + b"\0", "not a certificate that can be read"),
    "half of it": (der(Profile())[:-1], "not a certificate that can be read"),
    "text before the PEM": (b"subject=jo\n" + REAL, "not a certificate that can be read"),
    "a key": (
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "not a PEM text that begins with a certificate",
    ),
    "a key before the certificate": (
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n" + REAL,
        "not a PEM text that begins with a certificate",
    ),
    "PEM without an end": (REAL[:-20], "not a PEM text that begins with a certificate"),
    "PEM of junk": (
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "not a certificate that can be read",
    ),
    "version 9": (
        der(Profile()).replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x08", 1),
        "not a certificate that can be read",
    ),
    "too long": (bytes(MAX_CERTIFICATE_BYTES + 1), "a certificate of 32769 bytes, more than the 32768 that are read"),
}


@pytest.mark.parametrize(("encoded", "reason"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_certificate_is_refused(encoded: bytes, reason: str) -> None:
    assert malformed(encoded) == reason


def test_500_certificates_are_refused_by_their_size() -> None:
    """SIG-32."""
    many = REAL * 500
    assert malformed(many) == f"a certificate of {len(many)} bytes, more than the 32768 that are read"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # negative serial numbers
@given(st.data())
def test_no_change_of_a_byte_escapes_as_anything_but_a_refusal(data: st.DataObject) -> None:
    encoded = bytearray(Leaf.parse(REAL).der)
    encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = Leaf.parse(bytes(encoded))
    except RefusedError as refused:
        assert refused.fault is Fault.CERTIFICATE_MALFORMED  # noqa: PT017  a refusal is one of two good outcomes
    else:
        assert read.der == bytes(encoded)
