"""Keys of logs: which a trust root may name, and what each of them verifies."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.signatures.issuing import EVER, production, staging
from webhook.signatures.proofs.log_keys import MAX_KEY_BYTES, LogKey, LogKeyError, UnsupportedLogError

DATA = b"what a log signs"

P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
P521 = ec.generate_private_key(ec.SECP521R1())
RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
PKCS1 = padding.PKCS1v15()

SUPPORTED = (
    "PKIX_ECDSA_P256_SHA_256, PKIX_ECDSA_P384_SHA_384, PKIX_ECDSA_P521_SHA_512, PKCS1_RSA_PKCS1V5, "
    "PKIX_RSA_PKCS1V15_2048_SHA256, PKIX_RSA_PKCS1V15_3072_SHA256, PKIX_RSA_PKCS1V15_4096_SHA256, PKIX_RSA_PKCS1V5, "
    "PKIX_ED25519"
)


def spki(key: Any) -> bytes:
    encoded: bytes = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded


def log_key(encoded: bytes, details: str) -> LogKey:
    return LogKey.of(encoded, details, log_id=b"id", window=EVER, name="log.example.com")


VERIFIED: dict[str, tuple[Any, bytes]] = {
    "PKIX_ECDSA_P256_SHA_256": (P256, P256.sign(DATA, ec.ECDSA(SHA256()))),
    "PKIX_ECDSA_P384_SHA_384": (P384, P384.sign(DATA, ec.ECDSA(SHA384()))),
    "PKIX_ECDSA_P521_SHA_512": (P521, P521.sign(DATA, ec.ECDSA(SHA512()))),
    "PKCS1_RSA_PKCS1V5": (RSA, RSA.sign(DATA, PKCS1, SHA256())),
    "PKIX_RSA_PKCS1V5": (RSA, RSA.sign(DATA, PKCS1, SHA256())),
    "PKIX_RSA_PKCS1V15_2048_SHA256": (RSA, RSA.sign(DATA, PKCS1, SHA256())),
    "PKIX_RSA_PKCS1V15_3072_SHA256": (RSA, RSA.sign(DATA, PKCS1, SHA256())),
    "PKIX_RSA_PKCS1V15_4096_SHA256": (RSA, RSA.sign(DATA, PKCS1, SHA256())),
    "PKIX_ED25519": (ED25519, ED25519.sign(DATA)),
}

REFUSED: dict[str, tuple[Any, str, bytes]] = {
    "P-256 with SHA-384": (P256, "PKIX_ECDSA_P256_SHA_256", P256.sign(DATA, ec.ECDSA(SHA384()))),
    "P-384 with SHA-256": (P384, "PKIX_ECDSA_P384_SHA_384", P384.sign(DATA, ec.ECDSA(SHA256()))),
    "RSA with SHA-1": (RSA, "PKCS1_RSA_PKCS1V5", RSA.sign(DATA, PKCS1, SHA1())),  # noqa: S303  what must not pass
    "RSA with PSS": (RSA, "PKCS1_RSA_PKCS1V5", RSA.sign(DATA, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())),
    "other key": (
        P256,
        "PKIX_ECDSA_P256_SHA_256",
        ec.generate_private_key(ec.SECP256R1()).sign(DATA, ec.ECDSA(SHA256())),
    ),
    "other data": (ED25519, "PKIX_ED25519", ED25519.sign(DATA + b".")),
    "nothing": (ED25519, "PKIX_ED25519", b""),
}

FAULTS: dict[str, tuple[bytes, str, str]] = {
    "other curve": (
        spki(P384),
        "PKIX_ECDSA_P256_SHA_256",
        "found a key of type EC of 384 bits, which PKIX_ECDSA_P256_SHA_256 does not allow",
    ),
    "other type": (
        spki(ED25519),
        "PKCS1_RSA_PKCS1V5",
        "found a key of type Ed25519, which PKCS1_RSA_PKCS1V5 does not allow",
    ),
    "RSA-1024": (
        rsa.RSAPublicNumbers(65537, (1 << 1023) + 1).public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1),
        "PKCS1_RSA_PKCS1V5",
        "found a key of type RSA of 1024 bits, which PKCS1_RSA_PKCS1V5 does not allow",
    ),
    "PSS": (
        spki(RSA),
        "PKIX_RSA_PSS_2048_SHA256",
        f"keys of 'PKIX_RSA_PSS_2048_SHA256' are not supported; supported: {SUPPORTED}",
    ),
    "Ed25519ph": (
        spki(ED25519),
        "PKIX_ED25519_PH",
        f"keys of 'PKIX_ED25519_PH' are not supported; supported: {SUPPORTED}",
    ),
    "junk": (b"\x30\x03\x02\x01\x01", "PKIX_ED25519", "no public key that can be read"),
    "nothing": (b"", "PKIX_ED25519", "no public key that can be read"),
    "too long": (bytes(MAX_KEY_BYTES + 1), "PKIX_ED25519", f"{MAX_KEY_BYTES + 1} bytes are too many for a public key"),
}


@pytest.mark.parametrize(("details", "key", "signature"), [(details, *one) for details, one in VERIFIED.items()])
def test_a_key_verifies_what_its_log_signed(details: str, key: Any, signature: bytes) -> None:
    made = log_key(spki(key), details)
    assert made.verify(signature, DATA)
    assert not made.verify(signature, DATA + b".")
    assert made.spki == spki(key)


@pytest.mark.parametrize(("key", "details", "signature"), REFUSED.values(), ids=REFUSED)
def test_what_its_log_did_not_sign_so_is_refused(key: Any, details: str, signature: bytes) -> None:
    assert not log_key(spki(key), details).verify(signature, DATA)


@pytest.mark.parametrize(("encoded", "details", "message"), FAULTS.values(), ids=FAULTS)
def test_a_key_that_is_not_what_the_trust_root_says_is_refused(encoded: bytes, details: str, message: str) -> None:
    with pytest.raises(LogKeyError) as fault:
        log_key(encoded, details)
    assert str(fault.value) == message
    assert isinstance(fault.value, UnsupportedLogError) == ("not supported" in message)


def test_a_kind_of_key_that_is_not_supported_is_none_whatever_its_bytes_are() -> None:
    with pytest.raises(UnsupportedLogError):
        log_key(b"\x30", "ML_DSA_65")


def test_a_key_in_pkcs_1_is_the_same_key() -> None:
    pkcs1 = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    assert log_key(pkcs1, "PKCS1_RSA_PKCS1V5") == log_key(spki(RSA), "PKCS1_RSA_PKCS1V5")


@pytest.mark.parametrize("root", [production(), staging()], ids=["production", "staging"])
def test_every_log_key_of_sigstores_own_roots_is_taken(root: Any) -> None:
    logs = [log["publicKey"] for part in ("tlogs", "ctlogs") for log in root.document[part]]
    keys = [root.log_key(part, index) for part in ("tlogs", "ctlogs") for index in range(len(root.document[part]))]
    assert [log_key(key, log["keyDetails"]).details for key, log in zip(keys, logs, strict=True)]
