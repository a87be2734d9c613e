"""Events of a scan: what changed since the one before, for those who look at a policy or at a workload.

An Event on each policy whose counts changed, and one on each workload that newly violates some. What could not be found
out violates nothing. Limits are those of `pkg/apis/core/validation/events.go`; a note is printable ASCII in one line,
so that its bytes are its characters. Names follow from content and hour: a second controller writes no second Event.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from webhook.admission.report import cut, plain
from webhook.audit.reports import SOURCE, Release
from webhook.audit.results import Audited, Scan, Subject
from webhook.policy.model import API_VERSION, KIND
from webhook.verdict import Violation

NOTE_BYTES: Final = 1024
INSTANCE_CHARACTERS: Final = 128
EVENTS: Final = 50
"""On workloads, of one scan. Those without one are counted on their policy."""

NAMES: Final = 5

CONTROLLER: Final = "tidewaiter.dev/controller"
ACTION: Final = "Audit"
AUDITED: Final = "PolicyAudited"
VIOLATED: Final = "PolicyViolated"

_EVERYWHERE = "default"
"""Where Events on what has no namespace lie."""

Breach = tuple[str, str]
"""A policy and a finding code."""

_NONE: Final[frozenset[Breach]] = frozenset()


class Tally(NamedTuple):
    """What a policy has against the workloads that it judges. Each workload is counted once, by the worst."""

    judged: int = 0
    denied: int = 0
    later: int = 0
    unknown: int = 0

    def with_one(self, found: Sequence[Violation]) -> "Tally":
        """With one more workload, and what the policy refuses it for."""
        firm = [each for each in found if not each.inconclusive]
        denied = any(each.denies for each in firm)
        return Tally(
            self.judged + 1,
            self.denied + denied,
            self.later + (bool(firm) and not denied),
            self.unknown + (bool(found) and not firm),
        )


class Known(NamedTuple):
    """What a scan leaves for the next one to compare itself with: breaches by subject, tallies by policy.

    By the whole of it: whoever writes a pod may name an owner by somebody else's uid.
    """

    breaches: Mapping[Subject, frozenset[Breach]]
    tallies: Mapping[str, Tally]


class Told(NamedTuple):
    """The Events of a scan, and how many more there would be."""

    events: tuple[dict[str, Any], ...]
    left_out: int


def known(scan: Scan, before: Known | None = None) -> Known:
    """What is known after a scan. One with a fault takes nothing away: what it does not list may be there."""
    breaches = {each.subject: frozenset(map(_breach, _violating(each))) for each in scan.audited}
    kept = before.breaches if before is not None and scan.fault else {}
    together = {subject: kept.get(subject, _NONE) | found for subject, found in breaches.items()}
    return Known({**kept, **together}, _tallies(scan.audited))


def told(scan: Scan, before: Known | None, policies: Mapping[str, str], release: Release) -> Told:
    """The Events of a scan; `policies` are the uids of policies that are resources, by name.

    Without a scan before, which is so where a controller has just begun to work, no workload is new.
    """
    telling = _Telling(scan.ended, policies, release)
    new = _newly(scan, before)
    tallies = _tallies(scan.audited)
    changed = sorted(name for name, each in tallies.items() if before is None or before.tallies.get(name) != each)
    events = [telling.on_policy(name, tallies[name], new) for name in changed if name in policies]
    events += [telling.on_subject(each) for each in new[:EVENTS]]
    return Told(tuple(events), max(len(new) - EVENTS, 0))


def repeated(event: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """An Event as the API server has it, seen once more. All but its series is immutable."""
    count = int((event.get("series") or {}).get("count") or 1)
    return {**event, "series": {"count": count + 1, "lastObservedTime": _time(moment)}}


class _New(NamedTuple):
    """A subject, and what it violates that it did not violate before, the worst first."""

    audited: Audited
    found: Sequence[Violation]


def _newly(scan: Scan, before: Known | None) -> list[_New]:
    if before is None:
        return []
    each_new = (_New(each, _unknown_yet(each, before)) for each in scan.audited)
    return sorted((each for each in each_new if each.found), key=lambda new: not new.found[0].denies)


def _unknown_yet(audited: Audited, before: Known) -> list[Violation]:
    had = before.breaches.get(audited.subject, _NONE)
    found = [each for each in _violating(audited) if _breach(each) not in had]
    return sorted(found, key=lambda each: not each.denies)


def _breach(finding: Violation) -> Breach:
    return finding.policy, finding.code.value


def _refusing(audited: Audited) -> list[Violation]:
    """What denies now or once its policy enforces. What only warns has told its user."""
    later = set(audited.would_deny)
    return [each for each in audited.findings if each.denies or each in later]


def _violating(audited: Audited) -> list[Violation]:
    return [each for each in _refusing(audited) if not each.inconclusive]


def _tallies(audited: Iterable[Audited]) -> dict[str, Tally]:
    tallies: dict[str, Tally] = {}
    for each in audited:
        refusing = _refusing(each)
        for policy in each.policies:
            own = [finding for finding in refusing if finding.policy == policy]
            tallies[policy] = tallies.get(policy, Tally()).with_one(own)
    return tallies


@dataclass(frozen=True, slots=True)
class _Telling:
    """Makes Events of one scan."""

    moment: datetime
    policies: Mapping[str, str]
    release: Release

    def on_policy(self, policy: str, tally: Tally, new: Iterable[_New]) -> dict[str, Any]:
        concerned = [each.audited for each in new if any(found.policy == policy for found in each.found)]
        kind = "Warning" if tally.denied else "Normal"
        return self._event(self._policy(policy), None, AUDITED, kind, _tally_note(tally, concerned))

    def on_subject(self, new: _New) -> dict[str, Any]:
        """About the worst of what is new, and how much more there is."""
        subject, first = new.audited.subject, new.found[0]
        regarding = {
            "apiVersion": subject.api_version,
            "kind": subject.kind,
            "namespace": subject.namespace,
            "name": subject.name,
            "uid": subject.uid,
        }
        related = self._policy(first.policy) if first.policy in self.policies else None
        return self._event(regarding, related, VIOLATED, "Warning" if first.denies else "Normal", _breach_note(new))

    def _policy(self, name: str) -> dict[str, str]:
        return {"apiVersion": API_VERSION, "kind": KIND, "name": name, "uid": self.policies[name]}

    def _event(
        self, regarding: dict[str, str], related: dict[str, str] | None, reason: str, kind: str, note: str
    ) -> dict[str, Any]:
        said = cut(plain(note), NOTE_BYTES)
        content = [self.release, regarding["uid"], reason, said, f"{self.moment:%Y-%m-%dT%H}"]
        own = sha256(json.dumps(content).encode()).hexdigest()[:32]
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {
                "name": f"{SOURCE}-{own}",
                "namespace": regarding.get("namespace") or _EVERYWHERE,
                "labels": self.release.labels,
            },
            "eventTime": _time(self.moment),
            "reportingController": CONTROLLER,
            "reportingInstance": f"{self.release.namespace}/{self.release.name}"[:INSTANCE_CHARACTERS],
            "action": ACTION,
            "reason": reason,
            "type": kind,
            "note": said,
            "regarding": regarding,
            **({"related": related} if related else {}),
        }


def _tally_note(tally: Tally, new: Sequence[Audited]) -> str:
    note = (
        f"of {tally.judged} workloads, {tally.denied} would be denied if created now, {tally.later} once the policy "
        f"enforces; {tally.unknown} could not be checked"
    )
    if not new:
        return note
    more = f" and {len(new) - NAMES} more" if len(new) > NAMES else ""
    return f"{note}; new: {', '.join(plain(each.subject.title) for each in new[:NAMES])}{more}"


def _breach_note(new: _New) -> str:
    first = new.found[0]
    when = "if created now" if first.denies else "once the policy enforces"
    by = f" by policy {first.policy}" if first.policy else ""
    more = f" (and {len(new.found) - 1} more)" if len(new.found) > 1 else ""
    return f"its pods would be denied{by} {when}: {first.path}: {first.code.value}: {first.message}{more}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"
