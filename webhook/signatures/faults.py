"""Why something found is not accepted: one closed table, so that a reader, a test and a message mean the same thing."""

from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with one thing found beside an image, as `tidewaiter verify` shows it.

    The order is that of the checks, so the later of two faults is the nearer miss.
    """

    UNUSABLE = "UNUSABLE"
    UNRELATED = "UNRELATED"
    MALFORMED = "MALFORMED"
    OTHER_DIGEST = "OTHER_DIGEST"
    OTHER_PREDICATE = "OTHER_PREDICATE"
    OTHER_PLACE = "OTHER_PLACE"
    CERTIFICATE_UNEXPECTED = "CERTIFICATE_UNEXPECTED"
    CERTIFICATE_MISSING = "CERTIFICATE_MISSING"
    SIGNATURE_MISMATCH = "SIGNATURE_MISMATCH"
    CERTIFICATE_MALFORMED = "CERTIFICATE_MALFORMED"
    ISSUER_MISMATCH = "ISSUER_MISMATCH"
    SUBJECT_MISMATCH = "SUBJECT_MISMATCH"
    EXTENSION_MISMATCH = "EXTENSION_MISMATCH"
    TRUST_ROOT_UNAVAILABLE = "TRUST_ROOT_UNAVAILABLE"
    LOG_ENTRY_MISSING = "LOG_ENTRY_MISSING"
    LOG_ENTRY_MALFORMED = "LOG_ENTRY_MALFORMED"
    LOG_UNKNOWN = "LOG_UNKNOWN"
    LOG_OUTSIDE_VALIDITY = "LOG_OUTSIDE_VALIDITY"
    LOG_PROMISE_INVALID = "LOG_PROMISE_INVALID"
    LOG_PROOF_INVALID = "LOG_PROOF_INVALID"
    LOG_ENTRY_MISMATCH = "LOG_ENTRY_MISMATCH"
    TIMESTAMP_MISSING = "TIMESTAMP_MISSING"
    TIMESTAMP_INVALID = "TIMESTAMP_INVALID"
    TIME_UNKNOWN = "TIME_UNKNOWN"
    TIME_IN_FUTURE = "TIME_IN_FUTURE"
    CERTIFICATE_UNTRUSTED = "CERTIFICATE_UNTRUSTED"
    CERTIFICATE_EXPIRED = "CERTIFICATE_EXPIRED"
    CERTIFICATE_USAGE = "CERTIFICATE_USAGE"
    CERTIFICATE_NOT_LOGGED = "CERTIFICATE_NOT_LOGGED"
    ANNOTATION_MISMATCH = "ANNOTATION_MISMATCH"
    TOO_OLD = "TOO_OLD"
    CONDITION_FALSE = "CONDITION_FALSE"
    VULNERABLE = "VULNERABLE"
    SUPERSEDED = "SUPERSEDED"

    @property
    def nearness(self) -> int:
        """How far the checks came before they met it."""
        return _ORDER[self]


MEANINGS: dict[Fault, str] = {
    Fault.UNUSABLE: "It is over a ceiling, or its registry served other content than its digest names.",
    Fault.UNRELATED: "Its media type is not one of signatures or attestations.",
    Fault.MALFORMED: "It is not what its media type says.",
    Fault.OTHER_DIGEST: "It is about another digest.",
    Fault.OTHER_PREDICATE: "It is an attestation where a signature is wanted, the reverse, or one of another type.",
    Fault.OTHER_PLACE: "It does not lie where the authority's signatures do.",
    Fault.CERTIFICATE_UNEXPECTED: "It is signed with a certificate, where a key is accepted.",
    Fault.CERTIFICATE_MISSING: "It is signed with a key, where a certificate is accepted.",
    Fault.SIGNATURE_MISMATCH: "The signature is not by this key, or not over this content.",
    Fault.CERTIFICATE_MALFORMED: "The certificate cannot be read, or names none or several identities.",
    Fault.ISSUER_MISMATCH: "Another issuer vouched for the identity.",
    Fault.SUBJECT_MISMATCH: "The certificate names another identity.",
    Fault.EXTENSION_MISMATCH: "An extension of the certificate has another value, or is not there.",
    Fault.TRUST_ROOT_UNAVAILABLE: "There is no trust root of that name to judge certificates, logs and timestamps by.",
    Fault.LOG_ENTRY_MISSING: "No entry of a transparency log came with it.",
    Fault.LOG_ENTRY_MALFORMED: "The log entry cannot be read, is of a kind that proves nothing, or there are several.",
    Fault.LOG_UNKNOWN: "The log is not one of the trust root's.",
    Fault.LOG_OUTSIDE_VALIDITY: "The log's key was not valid at the time of the entry.",
    Fault.LOG_PROMISE_INVALID: "The signed entry timestamp is not the log's over this entry.",
    Fault.LOG_PROOF_INVALID: "The inclusion proof or its checkpoint does not hold.",
    Fault.LOG_ENTRY_MISMATCH: "The log entry is about another signature, signer or content.",
    Fault.TIMESTAMP_MISSING: "No timestamp came with it.",
    Fault.TIMESTAMP_INVALID: "No timestamp is one of the trust root's authorities over this signature.",
    Fault.TIME_UNKNOWN: "Nothing that can be trusted says when a certificate was used.",
    Fault.TIME_IN_FUTURE: "A proved time lies in the future.",
    Fault.CERTIFICATE_UNTRUSTED: "The certificate is not by an authority of the trust root that was valid then.",
    Fault.CERTIFICATE_EXPIRED: "The certificate was not valid when it was used.",
    Fault.CERTIFICATE_USAGE: "The certificate is not one for signing code.",
    Fault.CERTIFICATE_NOT_LOGGED: "No certificate transparency log of the trust root had received the certificate.",
    Fault.ANNOTATION_MISMATCH: "An annotation that the authority must give is missing or has another value.",
    Fault.TOO_OLD: "It is older than the policy accepts.",
    Fault.CONDITION_FALSE: "What it says does not fulfil a condition.",
    Fault.VULNERABLE: "The report has vulnerabilities that the policy does not accept, or cannot be read.",
    Fault.SUPERSEDED: "A newer one of the same authority decides.",
}
"""One sentence for each, as the documentation shows it."""

OF_ANOTHER_ROOT = frozenset(
    {
        Fault.LOG_UNKNOWN,
        Fault.TIMESTAMP_INVALID,
        Fault.TIME_UNKNOWN,
        Fault.CERTIFICATE_UNTRUSTED,
        Fault.CERTIFICATE_NOT_LOGGED,
    }
)
"""What a good signature of another Sigstore meets: then the reader wants to know which trust root was asked."""

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


def reference() -> str:
    """The documentation's page: every fault and its meaning, `docs/faults.md`."""
    rows = "".join(f"| `{fault.value}` | {MEANINGS[fault]} |\n" for fault in Fault)
    return f"""# Faults

`tidewaiter verify` shows everything that lies beside an image; what is not accepted has one of these faults (`fault` in
its JSON). They stand in the order of the checks, and the message of a finding tells the nearest miss. This page is made
by `make docs` from `webhook/signatures/faults.py`.

| fault | meaning |
|---|---|
{rows}"""
