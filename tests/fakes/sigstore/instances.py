"""One instance of Sigstore: the services that belong together, and the trust root that names them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.fakes.sigstore.certificate_authority import CertificateAuthority, certificate_authority
from tests.fakes.sigstore.certificate_log import CertificateLog, certificate_log
from tests.fakes.sigstore.encoding import Document, b64, dumped, timestamp
from tests.fakes.sigstore.keys import PrivateKey, key_id, spki
from tests.fakes.sigstore.rekor import RekorV1, RekorV2, rekor_v1, rekor_v2
from tests.fakes.sigstore.times import AUTHORITIES_START
from tests.fakes.sigstore.timestamps import TimestampAuthority, timestamp_authority

Window: TypeAlias = tuple[datetime, datetime | None]

ALWAYS: Final[Window] = (AUTHORITIES_START, None)


@dataclass(frozen=True, slots=True)
class Sigstore:
    """Services; `dataclasses.replace` exchanges one of them."""

    fulcio: CertificateAuthority
    certificate_log: CertificateLog
    rekor: RekorV1
    rekor_v2: RekorV2
    timestamps: TimestampAuthority


@cache
def services(domain: str = "example.com") -> Sigstore:
    """The instance of that domain, the same throughout a process."""
    return Sigstore(
        fulcio=certificate_authority(f"fulcio.{domain}"),
        certificate_log=certificate_log(f"ctfe.{domain}"),
        rekor=rekor_v1(f"rekor.{domain}"),
        rekor_v2=rekor_v2(f"log2025.rekor.{domain}"),
        timestamps=timestamp_authority(f"timestamp.{domain}"),
    )


def trusted_root(
    of: Sigstore | None = None,
    /,
    *,
    fulcio: Window = ALWAYS,
    certificate_log: Window = ALWAYS,
    rekor: Window = ALWAYS,
    rekor_v2: Window = ALWAYS,
    timestamps: Window = ALWAYS,
) -> bytes:
    """A `trusted_root.json`; each part is valid in its window, whose end belongs to it."""
    document = trusted_root_document(of)
    parts = ("certificateAuthorities", 0), ("timestampAuthorities", 0)
    for (part, index), window in zip(parts, (fulcio, timestamps), strict=True):
        document[part][index]["validFor"] = valid_for(window)
    keys = ("ctlogs", 0), ("tlogs", 0), ("tlogs", 1)
    for (part, index), window in zip(keys, (certificate_log, rekor, rekor_v2), strict=True):
        document[part][index]["publicKey"]["validFor"] = valid_for(window)
    return dumped(document)


def trusted_root_document(of: Sigstore | None = None) -> Document:
    """The same as a document that can still be changed, each part valid without end."""
    one = of or services()
    return {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [
            log(one.rekor.host, one.rekor.key, one.rekor.id, "PKIX_ECDSA_P256_SHA_256"),
            log(one.rekor_v2.host, one.rekor_v2.key, one.rekor_v2.id, "PKIX_ED25519"),
        ],
        "certificateAuthorities": [authority(one.fulcio.host, one.fulcio.chain)],
        "ctlogs": [
            log(
                one.certificate_log.host,
                one.certificate_log.key,
                key_id(one.certificate_log.key),
                "PKIX_ECDSA_P256_SHA_256",
            )
        ],
        "timestampAuthorities": [authority(one.timestamps.host, one.timestamps.chain)],
    }


def valid_for(window: Window) -> Document:
    """A `TimeRange`."""
    start, end = window
    found = {"start": timestamp(start)}
    return found if end is None else found | {"end": timestamp(end)}


def log(host: str, key: PrivateKey, identifier: bytes, details: str, window: Window = ALWAYS) -> Document:
    """A `TransparencyLogInstance`."""
    public_key = {"rawBytes": b64(spki(key)), "keyDetails": details, "validFor": valid_for(window)}
    return {
        "baseUrl": f"https://{host}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": public_key,
        "logId": {"keyId": b64(identifier)},
    }


def authority(host: str, chain: Sequence[x509.Certificate], window: Window = ALWAYS) -> Document:
    """A `CertificateAuthority`."""
    certificates = [{"rawBytes": b64(one.public_bytes(Encoding.DER))} for one in chain]
    return {
        "subject": {"organization": host, "commonName": "root"},
        "uri": f"https://{host}",
        "certChain": {"certificates": certificates},
        "validFor": valid_for(window),
    }
