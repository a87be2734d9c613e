"""The kinds of text that fields of a policy hold, each with its grammar; a text that breaks it is a `ValueError`.

Grammars of names and labels are Kubernetes' own (apimachinery `util/validation`), matched in full and in ASCII.
"""

import re
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from webhook.codes import TRANSIENT, Code
from webhook.images import Digest
from webhook.policy.allowlist import Pattern, PatternError
from webhook.policy.exemptions import NOT_EXEMPTABLE
from webhook.policy.part import did_you_mean, listed, shown
from webhook.signatures.attestations import Condition
from webhook.signatures.bundle import SIGNATURE_PREDICATE
from webhook.signatures.identities import EXTENSIONS, Identity
from webhook.signatures.keys import PublicKey
from webhook.signatures.predicate_types import PREDICATE_TYPES

MAX_DURATION = timedelta(hours=876_000)
"""Hundred years: what lies longer ago than that has no date that can be computed with."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LABEL_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_DNS_LABEL = re.compile(_LABEL, re.ASCII)
_DNS_SUBDOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NAMESPACE_GLOB = re.compile(r"[a-z0-9*-]{1,63}", re.ASCII)
_LABEL_KEY = re.compile(rf"(?:(?P<prefix>[^/]*)/)?{_LABEL_NAME}", re.ASCII)
_LABEL_VALUE = re.compile(rf"(?:{_LABEL_NAME})?", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]{1,9}[hms])+", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]+)([hms])", re.ASCII)
_SECONDS = {"h": 3600, "m": 60, "s": 1}
_POD_SECURITY_VERSION = re.compile(r"latest|v1\.(?:0|[1-9][0-9]{0,2})", re.ASCII)
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+", re.ASCII)
_MAX_SUBDOMAIN = 253
_MAX_FILE_NAME = 4096
_SOME_ISSUER = "https://issuer.example.com"
_SOME_SUBJECT = "someone@example.com"


def _dns_label(text: str) -> str:
    if not _DNS_LABEL.fullmatch(text):
        raise ValueError(f"expected 1 to 63 of a-z, 0-9 and inner '-', found {shown(text)}")
    return text


def dns_subdomain(text: str) -> str:
    """The text, if it is a DNS name as Kubernetes writes it (RFC 1123 subdomain). Raises `ValueError`."""
    if len(text) > _MAX_SUBDOMAIN or not _DNS_SUBDOMAIN.fullmatch(text):
        raise ValueError(f"expected a DNS name: labels of a-z, 0-9 and inner '-' with '.' between, found {shown(text)}")
    return text


def _exact_namespace(text: str) -> str:
    if "*" in text:
        raise ValueError(f"expected the exact name of a namespace, without '*', found {shown(text)}")
    return _dns_label(text)


def _namespace_glob(text: str) -> str:
    if not _NAMESPACE_GLOB.fullmatch(text):
        raise ValueError(f"expected the name of a namespace in which '*' is the one wildcard, found {shown(text)}")
    return text


def label_key(text: str) -> str:
    """The text, if it is a name with or without a prefix, as labels have (IsQualifiedName). Raises `ValueError`."""
    match = _LABEL_KEY.fullmatch(text)
    if match is None:
        raise ValueError(f"expected the key of a label, found {shown(text)}")
    if match["prefix"] is not None:
        dns_subdomain(match["prefix"])
    return text


def _label_value(text: str) -> str:
    if not _LABEL_VALUE.fullmatch(text):
        raise ValueError(f"expected the value of a label, found {shown(text)}")
    return text


def _pattern(text: str) -> str:
    Pattern.parse(text)
    return text


def _repository(text: str) -> str:
    """A pattern that stands for one repository. Where the text may hold a password, it is not quoted."""
    if "/" not in text or set("*@") & set(text) or "://" in text:
        raise ValueError("expected one repository, such as registry.example.com/signatures")
    try:
        return _pattern(text)
    except PatternError as error:
        raise ValueError(f"expected one repository: {str(error).removeprefix('pattern ')}") from error


def _digest(text: str) -> str:
    return str(Digest.parse(text))


def _pem(text: str) -> str:
    PublicKey.from_pem(text)
    return text


def _file_name(text: str) -> str:
    if not 0 < len(text) <= _MAX_FILE_NAME or "\0" in text:
        raise ValueError(f"expected the name of a file, found {shown(text)}")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError(f"expected some text, found {shown(text)}")
    return text


def duration(text: str) -> timedelta:
    """How long `1h30m` is. Raises `ValueError`."""
    parts = _DURATION_PART.findall(text) if _DURATION.fullmatch(text) else ()
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if not seconds:
        raise ValueError(f"expected a duration such as 168h or 1h30m, found {shown(text)}")
    if seconds > MAX_DURATION.total_seconds():
        raise ValueError(f"expected at most 876000h, a hundred years, found {shown(text)}")
    return timedelta(seconds=seconds)


def _duration(text: str) -> str:
    duration(text)
    return text


def _pod_security_version(text: str) -> str:
    if not _POD_SECURITY_VERSION.fullmatch(text):
        raise ValueError(f"expected latest or v1.N, found {shown(text)}")
    return text


def _predicate(text: str) -> str:
    if text not in PREDICATE_TYPES and not _URI.fullmatch(text):
        expected = f"expected {listed([*PREDICATE_TYPES, 'the URI of a predicate type'])}"
        raise ValueError(f"{expected}, found {shown(text)}{did_you_mean(text, PREDICATE_TYPES)}")
    if text == SIGNATURE_PREDICATE:
        raise ValueError("is the type of signatures, which are asked for by `signatures`")
    return text


def _issuer(text: str) -> str:
    if not _URI.fullmatch(text):
        raise ValueError(f"expected the URL of an issuer, found {shown(text)}")
    Identity(text, subject=_SOME_SUBJECT)
    return text


def _subject(text: str) -> str:
    Identity(_SOME_ISSUER, subject=_not_blank(text))
    return text


def _subject_pattern(text: str) -> str:
    Identity(_SOME_ISSUER, subject_pattern=_not_blank(text))
    return text


def _extension(text: str) -> str:
    if text not in EXTENSIONS:
        raise ValueError(f"unknown extension {shown(text)}{did_you_mean(text, EXTENSIONS)}")
    return text


def condition(text: str) -> Condition:
    """The condition that a text writes, compiled. Raises `ValueError`."""
    from webhook.policy.conditions import CelCondition  # noqa: PLC0415 - a library of 4 MB, which few policies need

    return CelCondition.compile(text)


def _condition(text: str) -> str:
    condition(_not_blank(text))
    return text


def _finding_code(text: object) -> Code:
    if not isinstance(text, str) or text not in Code.__members__:
        near = did_you_mean(text, Code) if isinstance(text, str) else ""
        raise ValueError(f"expected the code of a finding, found {shown(text)}{near}")
    return Code(text)


def _exempt_code(text: object) -> Code:
    code = _finding_code(text)
    if code in TRANSIENT:
        raise ValueError(f"{code.value} cannot be exempt: spec.onError says what is done about it")
    if code in NOT_EXEMPTABLE:
        raise ValueError(f"{code.value} cannot be exempt: it stands for rules that could not be judged")
    return code


def _moment(text: object) -> datetime:
    with suppress(ValueError):
        if isinstance(text, str) and _TIMESTAMP.fullmatch(text):
            return datetime.fromisoformat(text)
    raise ValueError(f"expected a time with its zone, such as 2027-01-01T00:00:00Z, found {shown(text)}")


Name = Annotated[str, AfterValidator(_dns_label)]
ObjectName = Annotated[str, AfterValidator(dns_subdomain)]
NamespaceName = Annotated[str, AfterValidator(_exact_namespace)]
NamespaceGlob = Annotated[str, AfterValidator(_namespace_glob)]
LabelKey = Annotated[str, AfterValidator(label_key)]
LabelValue = Annotated[str, AfterValidator(_label_value)]
ImagePattern = Annotated[str, AfterValidator(_pattern)]
Repository = Annotated[str, AfterValidator(_repository)]
DigestText = Annotated[str, AfterValidator(_digest)]
Pem = Annotated[str, AfterValidator(_pem)]
FileName = Annotated[str, AfterValidator(_file_name)]
Text = Annotated[str, AfterValidator(_not_blank)]
Duration = Annotated[str, AfterValidator(_duration)]
PodSecurityVersion = Annotated[str, AfterValidator(_pod_security_version)]
Predicate = Annotated[str, AfterValidator(_predicate)]
Issuer = Annotated[str, AfterValidator(_issuer)]
Subject = Annotated[str, AfterValidator(_subject)]
SubjectPattern = Annotated[str, AfterValidator(_subject_pattern)]
ConditionText = Annotated[str, AfterValidator(_condition)]
Extension = Annotated[str, AfterValidator(_extension)]
ExemptCode = Annotated[Code, BeforeValidator(_exempt_code)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
