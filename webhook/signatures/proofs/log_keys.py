"""Public keys of logs in a trust root: transparency logs, and logs of certificates.

A trust root says with each key which algorithm it signs with (`keyDetails`: PublicKeyDetails in Sigstore's
protobuf-specs, `sigstore_common.proto`), so nothing that a log is said to have signed can choose one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from webhook.signatures.keys import MAX_RSA_BITS, MIN_RSA_BITS
from webhook.signatures.validity import Window

MAX_KEY_BYTES: Final = 2048
"""Of a key in DER: an RSA key of 8,192 bits takes 1,062."""

LogPublicKey: TypeAlias = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey

_ECDSA: Final[dict[str, tuple[str, HashAlgorithm]]] = {
    "PKIX_ECDSA_P256_SHA_256": ("secp256r1", SHA256()),
    "PKIX_ECDSA_P384_SHA_384": ("secp384r1", SHA384()),
    "PKIX_ECDSA_P521_SHA_512": ("secp521r1", SHA512()),
}
"""keyDetails → curve and hash."""

_RSA: Final = frozenset(
    {
        "PKCS1_RSA_PKCS1V5",
        "PKIX_RSA_PKCS1V5",
        "PKIX_RSA_PKCS1V15_2048_SHA256",
        "PKIX_RSA_PKCS1V15_3072_SHA256",
        "PKIX_RSA_PKCS1V15_4096_SHA256",
    }
)
"""keyDetails of RSA keys that sign by PKCS #1 v1.5 with SHA-256."""

_ED25519: Final = "PKIX_ED25519"
_SUPPORTED: Final = (*_ECDSA, *sorted(_RSA), _ED25519)

_Check: TypeAlias = Callable[[bytes, bytes], None]
"""Takes signature and data; raises `InvalidSignature`."""


class LogKeyError(ValueError):
    """The trust root's key of a log is not what the root says of it; the message says why."""


class UnsupportedLogError(LogKeyError):
    """The log works in a way that cannot be verified here, however right that may be."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """One log's key.

    `id` is what entries name the log by, as the trust root has it. `spki` is the key's DER SubjectPublicKeyInfo,
    `window` when the log signed with it, `name` what messages call the log (its host).
    """

    id: bytes
    key: LogPublicKey = field(compare=False, repr=False)
    spki: bytes = field(repr=False)
    details: str
    window: Window
    name: str
    _check: _Check = field(compare=False, repr=False)

    @classmethod
    def of(cls, encoded: bytes, details: str, *, log_id: bytes, window: Window, name: str) -> "LogKey":
        """The key `encoded` in DER (SubjectPublicKeyInfo, or PKCS #1 where `details` says so). Raises `LogKeyError`."""
        if details not in _SUPPORTED:
            expected = ", ".join(_SUPPORTED)
            raise UnsupportedLogError(f"keys of {details!a} are not supported; supported: {expected}")
        key, check = _scheme(_load(encoded), details)
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(id=log_id, key=key, spki=spki, details=details, window=window, name=name, _check=check)

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether the log signed `data`."""
        try:
            self._check(signature, data)
        except InvalidSignature:
            return False
        return True


def _load(encoded: bytes) -> PublicKeyTypes:
    if len(encoded) > MAX_KEY_BYTES:
        raise LogKeyError(f"{len(encoded)} bytes are too many for a public key")
    try:
        return load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm):
        raise LogKeyError("no public key that can be read") from None


def _scheme(key: PublicKeyTypes, details: str) -> tuple[LogPublicKey, _Check]:
    """The key, if it is one of those that `details` speaks of, and its check."""
    match key:
        case EllipticCurvePublicKey() if details in _ECDSA and _ECDSA[details][0] == key.curve.name:
            return key, _ecdsa(key, _ECDSA[details][1])
        case RSAPublicKey() if details in _RSA and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            return key, _rsa(key)
        case Ed25519PublicKey() if details == _ED25519:
            return key, key.verify
        case _:
            raise LogKeyError(_other(key, details))


def _other(key: PublicKeyTypes, details: str) -> str:
    kind = type(key).__name__.removesuffix("PublicKey")
    size = f" of {key.key_size} bits" if isinstance(key, EllipticCurvePublicKey | RSAPublicKey) else ""
    return f"found a key of type {kind}{size}, which {details} does not allow"


def _ecdsa(key: EllipticCurvePublicKey, digest: HashAlgorithm) -> _Check:
    scheme = ECDSA(digest)

    def check(signature: bytes, data: bytes) -> None:
        key.verify(signature, data, scheme)

    return check


def _rsa(key: RSAPublicKey) -> _Check:
    padding, digest = PKCS1v15(), SHA256()

    def check(signature: bytes, data: bytes) -> None:
        key.verify(signature, data, padding, digest)

    return check
