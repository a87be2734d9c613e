"""What a leaf certificate of Fulcio says, and everything wrong that one could say.

The profile is that of fulcio's `docs/certificate-specification.md`, the extensions are those of its `docs/oid-info.md`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.fakes.sigstore import der
from tests.fakes.sigstore.keys import PrivateKey, key_id
from tests.fakes.sigstore.times import SIGNED_AT

ISSUER: Final = "https://token.actions.githubusercontent.com"
SUBJECT: Final = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
OTHER_NAME: Final = "1.3.6.1.4.1.57264.1.7"

_ARC: Final = "1.3.6.1.4.1.57264.1"
_RAW: Final = {
    "githubWorkflowTrigger": 2,
    "githubWorkflowSHA": 3,
    "githubWorkflowName": 4,
    "githubWorkflowRepository": 5,
    "githubWorkflowRef": 6,
}
_UTF8: Final = {
    "buildSignerURI": 9,
    "buildSignerDigest": 10,
    "runnerEnvironment": 11,
    "sourceRepositoryURI": 12,
    "sourceRepositoryDigest": 13,
    "sourceRepositoryRef": 14,
    "sourceRepositoryIdentifier": 15,
    "sourceRepositoryOwnerURI": 16,
    "sourceRepositoryOwnerIdentifier": 17,
    "buildConfigURI": 18,
    "buildConfigDigest": 19,
    "buildTrigger": 20,
    "runInvocationURI": 21,
    "sourceRepositoryVisibilityAtSigning": 22,
}


def uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def email(text: str) -> x509.GeneralName:
    return x509.RFC822Name(text)


def other_name(text: str) -> x509.GeneralName:
    """How Fulcio writes a user name that is neither an address nor a URI."""
    return x509.OtherName(x509.ObjectIdentifier(OTHER_NAME), der.utf8_string(text))


@dataclass(frozen=True, slots=True)
class Profile:
    """What a leaf certificate says. The default is right; each field is one thing that can be wrong.

    `issuer` is written twice, as Fulcio does: as DER (.1.8) and as bare text (.1.1), the latter `bare_issuer` where it
    differs; "" leaves one out. `extensions` are Fulcio's other ones by name. `raw_extensions` are any, by dotted OID.
    `usages` are those of the extended key usage, none leaves it out. `common_name` is that of the subject.
    """

    names: tuple[x509.GeneralName, ...] = (uri(SUBJECT),)
    issuer: str = ISSUER
    bare_issuer: str | None = None
    extensions: Mapping[str, str] = field(default_factory=dict)
    raw_extensions: Mapping[str, bytes] = field(default_factory=dict)
    start: datetime = SIGNED_AT - timedelta(minutes=1)
    life: timedelta = timedelta(minutes=10)
    digital_signature: bool | None = True
    usages: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.CODE_SIGNING,)
    authority: bool = False
    common_name: str = ""


def precertificate(issuer: x509.Certificate, key: PrivateKey, profile: Profile) -> x509.CertificateBuilder:
    """A certificate of `key` that nobody signed yet."""
    common_name = [x509.NameAttribute(NameOID.COMMON_NAME, profile.common_name)] if profile.common_name else []
    issuer_key = issuer.public_key()
    assert isinstance(issuer_key, ec.EllipticCurvePublicKey)
    builder = x509.CertificateBuilder(
        subject_name=x509.Name(common_name), issuer_name=issuer.subject, public_key=key.public_key()
    ).serial_number(serial(key, repr(profile).encode()))
    builder = builder.not_valid_before(profile.start).not_valid_after(profile.start + profile.life)
    for extension, critical in (*_usage(profile), *_names(profile, critical=not common_name)):
        builder = builder.add_extension(extension, critical)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    for dotted, value in (_fulcio(profile) | dict(profile.raw_extensions)).items():
        builder = builder.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier(dotted), value), critical=False
        )
    return builder


def _usage(profile: Profile) -> list[tuple[x509.ExtensionType, bool]]:
    found: list[tuple[x509.ExtensionType, bool]] = []
    if profile.digital_signature is not None:
        usage = key_usage(digital_signature=profile.digital_signature, signs_certificates=profile.authority)
        found.append((usage, True))
    if profile.usages:
        found.append((x509.ExtendedKeyUsage(profile.usages), False))
    if profile.authority:
        found.append((x509.BasicConstraints(ca=True, path_length=None), True))
    return found


def _names(profile: Profile, *, critical: bool) -> list[tuple[x509.ExtensionType, bool]]:
    """RFC 5280, 4.2.1.6: critical where the subject is empty."""
    return [(x509.SubjectAlternativeName(profile.names), critical)] if profile.names else []


def _fulcio(profile: Profile) -> dict[str, bytes]:
    bare = profile.issuer if profile.bare_issuer is None else profile.bare_issuer
    found = {f"{_ARC}.1": bare.encode()} if bare else {}
    if profile.issuer:
        found[f"{_ARC}.8"] = der.utf8_string(profile.issuer)
    for name, value in profile.extensions.items():
        if name in _RAW:
            found[f"{_ARC}.{_RAW[name]}"] = value.encode()
        else:
            found[f"{_ARC}.{_UTF8[name]}"] = der.utf8_string(value)
    return found


def key_usage(*, digital_signature: bool = False, signs_certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=not digital_signature and not signs_certificates,  # a usage has at least one bit
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def serial(key: PrivateKey, salt: bytes) -> int:
    return int.from_bytes(hashlib.sha256(key_id(key) + salt).digest()[:16], "big") | 1
