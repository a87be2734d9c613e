"""RFC 3161 timestamps as they come with a signature, in one form from both formats. Nothing is verified here.

A bundle holds objects with `signedTimestamp` (sigstore/protobuf-specs `sigstore_common.proto`, RFC3161SignedTimestamp),
cosign's older format one with `SignedRFC3161Timestamp` (cosign `pkg/cosign/bundle/rfc3161timestamp.go`): a
TimeStampResp in DER, in base64.
"""

from typing import Final

from webhook.signatures import strict_json
from webhook.signatures.candidate import Candidate, CandidateError, decode_base64
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.strict_json import JsonError, JsonValue

MAX_TIMESTAMP_CHARACTERS: Final = 44 << 10
"""Of one timestamp: real ones take 1 to 8 KB, the more the longer the chain of certificates within."""

_LINE_ENDS: Final = str.maketrans("", "", "\r\n")
"""Forgiven: Go skips them, and timestamps that were put into bundles by hand have them."""


def signed_timestamps(candidate: Candidate) -> tuple[bytes, ...]:
    """The timestamps of `candidate`, at least one, in DER.

    Raises `RefusedError`: TIMESTAMP_MISSING, TIMESTAMP_INVALID. One that stands twice counts as an attempt to pass for
    two.
    """
    if not candidate.timestamps:
        raise RefusedError(Fault.TIMESTAMP_MISSING, "no timestamp came with it")
    try:
        responses = tuple(map(_response, candidate.timestamps))
    except (JsonError, CandidateError) as error:
        raise RefusedError(Fault.TIMESTAMP_INVALID, f"timestamp: {error}") from None
    if len(set(responses)) != len(responses):
        raise RefusedError(Fault.TIMESTAMP_INVALID, "the same timestamp twice")
    return responses


def _response(timestamp: JsonValue) -> bytes:
    if isinstance(timestamp, str):
        raw, name = timestamp.encode(errors="surrogatepass"), "SignedRFC3161Timestamp"
        timestamp = strict_json.loads(raw, 2 * MAX_TIMESTAMP_CHARACTERS)
    else:
        name = "signedTimestamp"
    if not isinstance(timestamp, dict):
        raise CandidateError("not an object")
    encoded = strict_json.text(timestamp, name).translate(_LINE_ENDS)
    return decode_base64(encoded, MAX_TIMESTAMP_CHARACTERS, name)
