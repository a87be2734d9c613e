"""Sigstore's `trusted_root.json`: who issues signers' certificates, which logs and which timestamp authorities count.

Source: sigstore/protobuf-specs `sigstore_trustroot.proto` in protobuf's JSON form. Members that are not needed are not
read, since real files lack some (cosign writes no `subject.commonName`) and newer ones have more; what is read is read
strictly, and each fault names the member. A log that works in an unknown way is passed over, and listed in
`passed_over`: a new kind of key in a public root must not take the others down. What it signed is then of an unknown
log. A key that is not of the kind that the root says is a fault like any other.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from webhook.signatures.candidate import printable, quoted
from webhook.signatures.proofs.certificate_chains import CertificateAuthority
from webhook.signatures.proofs.log_keys import LogKey, LogKeyError, UnsupportedLogError
from webhook.signatures.proofs.note_keys import note_key_id
from webhook.signatures.proofs.timestamps import TimestampAuthority
from webhook.signatures.proofs.trust_root_members import Member, TrustRootError
from webhook.signatures.validity import Window

MEDIA_TYPES: Final = frozenset(
    {
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot.v0.1+json",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    }
)

MAX_BYTES: Final = 1 << 20
"""Of a whole file; Sigstore's own has 7 KB."""

MAX_INSTANCES: Final = 256
"""Of each kind. Old ones stay in a root for good, and public logs are replaced about twice a year."""

MAX_CERTIFICATES: Final = 10  # of one authority; real chains have 1 to 3
MAX_CERTIFICATE_CHARACTERS: Final = 32 << 10
MAX_KEY_CHARACTERS: Final = 32 << 10
MAX_ID_CHARACTERS: Final = 64

LOG_ID_BYTES: Final = 32
HINT_BYTES: Final = 4

_Authority = TypeVar("_Authority")


@dataclass(frozen=True, slots=True)
class TrustRootDocument:
    """What a `trusted_root.json` says. Logs are found by their id."""

    certificate_authorities: tuple[CertificateAuthority, ...]
    logs: Mapping[bytes, LogKey]
    certificate_logs: Mapping[bytes, LogKey]
    timestamp_authorities: tuple[TimestampAuthority, ...]
    passed_over: tuple[str, ...]


def read(content: bytes) -> TrustRootDocument:
    """The document that `content` is. Raises `TrustRootError`."""
    root = Member.root(content, MAX_BYTES)
    media_type = root.text("mediaType")
    if media_type not in MEDIA_TYPES:
        raise TrustRootError(f"mediaType is {quoted(media_type)}, not one of {', '.join(sorted(MEDIA_TYPES))}")
    passed_over: list[str] = []
    document = TrustRootDocument(
        certificate_authorities=_authorities(root, "certificateAuthorities", CertificateAuthority),
        logs=_logs(root, "tlogs", _transparency_log_id, passed_over),
        certificate_logs=_logs(root, "ctlogs", _certificate_log_id, passed_over),
        timestamp_authorities=_authorities(root, "timestampAuthorities", TimestampAuthority),
        passed_over=tuple(passed_over),
    )
    if not (document.certificate_authorities or document.logs or document.timestamp_authorities):
        expected = "at least one of certificateAuthorities, tlogs and timestampAuthorities"
        raise TrustRootError("; ".join((f"nothing in it that can be used, expected {expected}", *passed_over)))
    return document


def _authorities(
    root: Member, name: str, make: Callable[[tuple[x509.Certificate, ...], Window], _Authority]
) -> tuple[_Authority, ...]:
    return tuple(_authority(authority, make) for authority in root.items(name, MAX_INSTANCES))


def _authority(authority: Member, make: Callable[[tuple[x509.Certificate, ...], Window], _Authority]) -> _Authority:
    chain = authority.child("certChain")
    certificates = tuple(map(_certificate, chain.items("certificates", MAX_CERTIFICATES)))
    window = _window(authority)
    try:
        return make(certificates, window)
    except ValueError as error:
        raise TrustRootError(f"{chain.path}: {error}") from None


def _certificate(member: Member) -> x509.Certificate:
    encoded = member.encoded("rawBytes", MAX_CERTIFICATE_CHARACTERS)
    try:
        return x509.load_der_x509_certificate(encoded)
    except (ValueError, x509.InvalidVersion):
        raise TrustRootError(f"{member.path}.rawBytes: expected an X.509 certificate in DER") from None


def _window(parent: Member) -> Window:
    """The span `validFor`. Its start is required: a root without it would hold for keys of all times."""
    span = parent.child("validFor")
    window = Window(span.time("start"), span.optional_time("end"))
    if window.end is not None and window.end < window.start:
        raise TrustRootError(f"{span.path}: the end lies before the start")
    return window


def _logs(
    root: Member, name: str, identify: Callable[[Member, LogKey], bytes], passed_over: list[str]
) -> Mapping[bytes, LogKey]:
    logs: dict[bytes, LogKey] = {}
    for member in root.items(name, MAX_INSTANCES):
        try:
            key = _log(member, identify)
        except UnsupportedLogError as error:
            passed_over.append(f"{member.path}: {error}")
            continue
        except LogKeyError as error:
            raise TrustRootError(f"{member.path}.publicKey.rawBytes: {error}") from None
        if key.id in logs:
            raise TrustRootError(f"{member.path}.logId: the same log stands twice")
        logs[key.id] = key
    return MappingProxyType(logs)


def _log(member: Member, identify: Callable[[Member, LogKey], bytes]) -> LogKey:
    """One log. Raises `UnsupportedLogError` if it works in a way that cannot be verified here, else `LogKeyError`."""
    key = member.child("publicKey")
    encoded = key.encoded("rawBytes", MAX_KEY_CHARACTERS)
    details, window, name = key.text("keyDetails"), _window(key), _host(member)
    hashing = member.text("hashAlgorithm")
    if hashing != "SHA2_256":
        raise UnsupportedLogError(f"logs that hash with {quoted(hashing)} are not supported; supported: SHA2_256")
    anonymous = LogKey.of(encoded, details, log_id=b"", window=window, name=name)
    return replace(anonymous, id=identify(member, anonymous))


def _host(member: Member) -> str:
    """The host of the log's URL: what messages call it. cosign can leave the URL out."""
    url = member.optional_text("baseUrl")
    try:
        return printable(urlsplit(url).hostname or "unnamed log")
    except ValueError:
        raise TrustRootError(f"{member.path}.baseUrl: expected a URL, found {quoted(url)}") from None


def _certificate_log_id(_: Member, key: LogKey) -> bytes:
    """RFC 6962, 3.2: the SHA-256 of the key; SCTs name the log so, whatever id it has elsewhere."""
    return hashlib.sha256(key.spki).digest()


def _transparency_log_id(member: Member, key: LogKey) -> bytes:
    """What entries name the log by: the SHA-256 of the key, or in Rekor v2 the key id of its checkpoints in full.

    The latter depends on the log's name as well, except for ECDSA, and is checked against each checkpoint. A root of
    version 0.2 may state no more than its beginning, as `checkpointKeyId` or as `logId`.
    """
    stated = member.optional_child("logId").optional_encoded("keyId", MAX_ID_CHARACTERS)
    stated = stated or member.optional_child("checkpointKeyId").optional_encoded("keyId", MAX_ID_CHARACTERS)
    computed = (hashlib.sha256(key.spki).digest(), note_key_id(key, key.name))
    if len(stated) >= HINT_BYTES:
        for one in computed:
            if one.startswith(stated):
                return one
        if len(stated) == LOG_ID_BYTES and not isinstance(key.key, EllipticCurvePublicKey):
            return stated
    raise TrustRootError(f"{member.path}.logId: expected the id of the key in publicKey, {computed[0].hex()} in hex")
