"""Identities of other tools into ours: exact, or a pattern that takes no identity which theirs would refuse.

Their regular expressions are Go's, looked for anywhere in the subject; ours must match all of it.
"""

import re
from typing import Any

from webhook.signatures.identities import Identity, IdentityError, compiled

_LITERAL = re.compile(r"(?:[A-Za-z0-9/:@_ -]|\\[./@:_-])+", re.ASCII)
_WILD = re.compile("[*?]")


class UnsaidError(ValueError):
    """It cannot be said here; the message says why."""


def keyless(issuer: str, issuer_pattern: str, subject: str, subject_pattern: str) -> dict[str, str]:
    """`keyless` of an authority, of an issuer and a subject that are exact or regular expressions.

    Raises `UnsaidError`.
    """
    if bool(issuer) is bool(issuer_pattern):
        raise UnsaidError("needs exactly one issuer")
    if subject and subject_pattern:
        raise UnsaidError("has a subject and a regular expression for it")
    made = {"issuer": issuer or exact(issuer_pattern)}
    if subject:
        return _checked({**made, "subject": subject})
    return _checked({**made, "subjectPattern": whole(subject_pattern) if subject_pattern else ".*"})


def exact(pattern: str) -> str:
    """The one text that a regular expression matches. Raises `UnsaidError`."""
    inner = pattern[1:-1]
    if not (pattern.startswith("^") and pattern.endswith("$") and _LITERAL.fullmatch(inner)):
        raise UnsaidError("an issuer is exact here, and the regular expression takes several")
    return inner.replace("\\", "")


def whole(pattern: str) -> str:
    """A regular expression that matches a whole text where `pattern` is found in it. Raises `UnsaidError`."""
    _compile(pattern)
    if "\\Q" in pattern:
        raise UnsaidError("the regular expression quotes by \\Q")
    anchored = pattern.startswith("^") and pattern.endswith("$") and not pattern.endswith("\\$") and "|" not in pattern
    if anchored and _compiles(pattern[1:-1]):
        return pattern[1:-1] or "$"
    made = f"(?s:.*)(?:{pattern})(?s:.*)"
    _compile(made)
    return made


def of_wildcards(text: str) -> tuple[str, str]:
    """Field and value of a subject in which `*` stands for any characters, and `?` for one."""
    if not _WILD.search(text):
        return "subject", text
    return "subjectPattern", "".join({"*": ".*", "?": "."}.get(char) or quoted(char) for char in text)


def quoted(char: str) -> str:
    """A character as a regular expression for itself."""
    return char if char.isalnum() or char in "/:@_- " or not char.isascii() else f"\\{char}"


def wild(text: str) -> bool:
    """Whether a text has wildcards."""
    return _WILD.search(text) is not None


def _checked(made: dict[str, str]) -> dict[str, str]:
    try:
        who: dict[str, Any] = {"subject": made.get("subject", ""), "subject_pattern": made.get("subjectPattern", "")}
        Identity(made["issuer"], **who)
    except IdentityError as error:
        raise UnsaidError(str(error)) from error
    return made


def _compile(pattern: str) -> None:
    try:
        compiled(pattern)
    except IdentityError as error:
        raise UnsaidError(str(error)) from error


def _compiles(pattern: str) -> bool:
    try:
        compiled(pattern)
    except IdentityError:
        return False
    return True
