"""A certificate authority like Fulcio: a root, mostly an intermediate, and leaves that live for ten minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.fakes.sigstore.certificate_log import CertificateLog, embedded
from tests.fakes.sigstore.keys import PrivateKey, key_id, private_key
from tests.fakes.sigstore.leaf_profiles import Profile, key_usage, precertificate, serial
from tests.fakes.sigstore.times import AUTHORITIES_END, AUTHORITIES_START


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """`chain` begins with the certificate of `key` and ends with the root."""

    host: str
    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    def issue(
        self,
        key: PrivateKey,
        profile: Profile,
        logs: Sequence[CertificateLog] = (),
        logged_at: datetime | None = None,
    ) -> x509.Certificate:
        """A certificate of `key` with a promise of each of `logs`, made at `logged_at`, else at the profile's start."""
        promises = self.promises(key, profile, logs, profile.start if logged_at is None else logged_at)
        return self.finish(key, profile, promises)

    def promises(
        self, key: PrivateKey, profile: Profile, logs: Sequence[CertificateLog], time: datetime
    ) -> list[bytes]:
        """What each of `logs` promises about the precertificate."""
        tbs = precertificate(self.chain[0], key, profile).sign(self.key, SHA384()).tbs_certificate_bytes
        return [log.promise(tbs, key_id(self.key), time) for log in logs]

    def finish(self, key: PrivateKey, profile: Profile, promises: Sequence[bytes]) -> x509.Certificate:
        """The certificate that holds `promises`, by whichever log and about whatever certificate they are."""
        builder = precertificate(self.chain[0], key, profile)
        if promises:
            builder = builder.add_extension(embedded(*promises), critical=False)
        return builder.sign(self.key, SHA384())


@cache
def certificate_authority(
    host: str, *, intermediate: bool = True, start: datetime = AUTHORITIES_START, end: datetime = AUTHORITIES_END
) -> CertificateAuthority:
    """An authority with a root P-384; `start` and `end` are those of the issuing certificate."""
    key = private_key(f"root of {host}", "P-384")
    subject = name(host, "root")
    if not intermediate:
        root = issuing(subject, subject, key, key, path_length=0)
        return CertificateAuthority(host, key, (dated(root, start, end).sign(key, SHA384()),))
    below = private_key(f"intermediate of {host}", "P-384")
    code_signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    builder = issuing(name(host, "intermediate"), subject, below, key, path_length=0)
    builder = dated(builder.add_extension(code_signing, critical=False), start, end)
    return CertificateAuthority(host, below, (builder.sign(key, SHA384()), _root(subject, key)))


def _root(subject: x509.Name, key: PrivateKey) -> x509.Certificate:
    builder = issuing(subject, subject, key, key, path_length=1)
    return dated(builder, AUTHORITIES_START, AUTHORITIES_END).sign(key, SHA384())


def name(host: str, what: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, host), x509.NameAttribute(NameOID.COMMON_NAME, what)]
    )


def dated(builder: x509.CertificateBuilder, start: datetime, end: datetime) -> x509.CertificateBuilder:
    return builder.not_valid_before(start).not_valid_after(end)


def issuing(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey, issuer_key: PrivateKey, path_length: int
) -> x509.CertificateBuilder:
    """A certificate that issues others, all but its dates."""
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
        .serial_number(serial(key, subject.public_bytes()))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
