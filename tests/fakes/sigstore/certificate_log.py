"""A certificate transparency log (RFC 6962) that promises to log precertificates."""

import struct
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import ObjectIdentifier, UnrecognizedExtension

from tests.fakes.sigstore import der
from tests.fakes.sigstore.keys import PrivateKey, key_id, private_key, sign

EMBEDDED_LIST: Final = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")

_V1, _CERTIFICATE_TIMESTAMP, _PRECERTIFICATE = 0, 0, 1
_SHA256, _ECDSA = 4, 3  # RFC 5246, 7.4.1.4.1


@dataclass(frozen=True, slots=True)
class CertificateLog:
    """A log with its key, P-256."""

    host: str
    key: PrivateKey

    def promise(self, precertificate: bytes, issuer_key_hash: bytes, time: datetime) -> bytes:
        """A signed certificate timestamp over a TBSCertificate that has no such list: RFC 6962, 3.2."""
        milliseconds = int(time.timestamp() * 1000)
        entry = issuer_key_hash + len(precertificate).to_bytes(3, "big") + precertificate
        no_extensions = struct.pack("!H", 0)
        signed = struct.pack("!BBQH", _V1, _CERTIFICATE_TIMESTAMP, milliseconds, _PRECERTIFICATE)
        signature = sign(self.key, signed + entry + no_extensions, SHA256())
        head = struct.pack("!B32sQ", _V1, key_id(self.key), milliseconds)
        return head + no_extensions + struct.pack("!BBH", _SHA256, _ECDSA, len(signature)) + signature


@cache
def certificate_log(host: str) -> CertificateLog:
    return CertificateLog(host, private_key(f"certificate log {host}"))


def embedded(*promises: bytes) -> UnrecognizedExtension:
    """The certificate extension that holds a SignedCertificateTimestampList: RFC 6962, 3.3."""
    items = b"".join(struct.pack("!H", len(one)) + one for one in promises)
    return UnrecognizedExtension(EMBEDDED_LIST, der.octet_string(struct.pack("!H", len(items)) + items))
