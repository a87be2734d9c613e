"""Why something found is not accepted: one closed table, so that a reader, a test and a message mean the same thing."""

from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with one thing found beside an image, as `tidewaiter verify` shows it.

    The order is that of the checks, so the later of two faults is the nearer miss.
    """

    UNUSABLE = "UNUSABLE"
    """It is over a ceiling, or its registry served other content than its digest names."""
    UNRELATED = "UNRELATED"
    """Its media type is not one of signatures or attestations."""
    MALFORMED = "MALFORMED"
    """It is not what its media type says."""
    OTHER_DIGEST = "OTHER_DIGEST"
    """It is about another digest."""
    OTHER_PREDICATE = "OTHER_PREDICATE"
    """It is an attestation where a signature is wanted, a signature where an attestation is, or one of another type."""
    OTHER_PLACE = "OTHER_PLACE"
    """It does not lie where the authority's signatures do."""
    CERTIFICATE_UNEXPECTED = "CERTIFICATE_UNEXPECTED"
    """It is signed with a certificate, where a key is accepted."""
    CERTIFICATE_MISSING = "CERTIFICATE_MISSING"
    """It is signed with a key, where a certificate is accepted."""
    SIGNATURE_MISMATCH = "SIGNATURE_MISMATCH"
    """The signature is not by this key, or not over this content."""
    CERTIFICATE_MALFORMED = "CERTIFICATE_MALFORMED"
    """The certificate cannot be read, or names none or several identities."""
    ISSUER_MISMATCH = "ISSUER_MISMATCH"
    """Another issuer vouched for the identity."""
    SUBJECT_MISMATCH = "SUBJECT_MISMATCH"
    """The certificate names another identity."""
    EXTENSION_MISMATCH = "EXTENSION_MISMATCH"
    """An extension of the certificate has another value, or is not there."""
    TRUST_ROOT_UNAVAILABLE = "TRUST_ROOT_UNAVAILABLE"
    """There is no trust root of the authority's to judge certificates, logs and timestamps by."""
    LOG_ENTRY_MISSING = "LOG_ENTRY_MISSING"
    """No entry of a transparency log came with it."""
    LOG_ENTRY_MALFORMED = "LOG_ENTRY_MALFORMED"
    """The log entry cannot be read, is of a kind that proves nothing, or there are several."""
    LOG_UNKNOWN = "LOG_UNKNOWN"
    """The log is not one of the trust root's."""
    LOG_OUTSIDE_VALIDITY = "LOG_OUTSIDE_VALIDITY"
    """The log's key was not valid at the time of the entry."""
    LOG_PROMISE_INVALID = "LOG_PROMISE_INVALID"
    """The signed entry timestamp is not the log's over this entry."""
    LOG_PROOF_INVALID = "LOG_PROOF_INVALID"
    """The inclusion proof or its checkpoint does not hold."""
    LOG_ENTRY_MISMATCH = "LOG_ENTRY_MISMATCH"
    """The log entry is about another signature, signer or content."""
    TIMESTAMP_MISSING = "TIMESTAMP_MISSING"
    """No timestamp came with it."""
    TIMESTAMP_INVALID = "TIMESTAMP_INVALID"
    """No timestamp is one of the trust root's authorities over this signature."""
    TIME_UNKNOWN = "TIME_UNKNOWN"
    """Nothing that can be trusted says when a certificate was used."""
    TIME_IN_FUTURE = "TIME_IN_FUTURE"
    """A proved time lies in the future."""
    CERTIFICATE_UNTRUSTED = "CERTIFICATE_UNTRUSTED"
    """The certificate is not by an authority of the trust root that was valid when it was used."""
    CERTIFICATE_EXPIRED = "CERTIFICATE_EXPIRED"
    """The certificate was not valid when it was used."""
    CERTIFICATE_USAGE = "CERTIFICATE_USAGE"
    """The certificate is not one for signing code."""
    CERTIFICATE_NOT_LOGGED = "CERTIFICATE_NOT_LOGGED"
    """No certificate transparency log of the trust root had received the certificate."""
    ANNOTATION_MISMATCH = "ANNOTATION_MISMATCH"
    """An annotation that the authority must give is missing or has another value."""
    TOO_OLD = "TOO_OLD"
    """It is older than the policy accepts."""
    CONDITION_FALSE = "CONDITION_FALSE"
    """What it says does not fulfil a condition."""
    VULNERABLE = "VULNERABLE"
    """The report has vulnerabilities that the policy does not accept, or cannot be read."""
    SUPERSEDED = "SUPERSEDED"
    """A newer one of the same authority decides."""

    @property
    def nearness(self) -> int:
        """How far the checks came before they met it."""
        return _ORDER[self]


_ORDER = {fault: number for number, fault in enumerate(Fault)}


ENDING = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What is let through where everything else refuses one thing found: native code panics with a `BaseException`."""


class RefusedError(Exception):
    """One thing found is not accepted; `fault` says what kind of reason it is, and `reason` the sentence for a reader.

    The sentence is printable ASCII, whatever it quotes.
    """

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault
        self.reason = reason

    def unraised(self) -> "RefusedError":
        """The same, to be kept: an exception that was raised holds on to all that was in memory then."""
        return RefusedError(self.fault, self.reason)
