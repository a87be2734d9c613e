"""A certificate authority of the release, and what it issues.

Profiles follow RFC 5280: 4.1.2.2 (serial numbers), 4.2.1.1 and 4.2.1.2 (key identifiers, which tell two authorities of
the same name apart), 4.2.1.3 (key usage), 4.2.1.6 (names), 4.2.1.9 (basic constraints), 4.2.1.12 (extended key usage).
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

SKEW = timedelta(minutes=5)
"""How far the clock of a machine that checks may be behind ours."""

MAX_PEM_BYTES = 2**18

_COMMON_NAME_CHARACTERS = 64  # RFC 5280, appendix A: ub-common-name

_BROKEN = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What cryptography raises for certificates that it cannot read."""

_NO_USAGE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and the key that it certifies."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @property
    def certificate_pem(self) -> bytes:
        """The certificate, to be shown to anybody."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as unencrypted PKCS #8."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def authority_name(release: str) -> x509.Name:
    """What the authority of a release calls itself."""
    return _name(f"CA of {release}")


def make_authority(release: str, now: datetime, life: timedelta) -> Pair:
    """A new authority, which may issue certificates of servers and no other authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = authority_name(release)
    usage = x509.KeyUsage(**{**_NO_USAGE, "key_cert_sign": True, "crl_sign": True})
    builder = (
        _builder(name, name, key.public_key(), now, now + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return Pair(builder.sign(key, SHA256()), key)


def issue(authority: Pair, release: str, names: Sequence[str], now: datetime, life: timedelta) -> Pair:
    """A server's certificate for DNS names and IP addresses, which does not outlive its authority's."""
    key = ec.generate_private_key(ec.SECP256R1())
    end = min(now + life, authority.certificate.not_valid_after_utc)
    identifier = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(_name(release), authority.certificate.subject, key.public_key(), now, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{**_NO_USAGE, "digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_alternative(each) for each in names]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )
    return Pair(builder.sign(authority.key, SHA256()), key)


def read_pair(certificate: bytes, key: bytes) -> Pair | None:
    """The first certificate of a PEM file with the key of another; None where they are broken or do not belong."""
    certificates = read_certificates(certificate)
    private = read_key(key)
    return pair_of(certificates[:1], private)


def pair_of(certificates: Sequence[x509.Certificate], key: ec.EllipticCurvePrivateKey | None) -> Pair | None:
    """The key with the first certificate that is of it, None where there is none."""
    if key is None:
        return None
    own = _public(key.public_key())
    return next((Pair(each, key) for each in certificates if _certified(each) == own), None)


def read_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM file, none where it is broken or has none."""
    if len(pem) > MAX_PEM_BYTES:
        return ()
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
        for each in found:
            _ = each.extensions, each.subject, each.issuer  # read late, and raises as late
    except _BROKEN:
        return ()
    return found


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey | None:
    """An unencrypted key on P-256; None where it is broken, or another."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1) else None


def pem_of(certificates: Sequence[x509.Certificate]) -> bytes:
    """Certificates one after the other, and nothing else that the file which they came from may have held."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def valid(certificate: x509.Certificate, now: datetime) -> bool:
    """Whether the time is within the certificate's (RFC 5280, 4.1.2.5)."""
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def names_of(certificate: x509.Certificate) -> frozenset[str]:
    """The DNS names and IP addresses that a server's certificate is for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    addresses = (str(each) for each in found.get_values_for_type(x509.IPAddress))
    return frozenset([*found.get_values_for_type(x509.DNSName), *addresses])


def proves(certificate: x509.Certificate, authorities: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether a client that trusts these authorities accepts the certificate for all of its names (RFC 5280, 6.1)."""
    names = names_of(certificate)
    return bool(names) and bool(authorities) and all(_accepts(certificate, authorities, now, each) for each in names)


def _accepts(certificate: x509.Certificate, authorities: Sequence[x509.Certificate], now: datetime, name: str) -> bool:
    verifier = PolicyBuilder().store(Store(list(authorities))).time(now)
    subject = _alternative(name)
    try:
        verifier.build_server_verifier(subject).verify(certificate, [])
    except (VerificationError, ValueError):
        return False
    return True


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, end: datetime
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - SKEW,
        not_valid_after=end,
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:_COMMON_NAME_CHARACTERS])])


def _alternative(name: str) -> x509.DNSName | x509.IPAddress:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _certified(certificate: x509.Certificate) -> bytes:
    """The certificate's key; empty where it is of a kind that nobody knows, which is no key of ours."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return b""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
