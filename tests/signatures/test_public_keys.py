"""Which keys are taken, and which signatures each of them accepts."""

import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.signatures.forge import pem
from webhook.signatures.keys import ED25519_CAVEAT, MAX_PEM_CHARACTERS, SUPPORTED, KeyFaultError, PublicKey

MESSAGE = b"what is signed"

P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
P521 = ec.generate_private_key(ec.SECP521R1())
RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()

# Ed25519ph of "abc": RFC 8032, 7.3
RFC8032_PH_KEY = bytes.fromhex("ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf")
RFC8032_PH_SIGNATURE = bytes.fromhex(
    "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406"
)


def ecdsa(key: ec.EllipticCurvePrivateKey, algorithm: HashAlgorithm) -> bytes:
    return key.sign(MESSAGE, ec.ECDSA(algorithm))


def private_pem(key: Any) -> str:
    encoded: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return encoded.decode()


ACCEPTED: dict[str, tuple[Any, bytes, str]] = {
    "P-256 with SHA-256": (P256, ecdsa(P256, SHA256()), "ECDSA P-256"),
    "P-384 with SHA-384": (P384, ecdsa(P384, SHA384()), "ECDSA P-384"),
    "P-384 with SHA-256": (P384, ecdsa(P384, SHA256()), "ECDSA P-384"),
    "P-521 with SHA-512": (P521, ecdsa(P521, SHA512()), "ECDSA P-521"),
    "P-521 with SHA-256": (P521, ecdsa(P521, SHA256()), "ECDSA P-521"),
    "RSA with PKCS #1 v1.5": (RSA, RSA.sign(MESSAGE, padding.PKCS1v15(), SHA256()), "RSA-2048"),
    "Ed25519": (ED25519, ED25519.sign(MESSAGE), "Ed25519"),
}

REFUSED: dict[str, tuple[Any, bytes]] = {
    "SIG-07 P-256 with SHA-1": (P256, ecdsa(P256, SHA1())),  # noqa: S303  what must not pass
    "SIG-07 P-256 with SHA-384": (P256, ecdsa(P256, SHA384())),
    "SIG-07 P-256 with SHA-512": (P256, ecdsa(P256, SHA512())),
    "SIG-07 P-384 with SHA-512": (P384, ecdsa(P384, SHA512())),
    "SIG-07 P-521 with SHA-384": (P521, ecdsa(P521, SHA384())),
    "SIG-07 P-256 key, RSA signature": (P256, RSA.sign(MESSAGE, padding.PKCS1v15(), SHA256())),
    "SIG-07 P-256 key, P-384 signature": (P256, ecdsa(P384, SHA256())),
    "SIG-07 P-256 key, Ed25519 signature": (P256, ED25519.sign(MESSAGE)),
    "SIG-07 RSA key, P-256 signature": (RSA, ecdsa(P256, SHA256())),
    "SIG-07 RSA with SHA-1": (RSA, RSA.sign(MESSAGE, padding.PKCS1v15(), SHA1())),  # noqa: S303  what must not pass
    "SIG-07 RSA with SHA-512": (RSA, RSA.sign(MESSAGE, padding.PKCS1v15(), SHA512())),
    "SIG-07 RSA with PSS": (RSA, RSA.sign(MESSAGE, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())),
    "SIG-07 Ed25519 over the hash": (ED25519, ED25519.sign(hashlib.sha512(MESSAGE).digest())),
    "no signature": (P256, b""),
    "one byte": (RSA, b"\x00"),
    "signature with a byte after it": (P256, ecdsa(P256, SHA256()) + b"\x00"),
    "r and s of zero": (P256, bytes.fromhex("3006020100020100")),
    "Ed25519 of zeros": (ED25519, bytes(64)),
    "other message": (P256, P256.sign(MESSAGE + b".", ec.ECDSA(SHA256()))),
}


@pytest.mark.parametrize(("key", "signature", "algorithm"), ACCEPTED.values(), ids=ACCEPTED)
def test_a_good_signature_is_accepted(key: Any, signature: bytes, algorithm: str) -> None:
    public = PublicKey.from_pem(pem(key.public_key()))
    assert public.verify(signature, MESSAGE) is None
    assert public.algorithm == algorithm


@pytest.mark.parametrize(("key", "signature"), REFUSED.values(), ids=REFUSED)
def test_a_signature_of_another_algorithm_or_message_is_refused(key: Any, signature: bytes) -> None:
    public = PublicKey.from_pem(pem(key.public_key()))
    reason = public.verify(signature, MESSAGE)
    assert reason is not None
    assert reason.startswith(f"not signed by this {public.algorithm} key")


def test_ed25519ph_is_refused_by_name_with_what_to_do() -> None:
    """SIG-07: the vector of RFC 8032, 7.3, so a true Ed25519ph signature."""
    key = PublicKey.from_pem(pem(ed25519.Ed25519PublicKey.from_public_bytes(RFC8032_PH_KEY)))
    assert key.verify(RFC8032_PH_SIGNATURE, b"abc") == f"not signed by this Ed25519 key ({ED25519_CAVEAT})"
    assert "Ed25519ph" in ED25519_CAVEAT
    assert "sign with an ECDSA P-256 key" in ED25519_CAVEAT


def rsa_pem(bits: int) -> str:
    """A public key of this size whose private key nobody has."""
    return pem(rsa.RSAPublicNumbers(65537, (1 << (bits - 1)) + 1).public_key())


def dsa_pem() -> str:
    parameters = dsa.DSAParameterNumbers((1 << 2047) + 1, (1 << 255) + 1, 2)
    return pem(dsa.DSAPublicNumbers(4, parameters).public_key())


GOOD = pem(P256.public_key())

FAULTS: dict[str, tuple[str, str]] = {
    "SIG-07 secp256k1": (
        pem(ec.generate_private_key(ec.SECP256K1()).public_key()),
        f"keys on the curve secp256k1 are not supported; supported: {SUPPORTED}",
    ),
    "P-224": (
        pem(ec.generate_private_key(ec.SECP224R1()).public_key()),
        f"keys on the curve secp224r1 are not supported; supported: {SUPPORTED}",
    ),
    "SIG-07 RSA-1024": (rsa_pem(1024), f"RSA keys of 1024 bits are not supported; supported: {SUPPORTED}"),
    "RSA-2047": (rsa_pem(2047), f"RSA keys of 2047 bits are not supported; supported: {SUPPORTED}"),
    "SIG-32 RSA-8193": (rsa_pem(8193), f"RSA keys of 8193 bits are not supported; supported: {SUPPORTED}"),
    "DSA": (dsa_pem(), f"keys of type DSA are not supported; supported: {SUPPORTED}"),
    "X25519": (
        pem(x25519.X25519PrivateKey.generate().public_key()),
        f"keys of type X25519 are not supported; supported: {SUPPORTED}",
    ),
    "Ed448": (
        pem(ed448.Ed448PrivateKey.generate().public_key()),
        f"keys of type Ed448 are not supported; supported: {SUPPORTED}",
    ),
    "private key": (private_pem(P256), "found a PEM block of PRIVATE KEY, expected PUBLIC KEY"),
    "private key of cosign": (
        "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
        "found a PEM block of ENCRYPTED SIGSTORE PRIVATE KEY, expected PUBLIC KEY",
    ),
    "certificate": (
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "found a PEM block of CERTIFICATE, expected PUBLIC KEY",
    ),
    "two keys": (GOOD + GOOD, "not one PEM block that begins with -----BEGIN PUBLIC KEY-----"),
    "text before the key": ("key: " + GOOD, "not one PEM block that begins with -----BEGIN PUBLIC KEY-----"),
    "empty": ("", "not one PEM block that begins with -----BEGIN PUBLIC KEY-----"),
    "not ASCII": (GOOD.replace("M", "\u041c"), "not one PEM block that begins with -----BEGIN PUBLIC KEY-----"),
    "junk in the block": (
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        f"no public key that can be read; supported: {SUPPORTED}",
    ),
    "too long": (
        "-----BEGIN PUBLIC KEY-----\n" + "A" * MAX_PEM_CHARACTERS,
        f"{MAX_PEM_CHARACTERS + 27} characters are too many for a public key",
    ),
}


@pytest.mark.parametrize(("text", "message"), FAULTS.values(), ids=FAULTS)
def test_what_is_no_supported_public_key_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(KeyFaultError) as fault:
        PublicKey.from_pem(text)
    assert str(fault.value) == message


def test_the_fingerprint_is_the_hash_of_the_subject_public_key_info() -> None:
    der = P256.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key = PublicKey.from_pem(GOOD)
    assert key.fingerprint == f"sha256:{hashlib.sha256(der).hexdigest()}"
    assert str(key) == key.fingerprint[:19]


def test_one_key_in_two_spellings_is_one_key() -> None:
    pkcs1 = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    assert PublicKey.from_pem(pkcs1) == PublicKey.from_pem(f"\n  {pem(RSA.public_key())}\n\n")
    assert PublicKey.from_pem(GOOD) != PublicKey.from_pem(pem(P384.public_key()))


@pytest.mark.parametrize("bits", [2048, 4096, 8192])
def test_rsa_keys_of_the_supported_sizes_are_taken(bits: int) -> None:
    assert PublicKey.from_pem(rsa_pem(bits)).algorithm == f"RSA-{bits}"
