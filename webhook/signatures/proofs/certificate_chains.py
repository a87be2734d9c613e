"""Whether an authority of a trust root issued a signer's certificate.

1. Only certificates of the trust root are used; what a candidate brings beside its own is not looked at.
2. Each authority is tried by itself: its last certificate is the anchor, the others are intermediates.
3. Everything is judged at the time when the signature was there: the leaf, every certificate above it, the root too,
   and the authority's window. So a certificate that an expired authority issued is refused, however valid it is.
4. An authority that lists the purposes of its certificates lists code signing.

The path is built and checked by cryptography's verifier (RFC 5280, 6, as far as the web's PKI takes it). It takes no
authority with an Ed25519 key.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from webhook.signatures.certificates import Leaf
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.validity import Window, moment

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_PURPOSES: Final = frozenset({ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """An authority for signers' certificates, and when it issued them.

    `certificates` go from the intermediate that issues up to the root, which may be the only one.
    """

    certificates: tuple[x509.Certificate, ...]
    window: Window
    _anchor: Store = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.certificates:
            raise ValueError("a certificate authority has at least one certificate")
        object.__setattr__(self, "_anchor", Store([self.certificates[-1]]))

    def chain(self, certificate: x509.Certificate, time: datetime) -> tuple[x509.Certificate, ...] | None:
        """The certificates from the one that issued `certificate` up to the root, None if it is not by this one."""
        if not self.window.holds(time):
            return None
        verifier = _POLICY.store(self._anchor).time(time).build_client_verifier()
        try:
            verified = verifier.verify(certificate, list(self.certificates[:-1]))
        except (VerificationError, x509.UnsupportedGeneralNameType):
            return None
        return tuple(verified.chain[1:]) or None


def check_issuer(leaf: Leaf, authorities: tuple[CertificateAuthority, ...]) -> None:
    """Whether any certificate of an authority signed the leaf's, at whatever time: what anybody can make costs little.

    Raises `RefusedError`: CERTIFICATE_UNTRUSTED. `issuers` says whether it is trusted.
    """
    certificates = (one for authority in authorities for one in authority.certificates)
    if not any(_signed(leaf.certificate, one) for one in certificates):
        raise RefusedError(Fault.CERTIFICATE_UNTRUSTED, "certificate not issued by an authority of the trust root")


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def issuers(leaf: Leaf, time: datetime, authorities: tuple[CertificateAuthority, ...]) -> tuple[x509.Certificate, ...]:
    """The verified chain above `leaf` at `time`, the one that issued it first.

    Raises `RefusedError`: CERTIFICATE_EXPIRED, CERTIFICATE_UNTRUSTED.
    """
    window = Window(leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc)
    if not window.holds(time):
        raise RefusedError(Fault.CERTIFICATE_EXPIRED, f"certificate valid {window}, used at {moment(time)}")
    for authority in authorities:
        if chain := authority.chain(leaf.certificate, time):
            return chain
    raise RefusedError(
        Fault.CERTIFICATE_UNTRUSTED,
        f"certificate not issued by an authority of the trust root that was valid at {moment(time)}",
    )


def check_usage(leaf: Leaf) -> None:
    """Whether the certificate is one that signs code, and no authority's.

    Raises `RefusedError`: CERTIFICATE_USAGE. Source: Fulcio, docs/certificate-specification.md.
    """
    extensions = leaf.certificate.extensions
    usage = _extension(extensions, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        raise RefusedError(Fault.CERTIFICATE_USAGE, "certificate not for digital signatures")
    purposes = _extension(extensions, x509.ExtendedKeyUsage)
    if purposes is None or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise RefusedError(Fault.CERTIFICATE_USAGE, "certificate not for signing code")
    constraints = _extension(extensions, x509.BasicConstraints)
    if usage.key_cert_sign or (constraints is not None and constraints.ca):
        raise RefusedError(Fault.CERTIFICATE_USAGE, "certificate of an authority, not of a signer")


def _extension(extensions: x509.Extensions, kind: type[_Extension]) -> _Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _signs_certificates(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("not for signing certificates")


def _allows_code_signing(_: Policy, __: x509.Certificate, purposes: x509.ExtendedKeyUsage | None) -> None:
    if purposes is not None and _PURPOSES.isdisjoint(purposes):
        raise ValueError("not for signing code")


_AUTHORITIES: Final = (
    ExtensionPolicy.webpki_defaults_ca()
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _allows_code_signing)
)
"""Authorities that openssl made often list no key usage, and Fulcio's list code signing where the web's list others."""

_LEAVES: Final = ExtensionPolicy.webpki_defaults_ee().may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
"""What a leaf may be used for is `check_usage`'s, so that its refusal says so."""

_POLICY: Final = PolicyBuilder().extension_policies(ca_policy=_AUTHORITIES, ee_policy=_LEAVES)
