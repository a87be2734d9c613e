"""Key ids of logs that sign their checkpoints as notes: Rekor v2.

Source: C2SP `signed-note.md`, "Signatures", and sigstore/protobuf-specs `sigstore_trustroot.proto`,
`checkpoint_key_id`. Beside a signature stand the first four bytes; Rekor v2 names itself by all of them.
"""

import hashlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from webhook.signatures.proofs.log_keys import LogKey

_ED25519: Final = b"\x01"
_RSA: Final = b"\xffPKIX-RSA-PKCS#1v1.5"


def note_key_id(log: LogKey, origin: str) -> bytes:
    """The id of the log's key where the log calls itself `origin`: 32 bytes. ECDSA keys have the same for all names."""
    match log.key:
        case Ed25519PublicKey():
            return _named(origin, _ED25519 + log.key.public_bytes_raw())
        case RSAPublicKey():
            return _named(origin, _RSA + log.spki)
        case _:
            return hashlib.sha256(log.spki).digest()


def _named(origin: str, key: bytes) -> bytes:
    return hashlib.sha256(origin.encode() + b"\n" + key).digest()
