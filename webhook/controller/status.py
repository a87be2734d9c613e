"""What is written into the status of policies and trust roots: whether they are used, and what the last scan found."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from webhook.admission.report import plain
from webhook.audit.results import Audited, Scan
from webhook.policy.documents import Fault
from webhook.policy.model import KIND
from webhook.policy.model_trust_root import KIND as TRUST_ROOT
from webhook.policy.resources import Compiled, Resources
from webhook.verdict import Mode

Name = tuple[str, str]
"""Of a resource: its kind and its name."""

Status = dict[str, Any]

READY = "Ready"
IN_USE, UNUSABLE = "InUse", "Unusable"
"""Reasons of the condition."""

MESSAGE_BYTES = 1024
"""Of a condition's message, which is ASCII."""

_TOLD_BYTES = MESSAGE_BYTES - len("; and 99,999,999 more")
_USED = {
    Mode.ENFORCE: "in use: what breaks it is denied",
    Mode.WARN: "in use: what breaks it is admitted with a warning",
    Mode.AUDIT: "in use: what breaks it is recorded, and admitted",
}
_BROKEN = {
    Mode.ENFORCE: "cannot be used, so each pod that it matches is denied",
    Mode.WARN: "cannot be used, so each pod that it matches is admitted with a warning",
    Mode.AUDIT: "cannot be used, which is recorded for each pod that it matches",
}
_ROOT_USED = "in use, where policies name it"
_ROOT_BROKEN = "cannot be used, so policies that name it cannot be either"


def statuses(
    compiled: Compiled,
    policies: Resources,
    trust_roots: Resources,
    scan: Scan | None,
    now: datetime,
    cap: Mode = Mode.ENFORCE,
) -> dict[Name, Status]:
    """The status of each resource, of those that `compiled` was made of, as it should be now.

    `scan` is the last one that saw everything; without one, what is written of an earlier one stays. `cap` is what all
    policies are held to, such as Audit for `--mode audit`.
    """
    faults: dict[str, list[Fault]] = {}
    for fault in compiled.faults:
        faults.setdefault(fault.source, []).append(fault)
    modes = {policy.name: policy.mode.capped(cap) for policy in compiled.book.policies}
    counts = _counts(scan) if scan is not None else {}
    made: dict[Name, Status] = {}
    for name, resource in policies.items():
        mode = modes.get(name, Mode.ENFORCE)
        status = _status(resource, faults.get(f"{KIND}/{name}", ()), _USED[mode], _BROKEN[mode], now)
        audit = _audit(resource, name, scan, counts)
        made[KIND, name] = {**status, "audit": audit} if audit else status
    for name, resource in trust_roots.items():
        found = faults.get(f"{TRUST_ROOT}/{name}", ())
        made[TRUST_ROOT, name] = _status(resource, found, _ROOT_USED, _ROOT_BROKEN, now)
    return made


def written(resource: Mapping[str, Any]) -> Status:
    """What a resource's status says of all that we write."""
    status = resource.get("status")
    status = status if isinstance(status, dict) else {}
    return {key: status[key] for key in ("observedGeneration", "conditions", "audit") if key in status}


def time_text(time: datetime) -> str:
    """As Kubernetes writes times, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(
    resource: Mapping[str, Any], faults: Iterable[Fault], used: str, broken: str, now: datetime
) -> dict[str, Any]:
    faults = tuple(faults)
    generation = _generation(resource)
    condition = {
        "type": READY,
        "status": "False" if faults else "True",
        "reason": UNUSABLE if faults else IN_USE,
        "message": message(broken, faults) if faults else used,
        "observedGeneration": generation,
    }
    condition["lastTransitionTime"] = _transition(resource, condition["status"], now)
    return {"observedGeneration": generation, "conditions": [condition]}


def message(begin: str, faults: tuple[Fault, ...]) -> str:
    """What follows from the faults, and the faults, as many as there is room for: one line of ASCII."""
    text, told = begin, 0
    for fault in faults:
        said = plain(f"{fault.path}: {fault.message}" if fault.path else fault.message)
        longer = f"{text}{'; ' if told else ': '}{said}"
        if len(longer) > _TOLD_BYTES:
            break
        text, told = longer, told + 1
    if not told:
        return f"{begin}: {plain(str(faults[0].message))}"[: MESSAGE_BYTES - 3] + "..."
    left = len(faults) - told
    return f"{text}; and {left:,} more" if left else text


def _transition(resource: Mapping[str, Any], status: object, now: datetime) -> str:
    """When the condition became what it is."""
    for each in written(resource).get("conditions") or ():
        if isinstance(each, dict) and each.get("type") == READY and each.get("status") == status:
            since = each.get("lastTransitionTime")
            if isinstance(since, str):
                return since
    return time_text(now)


def _generation(resource: Mapping[str, Any]) -> int:
    generation = resource.get("metadata", {}).get("generation")
    return generation if isinstance(generation, int) else 0


def _audit(
    resource: Mapping[str, Any], name: str, scan: Scan | None, counts: Mapping[str, Mapping[str, int]]
) -> Mapping[str, Any] | None:
    """What the scan found, or what stands there where it says nothing about the policy, as it began before it."""
    made = resource.get("metadata", {}).get("creationTimestamp")
    if scan is None or (isinstance(made, str) and made > time_text(scan.began)):
        found = written(resource).get("audit")
        return found if isinstance(found, dict) else None
    nothing = {"pods": 0, "violating": 0, "wouldDeny": 0}
    return {"scannedAt": time_text(scan.ended), **counts.get(name, nothing)}


def _counts(scan: Scan) -> dict[str, dict[str, int]]:
    """By policy: pods that it judged, those that break it, and those that it denies in the mode Enforce.

    What could not be found out breaks nothing, and is denied.
    """
    counts: dict[str, dict[str, int]] = {}
    for each in scan.audited:
        for name in each.policies:
            found = counts.setdefault(name, {"pods": 0, "violating": 0, "wouldDeny": 0})
            found["pods"] += each.pods
        for name, violates in _broken(each):
            if name in counts:
                counts[name]["violating"] += each.pods * violates
                counts[name]["wouldDeny"] += each.pods
    return counts


def _broken(audited: Audited) -> Iterator[tuple[str, bool]]:
    """The policies that have findings, and whether any of those says more than that something was not found out."""
    found: dict[str, bool] = {}
    for each in audited.findings:
        found[each.policy] = found.get(each.policy, False) or not each.inconclusive
    yield from found.items()
