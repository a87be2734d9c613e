"""Private keys by name and kind, made once in a process."""

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of key, as Sigstore's algorithm registry describes it.

    `details` is a `PublicKeyDetails`, `digest_name` a `HashAlgorithm` of sigstore/protobuf-specs; `digest` one of
    hashlib's names. Ed25519 has no digest of its own; Rekor 2 wants SHA-512 for it.
    """

    details: str
    digest: str
    digest_name: str
    hash: HashAlgorithm


KINDS: Final = {
    "P-256": Kind("PKIX_ECDSA_P256_SHA_256", "sha256", "SHA2_256", SHA256()),
    "P-384": Kind("PKIX_ECDSA_P384_SHA_384", "sha384", "SHA2_384", SHA384()),
    "P-521": Kind("PKIX_ECDSA_P521_SHA_512", "sha512", "SHA2_512", SHA512()),
    "RSA-2048": Kind("PKIX_RSA_PKCS1V15_2048_SHA256", "sha256", "SHA2_256", SHA256()),
    "Ed25519": Kind("PKIX_ED25519", "sha512", "SHA2_512", SHA512()),
}

_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
    "secp256k1": ec.SECP256K1(),
}


@cache
def private_key(name: str, kind: str = "P-256") -> PrivateKey:
    """The same key for the same name and kind throughout a process.

    `kind` is one of `KINDS`, or one that nobody should accept: `secp256k1`, `RSA-1024`.
    """
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("RSA-"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("RSA-")))
    return ec.generate_private_key(_CURVES[kind])


def sign(key: PrivateKey, message: bytes, algorithm: HashAlgorithm) -> bytes:
    """ECDSA, RSA PKCS #1 v1.5 or pure Ed25519, by what the key is; Ed25519 leaves `algorithm` aside."""
    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(message, ec.ECDSA(algorithm))
        case rsa.RSAPrivateKey():
            return key.sign(message, padding.PKCS1v15(), algorithm)
        case ed25519.Ed25519PrivateKey():
            return key.sign(message)


def spki(key: PrivateKey) -> bytes:
    """DER SubjectPublicKeyInfo of the public key."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(key: PrivateKey) -> str:
    """The same as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def key_id(key: PrivateKey) -> bytes:
    """How Rekor 1 and certificate logs name their keys: RFC 6962, 3.2."""
    return hashlib.sha256(spki(key)).digest()
