"""A certificate transparency log that promises and never publishes: all that a certificate authority asks of one.

RFC 6962: 3.2 (signed certificate timestamps and what they cover), 4.1 and 4.2 (requests).
"""

import base64
import hashlib
import json
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.system.sigstore.loopback import answering

_X509_ENTRY: Final = 0
_PRECERTIFICATE_ENTRY: Final = 1
_ECDSA_WITH_SHA256: Final = b"\x04\x03"  # RFC 5246, 7.4.1.4.1
_POISON: Final = bytes.fromhex("060a2b06010401d679020403")  # the object identifier 1.3.6.1.4.1.11129.2.4.3 in DER
_SEQUENCE: Final = 0x30
_EXTENSIONS: Final = 0xA3  # RFC 5280, 4.1: the field [3] of TBSCertificate


@dataclass(frozen=True, slots=True)
class CtLog:
    """A running log: its URL, and the file with its public key in PEM."""

    url: str
    public_key: Path


@contextmanager
def ct_log(folder: Path) -> Iterator[CtLog]:
    """A log with a key of its own; the public half is written into `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = folder / "ctfe.pub"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with answering(lambda path, body: _answer(key, path, body)) as url:
        yield CtLog(url, public)


def _answer(key: ec.EllipticCurvePrivateKey, path: str, body: bytes) -> dict[str, Any] | None:
    entries = {"/ct/v1/add-chain": _certificate_entry, "/ct/v1/add-pre-chain": _precertificate_entry}
    if path not in entries:
        return None
    chain = [base64.b64decode(each) for each in json.loads(body)["chain"]]
    return _promise(key, entries[path](chain))


def _promise(key: ec.EllipticCurvePrivateKey, entry: bytes) -> dict[str, Any]:
    """A signed certificate timestamp over one entry."""
    timestamp = time.time_ns() // 1_000_000
    signature = key.sign(struct.pack(">BBQ", 0, 0, timestamp) + entry + b"\0\0", ec.ECDSA(SHA256()))
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "sct_version": 0,
        "id": base64.b64encode(hashlib.sha256(spki).digest()).decode(),
        "timestamp": timestamp,
        "extensions": "",
        "signature": base64.b64encode(_ECDSA_WITH_SHA256 + struct.pack(">H", len(signature)) + signature).decode(),
    }


def _certificate_entry(chain: list[bytes]) -> bytes:
    return struct.pack(">H", _X509_ENTRY) + _opaque(chain[0])


def _precertificate_entry(chain: list[bytes]) -> bytes:
    issuer = x509.load_der_x509_certificate(chain[1]).public_key()
    issuer_hash = hashlib.sha256(issuer.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    certificate = x509.load_der_x509_certificate(chain[0])
    return struct.pack(">H", _PRECERTIFICATE_ENTRY) + issuer_hash + _opaque(_cured(certificate.tbs_certificate_bytes))


def _opaque(content: bytes) -> bytes:
    """`opaque<1..2^24-1>` (RFC 6962, 3.1)."""
    return len(content).to_bytes(3, "big") + content


def _cured(tbs: bytes) -> bytes:
    """A TBSCertificate without its poison extension; everything else to the byte as it was."""
    fields = []
    for tag, content in _elements(_only(tbs)):
        if tag == _EXTENSIONS:
            kept = [_element(*one) for one in _elements(_only(content)) if not one[1].startswith(_POISON)]
            fields.append(_element(_EXTENSIONS, _element(_SEQUENCE, b"".join(kept))))
        else:
            fields.append(_element(tag, content))
    return _element(_SEQUENCE, b"".join(fields))


def _only(der: bytes) -> bytes:
    """The content of the one element that `der` is."""
    ((_, content),) = _elements(der)
    return content


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element (X.690, 8.1 and 10.1), all of whose tags have one byte."""
    position = 0
    while position < len(der):
        tag, first = der[position], der[position + 1]
        start = position + 2 + (first & 0x7F if first & 0x80 else 0)
        size = int.from_bytes(der[position + 2 : start], "big") if first & 0x80 else first
        yield tag, der[start : start + size]
        position = start + size


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
