"""One signature that may vouch for a digest: what both formats of cosign have in common once they are read."""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from webhook.signatures.strict_json import JsonError, JsonObject, JsonValue

MAX_CONTENT_BYTES: Final = 1 << 20
"""Of a simple signing payload, which takes less than a kilobyte."""

MAX_DOCUMENT_BYTES: Final = 16 << 20
"""Of a bundle or an envelope, and of the statement in it. Signatures take 1 to 15 KB, bills of materials some MB."""

MAX_STATEMENT_VALUES: Final = 900_000
"""JSON values of one statement. Bills of materials have about 50,000 a megabyte."""

MAX_SIGNATURE_CHARACTERS: Final = 8192
"""Of a signature in base64: one by an RSA key of 8,192 bits takes 1,368."""

_SHOWN_CHARACTERS: Final = 100


class CandidateError(ValueError):
    """Something that was found is no signature that could vouch for any digest; the message says why."""


class Form(StrEnum):
    """How a candidate was written down."""

    SIMPLE_SIGNING = "cosign signature"
    ENVELOPE = "cosign attestation"
    BUNDLE = "Sigstore bundle"


@dataclass(frozen=True, slots=True)
class Claim:
    """One digest that the signed document speaks about, and what it says of it.

    `digest` is written `sha256:<hex>` where the document is well made, and is compared as it stands. The annotations'
    values are whatever the document holds: only strings ever match.
    """

    digest: str
    annotations: Mapping[str, JsonValue]

    def mismatch(self, wanted: Mapping[str, str]) -> str | None:
        """Why the annotations are not all of the wanted ones, None if they are. 1 and true are not "1" and "true"."""
        for name, value in wanted.items():
            actual = self.annotations.get(name)
            if not isinstance(actual, str):
                return f"annotation {quoted(name)} is missing, expected {quoted(value)}"
            if actual != value:
                return f"annotation {quoted(name)} is {quoted(actual)}, expected {quoted(value)}"
        return None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A signature as it was found, nothing of it verified.

    `message` is what `signature` covers: the payload itself, or its pre-authentication encoding in a DSSE envelope.
    `statement` is the in-toto statement that the payload is, and `predicate_type` its type; None and "" in simple
    signing, and as long as the candidate is `sealed`: its payload is so large that nobody reads it before somebody
    vouched for it. `envelope` are the bytes of the whole DSSE envelope where it is a layer of its own. `certificate`
    (DER in a bundle, else PEM), `log_entries` and `timestamps` are kept as they stand; the formats write them
    differently.
    """

    source: str
    form: Form
    payload: bytes
    message: bytes
    signature: bytes
    claims: tuple[Claim, ...]
    predicate_type: str = ""
    statement: JsonObject | None = None
    sealed: bool = False
    envelope: bytes = b""
    certificate: bytes | None = None
    log_entries: tuple[JsonValue, ...] = ()
    timestamps: tuple[JsonValue, ...] = ()

    @property
    def keyless(self) -> bool:
        """Whether a certificate is the one thing that this candidate offers to be verified with.

        Only a bundle says so: beside a simple signing payload the certificate is an annotation that anybody can add.
        """
        return self.form is Form.BUNDLE and self.certificate is not None

    @property
    def enveloped(self) -> bool:
        """Whether the signature is that of a DSSE envelope, be its payload read or not."""
        return self.sealed or self.statement is not None

    def digest(self, algorithm: str) -> bytes:
        """The digest of what the signature covers; `algorithm` is one of hashlib's names, such as sha256."""
        return hashlib.new(algorithm, self.message).digest()

    def about(self, digest: str) -> tuple[Claim, ...]:
        """The claims about `digest` (`sha256:<hex>`), by equality of the whole text."""
        return tuple(claim for claim in self.claims if claim.digest == digest)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """A block in which `what` is read: its `JsonError` leaves as a `CandidateError` that says so."""
    try:
        yield
    except JsonError as error:
        raise CandidateError(f"{what}: {error}") from None


def decode_base64(text: str, ceiling: int, what: str) -> bytes:
    """The bytes of standard, padded base64 (RFC 4648, 4) of at most `ceiling` characters. Raises `CandidateError`.

    Only the one canonical spelling is taken: nothing outside the alphabet, no stray bits before the padding.
    """
    if len(text) > ceiling:
        raise CandidateError(f"{what} has {len(text)} characters, more than the {ceiling} that are read")
    try:
        decoded = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise CandidateError(f"{what} is not base64") from None
    if base64.b64encode(decoded).decode("ascii") != text:
        raise CandidateError(f"{what} is not canonical base64")
    return decoded


def printable(text: str, characters: int = _SHOWN_CHARACTERS) -> str:
    """Foreign text as one line of printable ASCII, with an end; what is neither is escaped."""
    shown = text if len(text) <= characters else f"{text[:characters]}..."
    return shown.encode("unicode_escape").decode("ascii")


def quoted(text: str) -> str:
    """Foreign text as it may stand in a reason."""
    return f'"{printable(text)}"'
