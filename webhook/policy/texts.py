"""The kinds of text that fields of a policy hold, each with its grammar; a text that breaks it is a `ValueError`.

Grammars of names and labels are Kubernetes' own (apimachinery `util/validation`), matched in full and in ASCII.
"""

import re
from contextlib import suppress
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from webhook.codes import Code
from webhook.images import Digest
from webhook.policy.allowlist import Pattern
from webhook.policy.part import did_you_mean, shown
from webhook.signatures.keys import PublicKey

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_LABEL_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_DNS_LABEL = re.compile(_LABEL, re.ASCII)
_DNS_SUBDOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_NAMESPACE_GLOB = re.compile(r"[a-z0-9*-]{1,63}", re.ASCII)
_LABEL_KEY = re.compile(rf"(?:(?P<prefix>[^/]*)/)?{_LABEL_NAME}", re.ASCII)
_LABEL_VALUE = re.compile(rf"(?:{_LABEL_NAME})?", re.ASCII)
_CAPABILITY = re.compile(r"[A-Z_]+", re.ASCII)
_DURATION = re.compile(r"(?:[0-9]{1,9}(?:h|m|s))+", re.ASCII)
_POD_SECURITY_VERSION = re.compile(r"latest|v1\.(?:0|[1-9][0-9]{0,2})", re.ASCII)
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+", re.ASCII)
_MAX_SUBDOMAIN = 253
_MAX_FILE_NAME = 4096
_PREDICATES = ("vuln", "cyclonedx", "spdx", "slsaprovenance", "openvex")
_EXTENSIONS = (
    "buildConfigDigest",
    "buildConfigURI",
    "buildSignerDigest",
    "buildSignerURI",
    "buildTrigger",
    "runInvocationURI",
    "runnerEnvironment",
    "sourceRepositoryDigest",
    "sourceRepositoryIdentifier",
    "sourceRepositoryOwnerIdentifier",
    "sourceRepositoryOwnerURI",
    "sourceRepositoryRef",
    "sourceRepositoryURI",
    "sourceRepositoryVisibilityAtSigning",
)  # Fulcio, docs/oid-info.md, 1.3.6.1.4.1.57264.1.9 to .22


def _dns_label(text: str) -> str:
    if not _DNS_LABEL.fullmatch(text):
        raise ValueError(f"expected 1 to 63 of a-z, 0-9 and inner '-', found {shown(text)}")
    return text


def _dns_subdomain(text: str) -> str:
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


def _label_key(text: str) -> str:
    match = _LABEL_KEY.fullmatch(text)
    if match is None:
        raise ValueError(f"expected the key of a label, found {shown(text)}")
    if match["prefix"] is not None:
        _dns_subdomain(match["prefix"])
    return text


def _label_value(text: str) -> str:
    if not _LABEL_VALUE.fullmatch(text):
        raise ValueError(f"expected the value of a label, found {shown(text)}")
    return text


def _pattern(text: str) -> str:
    Pattern.parse(text)
    return text


def _repository(text: str) -> str:
    if "*" in text:
        raise ValueError(f"expected one repository, without '*', found {shown(text)}")
    return _pattern(text)


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


def _capability(text: str) -> str:
    name = text.upper().removeprefix("CAP_")
    if text != name or not _CAPABILITY.fullmatch(text):
        near = f", did you mean `{name}`?" if _CAPABILITY.fullmatch(name) else ""
        raise ValueError(f"expected a capability in capitals and without CAP_, found {shown(text)}{near}")
    return text


def _duration(text: str) -> str:
    if not _DURATION.fullmatch(text) or not text.strip("0hms"):
        raise ValueError(f"expected a duration such as 168h or 1h30m, found {shown(text)}")
    return text


def _pod_security_version(text: str) -> str:
    if not _POD_SECURITY_VERSION.fullmatch(text):
        raise ValueError(f"expected latest or v1.N, found {shown(text)}")
    return text


def _predicate(text: str) -> str:
    if text not in _PREDICATES and not _URI.fullmatch(text):
        expected = f"expected {', '.join(_PREDICATES)} or the URI of a predicate type"
        raise ValueError(f"{expected}, found {shown(text)}{did_you_mean(text, _PREDICATES)}")
    return text


def _issuer(text: str) -> str:
    if not _URI.fullmatch(text):
        raise ValueError(f"expected the URL of an issuer, found {shown(text)}")
    return text


def _extension(text: str) -> str:
    if text not in _EXTENSIONS:
        raise ValueError(f"unknown extension {shown(text)}{did_you_mean(text, _EXTENSIONS)}")
    return text


def _finding_code(text: object) -> Code:
    if not isinstance(text, str) or text not in Code.__members__:
        near = did_you_mean(text, Code) if isinstance(text, str) else ""
        raise ValueError(f"expected the code of a finding, found {shown(text)}{near}")
    return Code(text)


def _moment(text: object) -> datetime:
    with suppress(ValueError):
        if isinstance(text, str) and _TIMESTAMP.fullmatch(text):
            return datetime.fromisoformat(text)
    raise ValueError(f"expected a time with its zone, such as 2027-01-01T00:00:00Z, found {shown(text)}")


Name = Annotated[str, AfterValidator(_dns_label)]
ObjectName = Annotated[str, AfterValidator(_dns_subdomain)]
NamespaceName = Annotated[str, AfterValidator(_exact_namespace)]
NamespaceGlob = Annotated[str, AfterValidator(_namespace_glob)]
LabelKey = Annotated[str, AfterValidator(_label_key)]
LabelValue = Annotated[str, AfterValidator(_label_value)]
ImagePattern = Annotated[str, AfterValidator(_pattern)]
Repository = Annotated[str, AfterValidator(_repository)]
DigestText = Annotated[str, AfterValidator(_digest)]
Pem = Annotated[str, AfterValidator(_pem)]
FileName = Annotated[str, AfterValidator(_file_name)]
Text = Annotated[str, AfterValidator(_not_blank)]
Capability = Annotated[str, AfterValidator(_capability)]
Duration = Annotated[str, AfterValidator(_duration)]
PodSecurityVersion = Annotated[str, AfterValidator(_pod_security_version)]
Predicate = Annotated[str, AfterValidator(_predicate)]
Issuer = Annotated[str, AfterValidator(_issuer)]
Extension = Annotated[str, AfterValidator(_extension)]
FindingCode = Annotated[Code, BeforeValidator(_finding_code)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
