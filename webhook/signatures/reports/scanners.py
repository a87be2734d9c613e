"""Vulnerability reports in the formats that scanners attest: what they found.

A report is read, or it is refused: one in no known format, without the list that a clean report would have, or with
anything in that list that cannot be read, is never a clean one. Sources:

- cosign `specs/COSIGN_VULN_ATTESTATION_SPEC.md`, whose `scanner.result` holds what the scanner wrote;
- Trivy `pkg/types/report.go`, SchemaVersion 2, as `--format cosign-vuln` writes it;
- Grype `grype/presenter/models/document.go`;
- in-toto/attestation `spec/predicates/vulns.md` (0.1) and `vulns_02.md`, whose `scanner.result` is a list of its own.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

from webhook.signatures import strict_json
from webhook.signatures.candidate import quoted
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.predicate_types import IN_TOTO_VULNERABILITIES
from webhook.signatures.reports.vulnerabilities import Finding, Severity
from webhook.signatures.strict_json import JsonError, JsonObject, JsonValue

MAX_FINDINGS: Final = 100_000
"""That are read; the largest images have some thousands."""

READABLE: Final = "Trivy, Grype, in-toto"

_TRIVY_SCHEMA = 2
_TRIVY_PACKAGE_CLASSES = frozenset({"os-pkgs", "lang-pkgs"})
"""Classes of results that stand for packages, which a scan for secrets or licences alone does not have."""

_SEVERITIES: Final = {str(severity): severity for severity in Severity}
_SCORE = re.compile(r"(?:10(?:\.0+)?|[0-9](?:\.[0-9]+)?)", re.ASCII)
_SCORES: Final = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM))
"""CVSS v3.1, table 14: the least score of each rating. Below are the low ones."""


def read(predicate_type: str, predicate: JsonValue) -> tuple[Finding, ...]:
    """All that a report found. Raises `RefusedError` (VULNERABLE) for one that cannot be read."""
    try:
        scanner = strict_json.child(_object(predicate, "the predicate"), "scanner")
        result = strict_json.member(scanner, "result")
        if isinstance(result, list) and predicate_type in IN_TOTO_VULNERABILITIES:
            return tuple(_each(result, _in_toto, "a vulnerability of scanner.result"))
        return tuple(_scanned(_object(result, "scanner.result")))
    except JsonError as error:
        raise RefusedError(Fault.VULNERABLE, f"the vulnerability report cannot be read: {error}") from None


def _scanned(result: JsonObject) -> Iterator[Finding]:
    """What a scanner's own format says."""
    formats = [
        reader
        for reader, member in ((_trivy, "SchemaVersion"), (_grype, "matches"))
        if strict_json.member(result, member) is not None
    ]
    if len(formats) != 1:
        raise JsonError(f"scanner.result is in no format that is read here ({READABLE})")
    return formats[0](result)


def _trivy(report: JsonObject) -> Iterator[Finding]:
    version = report["SchemaVersion"]
    if version != _TRIVY_SCHEMA:
        raise JsonError(f"a Trivy report of SchemaVersion {quoted(str(version))}, where {_TRIVY_SCHEMA} is read")
    results = strict_json.items(report, "Results", MAX_FINDINGS)
    found: list[JsonValue] = []
    scanned = False
    for item in results:
        result = _object(item, "one of Results")
        vulnerabilities = strict_json.items(result, "Vulnerabilities", MAX_FINDINGS)
        scanned = scanned or bool(vulnerabilities) or strict_json.member(result, "Class") in _TRIVY_PACKAGE_CLASSES
        found += vulnerabilities
    if not scanned:
        raise JsonError("the Trivy report has no Results of packages: nothing was scanned for vulnerabilities")
    return _each(found, _trivy_finding, "one of Vulnerabilities")


def _trivy_finding(vulnerability: JsonObject) -> Finding:
    severity, stated = _severity(vulnerability.get("Severity"))
    fixed = vulnerability.get("FixedVersion")
    if fixed is None or fixed == "":
        strict_json.member(vulnerability, "FixedVersion")  # in another spelling it is a fault, and not missing
        fixed = None if _may_be_fixed(strict_json.member(vulnerability, "Status")) else ""
    identifier = vulnerability.get("PkgIdentifier")
    return Finding(
        id=_id(vulnerability, "VulnerabilityID"),
        severity=severity,
        stated=stated,
        package=_text(vulnerability.get("PkgName")),
        version=_text(vulnerability.get("InstalledVersion")),
        fixed=fixed if isinstance(fixed, str) else None,
        purl=_text(identifier.get("PURL")) if isinstance(identifier, dict) else "",
    )


def _grype(report: JsonObject) -> Iterator[Finding]:
    if strict_json.optional_child(report, "descriptor").get("name") != "grype":
        raise JsonError("scanner.result has matches like a Grype report, but is not described as one")
    return _each(strict_json.items(report, "matches", MAX_FINDINGS), _grype_finding, "one of matches")


def _grype_finding(match: JsonObject) -> Finding:
    vulnerability = strict_json.child(match, "vulnerability")
    artifact = strict_json.optional_child(match, "artifact")
    severity, stated = _severity(vulnerability.get("severity"))
    related = strict_json.items(match, "relatedVulnerabilities", MAX_FINDINGS)
    return Finding(
        id=_id(vulnerability, "id"),
        severity=severity,
        stated=stated,
        package=_text(artifact.get("name")),
        version=_text(artifact.get("version")),
        fixed=_grype_fix(vulnerability.get("fix")),
        aliases=tuple(_id(_object(one, "one of relatedVulnerabilities"), "id") for one in related),
        purl=_text(artifact.get("purl")),
    )


def _grype_fix(fix: JsonValue) -> str | None:
    """Where Grype knows of no version, there is none, whatever its reason; but what is `fixed` has one."""
    versions = fix.get("versions") if isinstance(fix, dict) else None
    if not isinstance(fix, dict) or not isinstance(versions, list) or not all(isinstance(one, str) for one in versions):
        return None
    return ", ".join(map(str, versions)) or (None if _may_be_fixed(fix.get("state")) else "")


def _may_be_fixed(status: JsonValue) -> bool:
    """Whether there is a fixed version, though the scanner names none: it says so, or what it says cannot be read."""
    return status.strip().lower() == "fixed" if isinstance(status, str) else status is not None


def _in_toto(item: JsonObject) -> Finding:
    """Version 0.1 describes the members within `vulnerability`, while its own example has them outside, as 0.2 has."""
    inner = item.get("vulnerability")
    vulnerability = item if inner is None else _object(inner, "a vulnerability of scanner.result")
    severity, stated = _worst_method(vulnerability.get("severity"))
    return Finding(_id(vulnerability, "id"), severity, stated)


def _worst_method(methods: JsonValue) -> tuple[Severity, bool]:
    """The worst severity that one of the methods states; those that state none do not count beside one that does."""
    stated = [severity for severity in map(_by_method, methods if isinstance(methods, list) else [methods]) if severity]
    return (max(stated, key=lambda one: one.rank), True) if stated else (Severity.CRITICAL, False)


def _by_method(method: JsonValue) -> Severity | None:
    """A word means the same by each method, a number only where it is a CVSS score: EPSS has numbers as well."""
    if not isinstance(method, dict):
        return None
    name, score = method.get("method"), method.get("score")
    if isinstance(score, str) and score.lower() in _SEVERITIES:
        return _SEVERITIES[score.lower()]
    scored = isinstance(name, str) and ("cvss" in name.lower() or name.lower() == "nvd")
    return _by_score(str(score)) if scored and not isinstance(score, bool) else None


def _by_score(score: str) -> Severity | None:
    """By the ranges of CVSS v3. No vulnerability has 0: it is what a tool writes that has no score."""
    if not _SCORE.fullmatch(score) or not float(score):
        return None
    return next((severity for least, severity in _SCORES if float(score) >= least), Severity.LOW)


def _severity(word: JsonValue) -> tuple[Severity, bool]:
    """A word of a scanner's; whether it states a severity. What is not known counts as critical."""
    severity = _SEVERITIES.get(word.lower()) if isinstance(word, str) else None
    return (Severity.CRITICAL, False) if severity is None else (severity, True)


def _each(items: list[JsonValue], reader: Callable[[JsonObject], Finding], what: str) -> Iterator[Finding]:
    if len(items) > MAX_FINDINGS:
        raise JsonError(f"more than {MAX_FINDINGS} findings")
    return (reader(_object(item, what)) for item in items)


def _object(value: JsonValue, what: str) -> JsonObject:
    if not isinstance(value, dict):
        raise JsonError(f"{what} is not an object")
    return value


def _id(parent: JsonObject, name: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise JsonError(f"a finding has no {name}")
    return value


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
