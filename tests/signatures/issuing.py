"""The product's authorities and logs, made of those in memory and of Sigstore's own that sigstore-python brings."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.fakes import sigstore
from tests.fakes.sigstore import Profile
from tests.fakes.sigstore.certificate_log import CertificateLog
from tests.fakes.sigstore.keys import PrivateKey, key_id, private_key, spki
from webhook.signatures.certificates import Leaf
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.proofs.certificate_chains import CertificateAuthority
from webhook.signatures.proofs.log_keys import LogKey
from webhook.signatures.validity import Window

FIXTURES: Final = Path(__file__).parent.parent / "fixtures" / "sigstore"
"""Cut out of sigstore-conformance's `happy-path-v0.3` and `rekor2-happy-path` (Apache-2.0)."""

EVER: Final = Window(datetime(2021, 1, 1, tzinfo=UTC))
FULCIO: Final = sigstore.services().fulcio
CERTIFICATE_LOG: Final = sigstore.services().certificate_log
KEY: Final = private_key("signer")


def der(profile: Profile, key: PrivateKey = KEY, logs: tuple[CertificateLog, ...] = (CERTIFICATE_LOG,)) -> bytes:
    return FULCIO.issue(key, profile, logs).public_bytes(Encoding.DER)


def leaf(key: PrivateKey = KEY, logs: tuple[CertificateLog, ...] = (CERTIFICATE_LOG,), **profile: Any) -> Leaf:
    """A leaf by the authority in memory; `profile` are fields of `Profile`."""
    return Leaf.parse(der(Profile(**profile), key, logs))


def malformed(encoded: bytes) -> str:
    """Why this certificate cannot be read as a signer's."""
    with pytest.raises(RefusedError) as refused:
        Leaf.parse(encoded)
    assert refused.value.fault is Fault.CERTIFICATE_MALFORMED
    return refused.value.reason


def authority(of: Any = FULCIO, window: Window = EVER) -> CertificateAuthority:
    return CertificateAuthority(of.chain, window)


def log_key(of: CertificateLog = CERTIFICATE_LOG, window: Window = EVER) -> LogKey:
    return LogKey.of(spki(of.key), "PKIX_ECDSA_P256_SHA_256", log_id=key_id(of.key), window=window, name=of.host)


@dataclass(frozen=True, slots=True)
class Root:
    """A `trusted_root.json`, read just as far as tests need it."""

    document: Any

    def certificates(self, part: str, index: int) -> tuple[x509.Certificate, ...]:
        chain = self.document[part][index]["certChain"]["certificates"]
        return tuple(x509.load_der_x509_certificate(base64.b64decode(one["rawBytes"])) for one in chain)

    def log_key(self, part: str, index: int) -> bytes:
        return base64.b64decode(self.document[part][index]["publicKey"]["rawBytes"])

    def log_id(self, part: str, index: int) -> bytes:
        return base64.b64decode(self.document[part][index]["logId"]["keyId"])

    @staticmethod
    def key_hash(certificate: x509.Certificate) -> bytes:
        encoded = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(encoded).digest()


def _stored(host: str) -> Root:
    store = files("sigstore._store") / f"https%3A%2F%2F{host}" / "trusted_root.json"
    return Root(json.loads(store.read_text(encoding="utf-8")))


@cache
def production() -> Root:
    return _stored("tuf-repo-cdn.sigstore.dev")


@cache
def staging() -> Root:
    return _stored("tuf-repo-cdn.sigstage.dev")
