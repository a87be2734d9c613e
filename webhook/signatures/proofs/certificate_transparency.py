"""Whether a log of certificates had received a signer's certificate.

1. A certificate carries promises of logs (signed certificate timestamps, RFC 6962, 3.2); one good one suffices, and
   others, by unknown logs or wrong, are passed over.
2. A promise is by a log of the trust root, whose window holds at the promise's time, over this very certificate and
   its issuer.

What is signed is put together by sigstore-python's own function, a private one that tests/contracts hold to RFC 6962.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.certificate_transparency import SignedCertificateTimestamp
from sigstore._internal.sct import _pack_digitally_signed
from sigstore._utils import KeyID

from webhook.signatures.certificates import Leaf
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.proofs.log_keys import LogKey
from webhook.signatures.validity import moment

MAX_PROMISES: Final = 16
"""How many of one certificate are looked at. Fulcio's certificates have one."""


def check(leaf: Leaf, issuers: tuple[x509.Certificate, ...], logs: Mapping[bytes, LogKey]) -> str:
    """Who promised to log the certificate, as a phrase for a reader. `logs` are the trust root's by their id.

    `issuers` is the verified chain above the certificate. Raises `RefusedError`: CERTIFICATE_NOT_LOGGED.
    """
    reason = "there is none"
    for promise in islice(_promises(leaf.certificate), MAX_PROMISES):
        log = logs.get(promise.log_id)
        if log is None:
            reason = "it is by no log of the trust root"
        elif mismatch := _mismatch(promise, log, leaf, issuers[0]):
            reason = mismatch
        else:
            return f"certificate logged by {log.name} at {moment(_time(promise))}"
    raise RefusedError(Fault.CERTIFICATE_NOT_LOGGED, f"no good promise by a log of certificates: {reason}")


def _promises(certificate: x509.Certificate) -> Iterable[SignedCertificateTimestamp]:
    try:
        return certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    except x509.ExtensionNotFound:
        return ()


def _mismatch(promise: SignedCertificateTimestamp, log: LogKey, leaf: Leaf, issuer: x509.Certificate) -> str | None:
    """Why `promise` is not one by `log` over the certificate, None if it is."""
    time = _time(promise)
    if not log.window.holds(time):
        return f"{log.name} was valid {log.window}, the promise is of {moment(time)}"
    if not isinstance(promise.signature_hash_algorithm, SHA256):  # RFC 6962, 2.1.4: the one hash that logs sign
        return f"that of {log.name} is not over a SHA-256 hash"
    issuer_key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signed = _pack_digitally_signed(promise, leaf.certificate, KeyID(hashlib.sha256(issuer_key).digest()))
    return (
        None if log.verify(promise.signature, signed) else f"{log.name} did not sign that it received this certificate"
    )


def _time(promise: SignedCertificateTimestamp) -> datetime:
    return promise.timestamp.replace(tzinfo=UTC)
