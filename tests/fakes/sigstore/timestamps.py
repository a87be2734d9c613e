"""A timestamp authority: RFC 3161 responses in CMS (RFC 5652), as sigstore/timestamp-authority writes them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes.sigstore import der
from tests.fakes.sigstore.certificate_authority import dated, issuing, name
from tests.fakes.sigstore.keys import KINDS, PrivateKey, private_key, sign
from tests.fakes.sigstore.leaf_profiles import key_usage, serial
from tests.fakes.sigstore.times import AUTHORITIES_END, AUTHORITIES_START

_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_TST_INFO: Final = "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_SIGNING_TIME: Final = "1.2.840.113549.1.9.5"
_SIGNING_CERTIFICATE_V2: Final = "1.2.840.113549.1.9.16.2.47"
_POLICY: Final = "1.3.6.1.4.1.57264.2"
_SHA256: Final = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))
_SHA384: Final = der.sequence(der.oid("2.16.840.1.101.3.4.2.2"))
_ECDSA_SHA256: Final = der.sequence(der.oid("1.2.840.10045.4.3.2"))
_ECDSA_SHA384: Final = der.sequence(der.oid("1.2.840.10045.4.3.3"))


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """`chain` begins with the certificate of `key`, P-256 or P-384, and ends with the root."""

    host: str
    kind: str
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    def stamp(self, message: bytes, time: datetime, *, embed: bool = False, status: int = 0) -> bytes:
        """A TimeStampResp over `message`; `embed` puts the authority's certificate into it. Status 0 is granted."""
        info = self._info(message, time)
        token = der.sequence(der.oid(_SIGNED_DATA), der.context(0, self._signed_data(info, time, embed=embed)))
        return der.sequence(der.sequence(der.integer(status)), token)

    def _info(self, message: bytes, time: datetime) -> bytes:
        """TSTInfo: RFC 3161, 2.4.2."""
        imprint = der.sequence(_SHA256, der.octet_string(hashlib.sha256(message).digest()))
        number = der.integer(int.from_bytes(hashlib.sha256(message).digest()[:8], "big"))
        accuracy = der.sequence(der.integer(1))
        return der.sequence(der.integer(1), der.oid(_POLICY), imprint, number, der.generalized_time(time), accuracy)

    def _signed_data(self, info: bytes, time: datetime, *, embed: bool) -> bytes:
        """SignedData: RFC 5652, 5.1."""
        digest = _SHA384 if self.kind == "P-384" else _SHA256
        content = der.sequence(der.oid(_TST_INFO), der.context(0, der.octet_string(info)))
        certificates = [der.context(0, self.chain[0].public_bytes(Encoding.DER))] if embed else []
        signers = der.set_of(self._signer(info, time, digest))
        return der.sequence(der.integer(3), der.set_of(digest), content, *certificates, signers)

    def _signer(self, info: bytes, time: datetime, digest: bytes) -> bytes:
        """SignerInfo: RFC 5652, 5.3."""
        certificate = self.chain[0]
        signer = der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number))
        attributes = self._attributes(info, time)
        signature = sign(self.key, der.set_of(*attributes), KINDS[self.kind].hash)
        algorithm = _ECDSA_SHA384 if self.kind == "P-384" else _ECDSA_SHA256
        signed = der.context(0, *sorted(attributes))
        return der.sequence(der.integer(1), signer, digest, signed, algorithm, der.octet_string(signature))

    def _attributes(self, info: bytes, time: datetime) -> list[bytes]:
        digest = hashlib.new(KINDS[self.kind].digest, info).digest()
        certificate_id = der.sequence(der.octet_string(self.chain[0].fingerprint(SHA256())))  # ESSCertIDv2, RFC 5035
        return [
            _attribute(_CONTENT_TYPE, der.oid(_TST_INFO)),
            _attribute(_SIGNING_TIME, der.utc_time(time)),
            _attribute(_MESSAGE_DIGEST, der.octet_string(digest)),
            _attribute(_SIGNING_CERTIFICATE_V2, der.sequence(der.sequence(certificate_id))),
        ]


@cache
def timestamp_authority(
    host: str,
    kind: str = "P-256",
    *,
    start: datetime = AUTHORITIES_START,
    end: datetime = AUTHORITIES_END,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.TIME_STAMPING,
) -> TimestampAuthority:
    """An authority below a root of its own; `start`, `end` and `usage` are those of its certificate."""
    root_key = private_key(f"root of {host}", "P-384")
    root_name = name(host, "root")
    root = dated(issuing(root_name, root_name, root_key, root_key, path_length=0), AUTHORITIES_START, AUTHORITIES_END)
    key = private_key(f"timestamps of {host}", kind)
    builder = x509.CertificateBuilder(
        subject_name=name(host, "timestamps"), issuer_name=root_name, public_key=key.public_key()
    ).serial_number(serial(key, host.encode()))
    builder = (
        dated(builder, start, end)
        .add_extension(key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    chain = (builder.sign(root_key, SHA384()), root.sign(root_key, SHA384()))
    return TimestampAuthority(host, kind, key, chain)


def _attribute(kind: str, value: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.set_of(value))
