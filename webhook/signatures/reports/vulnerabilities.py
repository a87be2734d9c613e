"""Vulnerability reports: what they say, and whether a policy accepts it."""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from webhook.signatures.candidate import printable
from webhook.signatures.faults import Fault, RefusedError

MAX_REASON: Final = 200
"""Characters of a refusal: room for the worst two or three findings. Only the worst one's own names make it longer."""

_SHOWN_FINDINGS: Final = 5
_SHOWN_CHARACTERS: Final = 40  # of one foreign text in a reason


class Severity(StrEnum):
    """From harmless to worst, as policies write it."""

    NEGLIGIBLE = "negligible"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Its place: the higher, the worse."""
        return _RANKS[self]


_RANKS: Final = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Allowance:
    """A vulnerability that is accepted until `expires`."""

    id: str
    expires: datetime


@dataclass(frozen=True, slots=True)
class VulnerabilityRule:
    """What a report may say: nothing worse than `max_severity`, but for what is allowed."""

    max_severity: Severity
    ignore_unfixed: bool = False
    allow: tuple[Allowance, ...] = ()


class Finding(NamedTuple):
    """One vulnerability of one package, as a report tells it.

    `severity` is critical where the report states none that is known. `fixed` is the version that mends it: "" if the
    report says that there is none, None if it does not say. `aliases` are the other vulnerabilities that `id` stands
    for: the CVE of a GHSA, or all CVEs of a distribution's advisory.
    """

    id: str
    severity: Severity
    stated: bool = True
    package: str = ""
    version: str = ""
    fixed: str | None = None
    aliases: tuple[str, ...] = ()
    purl: str = ""


def accepted_until(
    rule: VulnerabilityRule, findings: Iterable[Finding], cleared: Callable[[Finding], bool], now: datetime
) -> datetime | None:
    """When the first allowance ends without which the findings would not be accepted; None if none is needed.

    `cleared` says that a finding does not concern the image. Raises `RefusedError` if the findings are not accepted.
    """
    allowances = _in_force(rule.allow, now)
    worst = rule.max_severity.rank
    ends: set[datetime] = set()
    refused: list[Finding] = []
    for finding in findings:
        if _RANKS[finding.severity] <= worst or (rule.ignore_unfixed and finding.fixed == "") or cleared(finding):
            continue
        if (end := _allowed_until(finding, allowances)) is None:
            refused.append(finding)
        else:
            ends.add(end)
    if refused:
        raise RefusedError(Fault.VULNERABLE, _reason(rule.max_severity, refused))
    return min(ends, default=None)


def _in_force(allow: Iterable[Allowance], now: datetime) -> dict[str, datetime]:
    """ID → when its allowance ends; the last one, where there are several."""
    allowances: dict[str, datetime] = {}
    for allowance in allow:
        if now < allowance.expires:
            allowances[allowance.id] = max(allowance.expires, allowances.get(allowance.id, allowance.expires))
    return allowances


def _allowed_until(finding: Finding, allowances: Mapping[str, datetime]) -> datetime | None:
    """By its own ID, or by all of its aliases: an advisory stands for each of them."""
    if finding.id in allowances:
        return allowances[finding.id]
    if all(alias in allowances for alias in finding.aliases):
        return min((allowances[alias] for alias in finding.aliases), default=None)
    return None


def _reason(limit: Severity, refused: list[Finding]) -> str:
    """How many there are, and the worst of them as far as they fit."""
    noun = "vulnerability" if len(refused) == 1 else "vulnerabilities"
    reason = f"{len(refused)} {noun} above {limit}: "
    worst = heapq.nsmallest(_SHOWN_FINDINGS, refused, key=lambda one: (-one.severity.rank, one.id, one.package))
    first, *others = map(_described, worst)
    reason += first
    room = MAX_REASON - len(f" and {len(refused)} more")
    shown = 1
    for described in others:
        if len(reason) + len(described) + 2 > room:
            break
        reason += f", {described}"
        shown += 1
    return f"{reason} and {len(refused) - shown} more" if shown < len(refused) else reason


def _described(finding: Finding) -> str:
    severity = str(finding.severity) if finding.stated else "severity unknown"
    package = " ".join(_short(part) for part in (finding.package, finding.version) if part)
    fixed = f"fixed in {_short(finding.fixed)}" if finding.fixed else ""
    return f"{_short(finding.id)} ({', '.join(part for part in (severity, package, fixed) if part)})"


def _short(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[: _SHOWN_CHARACTERS - 3]}..."
