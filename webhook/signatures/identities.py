"""Identities that certificates name, and what a policy wants of them.

1. The issuer is compared as it stands: with a slash at its end it is another.
2. A pattern must match the whole subject, from its first character to its last. It is RE2's syntax, whose matching
   takes time linear in the subject's length, whatever the pattern.
3. An extension is compared as it stands; one that the certificate does not have matches nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

import re2  # type: ignore[import-untyped]

from webhook.signatures.faults import Fault, RefusedError

MAX_TEXT_CHARACTERS: Final = 2048
"""Of an issuer, a subject, a pattern or the value of an extension. The longest in use are URLs of workflows."""

EXTENSIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "githubWorkflowTrigger": "1.3.6.1.4.1.57264.1.2",
        "githubWorkflowSHA": "1.3.6.1.4.1.57264.1.3",
        "githubWorkflowName": "1.3.6.1.4.1.57264.1.4",
        "githubWorkflowRepository": "1.3.6.1.4.1.57264.1.5",
        "githubWorkflowRef": "1.3.6.1.4.1.57264.1.6",
        "buildSignerURI": "1.3.6.1.4.1.57264.1.9",
        "buildSignerDigest": "1.3.6.1.4.1.57264.1.10",
        "runnerEnvironment": "1.3.6.1.4.1.57264.1.11",
        "sourceRepositoryURI": "1.3.6.1.4.1.57264.1.12",
        "sourceRepositoryDigest": "1.3.6.1.4.1.57264.1.13",
        "sourceRepositoryRef": "1.3.6.1.4.1.57264.1.14",
        "sourceRepositoryIdentifier": "1.3.6.1.4.1.57264.1.15",
        "sourceRepositoryOwnerURI": "1.3.6.1.4.1.57264.1.16",
        "sourceRepositoryOwnerIdentifier": "1.3.6.1.4.1.57264.1.17",
        "buildConfigURI": "1.3.6.1.4.1.57264.1.18",
        "buildConfigDigest": "1.3.6.1.4.1.57264.1.19",
        "buildTrigger": "1.3.6.1.4.1.57264.1.20",
        "runInvocationURI": "1.3.6.1.4.1.57264.1.21",
        "sourceRepositoryVisibilityAtSigning": "1.3.6.1.4.1.57264.1.22",
    }
)
"""What Fulcio's extensions are called in policies → object identifier. Source: Fulcio, docs/oid-info.md."""

ISSUER: Final = re.compile(rf"[!-~]{{1,{MAX_TEXT_CHARACTERS}}}", re.ASCII)
SUBJECT: Final = re.compile(rf"[ -~]{{1,{MAX_TEXT_CHARACTERS}}}", re.ASCII)

_MAX_PATTERN_MEMORY: Final = 1 << 20
"""Bytes that one compiled pattern and its matching may take; a workflow's takes about 10 KB."""
_SHOWN_CHARACTERS: Final = 300
"""Of an identity in a message. The end of a workflow's URL is its ref, which is often what differs."""


class IdentityError(ValueError):
    """The policy's text is no identity that could be matched; the message says why."""


class Pattern(Protocol):
    """A compiled pattern."""

    def fullmatch(self, text: str) -> object | None:
        """What matched the whole of `text`, None if it does not match."""
        ...


@dataclass(frozen=True, slots=True)
class Signer:
    """Who a certificate names: the OIDC issuer, the one subject alternative name, and Fulcio's extensions by name.

    An issuer is printable ASCII without spaces, a subject printable ASCII. What kind of name a subject is follows from
    its text (`signers`): with "://" a URI, with "@" an e-mail address, else a user name.
    """

    issuer: str
    subject: str
    extensions: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def voice(self) -> str:
        """What is counted as one signer."""
        return f"{self.issuer} {self.subject}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a policy accepts: an issuer, and a subject by its text or by a pattern. Raises `IdentityError` when made."""

    issuer: str
    subject: str = ""
    subject_pattern: str = ""
    extensions: Mapping[str, str] = field(default_factory=dict, hash=False)
    _pattern: Pattern | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not ISSUER.fullmatch(self.issuer):
            raise IdentityError(f"issuer: expected the URL of an issuer, found {_shown(self.issuer)}")
        if bool(self.subject) == bool(self.subject_pattern):
            raise IdentityError("expected exactly one of a subject and a pattern of subjects")
        if self.subject_pattern:
            object.__setattr__(self, "_pattern", compiled(self.subject_pattern))
        elif not SUBJECT.fullmatch(self.subject):
            raise IdentityError(f"subject: no certificate names {_shown(self.subject)}: it must be printable ASCII")
        for name in self.extensions:
            if name not in EXTENSIONS:
                raise IdentityError(f"unknown extension {_shown(name)}; known: {', '.join(EXTENSIONS)}")

    def check(self, signer: Signer) -> None:
        """Whether `signer` is accepted. Raises `RefusedError`."""
        if signer.issuer != self.issuer:
            raise RefusedError(
                Fault.ISSUER_MISMATCH, f"identity issued by {_shown(signer.issuer)}, expected {_shown(self.issuer)}"
            )
        if not self._names(signer.subject):
            raise RefusedError(
                Fault.SUBJECT_MISMATCH, f"certificate for {_shown(signer.subject)}, expected {self._wanted}"
            )
        for name, value in self.extensions.items():
            actual = signer.extensions.get(name)
            if actual != value:
                found = "missing" if actual is None else _shown(actual)
                raise RefusedError(Fault.EXTENSION_MISMATCH, f"extension {name} is {found}, expected {_shown(value)}")

    def _names(self, subject: str) -> bool:
        if self._pattern is None:
            return subject == self.subject
        return len(subject) <= MAX_TEXT_CHARACTERS and self._pattern.fullmatch(subject) is not None

    @property
    def _wanted(self) -> str:
        return _shown(self.subject) if self.subject else f"a match of {_shown(self.subject_pattern, '/')}"

    def __str__(self) -> str:
        """As messages name it."""
        subject = self.subject or f"/{self.subject_pattern}/"
        return f"{_escaped(subject)} by {_escaped(self.issuer)}"


def compiled(pattern: str) -> Pattern:
    """The compiled form of a pattern in RE2's syntax. Raises `IdentityError`."""
    if len(pattern) > MAX_TEXT_CHARACTERS:
        raise IdentityError(f"pattern: {len(pattern)} characters are more than {MAX_TEXT_CHARACTERS}")
    options = re2.Options()
    options.max_mem = _MAX_PATTERN_MEMORY
    options.log_errors = False
    try:
        made: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        reason = _escaped(error.args[0].decode("utf-8", "replace"))
        raise IdentityError(
            f"pattern: {reason} (RE2's syntax, without look-arounds and backreferences: they are not supported)"
        ) from None
    except UnicodeEncodeError:
        raise IdentityError("pattern: not text that UTF-8 can hold") from None
    return made


def _escaped(text: str) -> str:
    """Foreign text as printable ASCII, with an end."""
    kept = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
    return kept.encode("unicode_escape").decode("ascii")


def _shown(text: str, quote: str = '"') -> str:
    return f"{quote}{_escaped(text)}{quote}"
