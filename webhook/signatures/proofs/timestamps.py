"""Whether an authority of a trust root saw a signature, and when (RFC 3161).

1. The response was granted, and its imprint is the SHA-256, SHA-384 or SHA-512 hash of the signature.
2. It is signed with the certificate that the trust root has for the authority, and with no other. A certificate that
   the response brings must be that one.
3. That certificate, every one above it, and the authority's window are valid at the time that the response names.

The signed response (CMS) is verified by rfc3161-client.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from rfc3161_client import (
    PKIStatus,
    TimeStampResponse,
    TimeStampTokenInfo,
    VerificationError,
    Verifier,
    VerifierBuilder,
    decode_timestamp_response,
)

from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.validity import Window, moment

MAX_RESPONSE_BYTES: Final = 32 * 1024
"""Of one response. Those with an embedded chain take 5 KB."""

_HASHES: Final = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
"""Object identifier (NIST, hashAlgs) → hashlib's name."""


@dataclass(frozen=True, slots=True)
class TimestampAuthority:
    """An authority for timestamps, and when it gave them.

    `certificates` go from the one that it signs responses with up to the root, so there are at least two.
    """

    certificates: tuple[x509.Certificate, ...]
    window: Window
    _verifier: Verifier = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.certificates) < 2:
            raise ValueError("a timestamp authority has its own certificate and that of its root")
        signer, *intermediates, root = self.certificates
        verifier = VerifierBuilder(tsa_certificate=signer, intermediates=intermediates, roots=[root]).build()
        object.__setattr__(self, "_verifier", verifier)

    def mismatch(self, response: TimeStampResponse, imprint: bytes) -> str | None:
        """Why `response` is not this authority's over `imprint`, None if it is."""
        time = response.tst_info.gen_time
        if not self.window.holds(time):
            return f"it is of {moment(time)}, where its authority was valid {self.window}"
        try:
            self._verifier.verify(response, imprint)
        except (VerificationError, ValueError, x509.InvalidVersion):
            return f"it is not signed with a certificate that was an authority's at {moment(time)}"
        return None if self._signed(response) else "it is not signed with its authority's own certificate alone"

    def _signed(self, response: TimeStampResponse) -> bool:
        """Whether the one signer is the authority itself, and none of those above it."""
        own = self.certificates[0]
        signers = [(signer.issuer, signer.serial_number) for signer in response.signed_data.signer_infos]
        return signers == [(own.issuer, own.serial_number)]


def verified(response_der: bytes, message: bytes, authorities: tuple[TimestampAuthority, ...]) -> datetime:
    """When one of `authorities` saw `message`, by the DER TimeStampResp that says so.

    Raises `RefusedError`: TIMESTAMP_INVALID.
    """
    response, info = _granted(response_der)
    imprint = _imprint(info, message)
    reason: str | None = "the trust root has no timestamp authority"
    for authority in authorities:
        reason = authority.mismatch(response, imprint)
        if reason is None:
            return info.gen_time
    raise _invalid(f"timestamp not by an authority of the trust root: {reason}")


def _granted(encoded: bytes) -> tuple[TimeStampResponse, TimeStampTokenInfo]:
    """The response that says yes, and what it says."""
    if len(encoded) > MAX_RESPONSE_BYTES:
        raise _invalid(f"a timestamp of {len(encoded)} bytes, more than the {MAX_RESPONSE_BYTES} that are read")
    try:
        response = decode_timestamp_response(encoded)
        if response.status != PKIStatus.GRANTED:
            raise _invalid(f"timestamp not granted: status {response.status}")
        info = response.tst_info
    except ValueError:
        raise _invalid("not a timestamp response that can be read") from None
    return response, info


def _imprint(info: TimeStampTokenInfo, message: bytes) -> bytes:
    """The hash of `message` that the response is over."""
    algorithm = info.message_imprint.hash_algorithm.dotted_string
    if algorithm not in _HASHES:
        raise _invalid(f"timestamp over a hash of algorithm {algorithm}, expected SHA-256, SHA-384 or SHA-512")
    imprint = hashlib.new(_HASHES[algorithm], message).digest()
    if info.message_imprint.message != imprint:
        raise _invalid("timestamp over another signature")
    return imprint


def _invalid(reason: str) -> RefusedError:
    return RefusedError(Fault.TIMESTAMP_INVALID, reason)
