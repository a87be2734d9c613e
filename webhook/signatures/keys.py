"""Public keys that may vouch for images, with the algorithms that cosign signs with, and no others.

A key names its algorithm, so a signature cannot choose one: ECDSA P-256 with SHA-256; P-384 with SHA-384 and P-521 with
SHA-512 (cosign 3), each also with SHA-256 (cosign 2); RSA from 2,048 to 8,192 bits, PKCS #1 v1.5 with SHA-256; Ed25519
over the message itself (RFC 8032, 5.1). All others are refused by name when the key is loaded.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

SUPPORTED: Final = "ECDSA P-256, P-384, P-521, RSA of 2048 to 8192 bits, Ed25519"

MIN_RSA_BITS: Final = 2048  # NIST SP 800-131A rev. 2: shorter ones are disallowed
MAX_RSA_BITS: Final = 8192  # a check's cost grows with the square of the size
MAX_PEM_CHARACTERS: Final = 8192  # an RSA key of 8,192 bits takes 1,491

ED25519_CAVEAT: Final = (
    "cosign 3 signs with Ed25519ph when its key is Ed25519, which cannot be verified here: sign with an ECDSA P-256 key"
)

_PEM_BLOCK = re.compile(
    r"\s*-----BEGIN (?P<label>[A-Z0-9 ]+)-----\s[A-Za-z0-9+/=\s]+-----END (?P=label)-----\s*", re.ASCII
)
_LABELS = frozenset(
    {"PUBLIC KEY", "RSA PUBLIC KEY"}
)  # RFC 7468, 13 (SubjectPublicKeyInfo); PKCS #1 as openssl writes it

_HASHES: Final[dict[str, tuple[str, tuple[HashAlgorithm, ...]]]] = {
    "secp256r1": ("ECDSA P-256", (SHA256(),)),
    "secp384r1": ("ECDSA P-384", (SHA384(), SHA256())),
    "secp521r1": ("ECDSA P-521", (SHA512(), SHA256())),
}
"""Curve → what it is called, and the hashes to try, most likely first."""

_QUICK = frozenset({"ECDSA P-256", "RSA-2048"})

_Check = Callable[[bytes, bytes], None]
"""Takes signature and message; raises `InvalidSignature`."""


class KeyFaultError(ValueError):
    """The text is no public key that can vouch; the message says what was found and what is supported."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key. Two are equal exactly when they are the same key, however each was written down.

    `fingerprint` is `sha256:` and the hex SHA-256 of `spki`, the key's DER SubjectPublicKeyInfo. `caveat` is what users
    of this algorithm must know when a signature does not verify, "" if nothing. `quick` says that checking takes less
    than a tenth of a millisecond, for good signatures and bad ones.
    """

    fingerprint: str
    spki: bytes = field(compare=False, repr=False)
    algorithm: str = field(compare=False)
    caveat: str = field(compare=False)
    quick: bool = field(compare=False)
    _check: _Check = field(compare=False, repr=False)

    @classmethod
    def from_pem(cls, pem: str) -> "PublicKey":
        """The key of a PEM text that holds one public key and nothing else. Raises `KeyFaultError`."""
        return cls.of(_load(pem))

    @classmethod
    def of(cls, key: PublicKeyTypes) -> "PublicKey":
        """A key that was read already, out of a certificate for one. Raises `KeyFaultError`."""
        algorithm, check = _algorithm(key)
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(
            fingerprint=f"sha256:{sha256(spki).hexdigest()}",
            spki=spki,
            algorithm=algorithm,
            caveat=ED25519_CAVEAT if isinstance(key, Ed25519PublicKey) else "",
            quick=algorithm in _QUICK,
            _check=check,
        )

    def verify(self, signature: bytes, message: bytes) -> str | None:
        """None if `signature` is this key's over `message`, else the reason why not."""
        try:
            self._check(signature, message)
        except InvalidSignature:
            reason = f"not signed by this {self.algorithm} key"
            return f"{reason} ({self.caveat})" if self.caveat else reason
        return None

    def __str__(self) -> str:
        """The beginning of the fingerprint: enough to tell keys apart by eye."""
        return self.fingerprint[: len("sha256:") + 12]


def _load(pem: str) -> PublicKeyTypes:
    if len(pem) > MAX_PEM_CHARACTERS:
        raise KeyFaultError(f"{len(pem)} characters are too many for a public key")
    block = _PEM_BLOCK.fullmatch(pem)
    if block is None:
        raise KeyFaultError("not one PEM block that begins with -----BEGIN PUBLIC KEY-----")
    if block["label"] not in _LABELS:
        raise KeyFaultError(f"found a PEM block of {block['label']}, expected PUBLIC KEY")
    try:
        return load_pem_public_key(pem.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFaultError(f"no public key that can be read; supported: {SUPPORTED}") from None


def _algorithm(key: PublicKeyTypes) -> tuple[str, _Check]:
    """What the key's algorithm is called, and its check."""
    match key:
        case EllipticCurvePublicKey():
            return _ecdsa(key)
        case RSAPublicKey():
            return _rsa(key)
        case Ed25519PublicKey():
            return "Ed25519", key.verify
        case _:
            name = type(key).__name__.removesuffix("PublicKey")
            raise KeyFaultError(f"keys of type {name} are not supported; supported: {SUPPORTED}")


def _ecdsa(key: EllipticCurvePublicKey) -> tuple[str, _Check]:
    if key.curve.name not in _HASHES:
        raise KeyFaultError(f"keys on the curve {key.curve.name} are not supported; supported: {SUPPORTED}")
    algorithm, hashes = _HASHES[key.curve.name]
    *likelier, last = (ECDSA(one) for one in hashes)

    def check(signature: bytes, message: bytes) -> None:
        for scheme in likelier:
            with suppress(InvalidSignature):
                return key.verify(signature, message, scheme)
        return key.verify(signature, message, last)

    return algorithm, check


def _rsa(key: RSAPublicKey) -> tuple[str, _Check]:
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise KeyFaultError(f"RSA keys of {key.key_size} bits are not supported; supported: {SUPPORTED}")
    padding, digest = PKCS1v15(), SHA256()

    def check(signature: bytes, message: bytes) -> None:
        key.verify(signature, message, padding, digest)

    return f"RSA-{key.key_size}", check
