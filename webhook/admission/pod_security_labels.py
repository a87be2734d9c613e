"""The labels of a namespace by which Kubernetes' own Pod Security controller goes, read and judged as it does.

`pod-security.kubernetes.io/{enforce,audit,warn}` name a level of the Pod Security Standards, each with `-version`
behind it a version of them (`k8s.io/pod-security-admission/api/helpers.go`, PolicyToEvaluate). What enforce finds
denies pods and is not asked of templates; what warn finds warns, what audit finds is recorded.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

import msgspec
from msgspec.structs import replace

from webhook import pods
from webhook.admission.findings import Findings
from webhook.checks.pod_security import LATEST_MINOR, selected
from webhook.checks.rules import PodSecurityLevel
from webhook.codes import Code
from webhook.objects import PodTemplateSpec
from webhook.pods import Pod
from webhook.verdict import Mode, Violation

PREFIX = "pod-security.kubernetes.io/"
ENFORCE, AUDIT, WARN = (f"{PREFIX}{mode}" for mode in ("enforce", "audit", "warn"))
KEYS = frozenset(f"{key}{suffix}" for key in (ENFORCE, AUDIT, WARN) for suffix in ("", "-version"))
"""The labels that are read."""

POLICY = "PodSecurity"
"""What findings call the policy: this, and what the labels ask for."""

_LEVELS: tuple[PodSecurityLevel, ...] = ("privileged", "baseline", "restricted")
"""From the weakest to the strictest."""

_VERSION = re.compile(r"v1\.(0|[1-9][0-9]*)", re.ASCII)
_LARGEST = 2**63 - 1
"""What Go, in which the controller is written, reads as a number."""


class Demand(msgspec.Struct, frozen=True):
    """A level in version v1.`minor`, the newest where it is None. One that is newer than all known is the newest."""

    level: PodSecurityLevel = "privileged"
    minor: int | None = None

    def __str__(self) -> str:
        """What findings call the policy, also in metrics, where labels make no more names than there are versions."""
        version = "latest" if self.minor is None else f"v1.{min(self.minor, LATEST_MINOR)}"
        return f"{POLICY} {self.level}:{version}"


class WrongLabel(msgspec.Struct, frozen=True):
    """A label with a value that it cannot have. `stands_for` is what is taken instead."""

    key: str
    value: str
    expected: str
    stands_for: str

    def __str__(self) -> str:
        return f"label {self.key} is {self.value!a}, expected {self.expected}"


class Demands(msgspec.Struct, frozen=True):
    """What the labels of a namespace ask for, and which of them cannot be read."""

    enforce: Demand = Demand()
    audit: Demand = Demand()
    warn: Demand = Demand()
    wrong: tuple[WrongLabel, ...] = ()


def demands(labels: Mapping[str, str]) -> Demands:
    """What the labels ask for: privileged where they say nothing; all that can be read in any case."""
    return _demands(frozenset((key, labels[key]) for key in KEYS & labels.keys()))


@lru_cache(maxsize=1024)
def _demands(written: frozenset[tuple[str, str]]) -> Demands:
    labels, wrong = dict(written), list[WrongLabel]()
    enforce = _demand(labels, ENFORCE, "restricted", wrong)
    audit = _demand(labels, AUDIT, "privileged", wrong)
    warn = _demand(labels, WARN, "privileged", wrong)
    if WARN not in labels and labels.get(ENFORCE) == enforce.level and enforce.level != "privileged":
        minor = warn.minor if f"{WARN}-version" in labels else enforce.minor
        warn = Demand(enforce.level, minor)
    return Demands(enforce, audit, warn, tuple(wrong))


def _demand(labels: Mapping[str, str], key: str, unreadable: PodSecurityLevel, wrong: list[WrongLabel]) -> Demand:
    """What one level and its version ask for; `unreadable` is taken for a level that is none."""
    written = labels.get(key, "privileged")
    level = next((each for each in _LEVELS if each == written), None)
    if level is None:
        wrong.append(WrongLabel(key, written, f"one of {', '.join(_LEVELS)}", unreadable))
    return Demand(level or unreadable, _minor(labels, f"{key}-version", wrong))


def _minor(labels: Mapping[str, str], key: str, wrong: list[WrongLabel]) -> int | None:
    version = labels.get(key, "latest")
    if version == "latest":
        return None
    match = _VERSION.fullmatch(version)
    if match and len(match[1]) <= len(str(_LARGEST)) and int(match[1]) <= _LARGEST:
        return int(match[1])
    wrong.append(WrongLabel(key, version, '"latest" or "v1.N"', "latest"))
    return None


def judge(pod: Pod, namespace: str, labels: Mapping[str, str] | None, findings: Findings, *, template: bool) -> None:
    """Add what the labels of a namespace make of a pod in it; `labels` None are those that are not known.

    Of a field that several of them speak about, the strongest finding is told.
    """
    if labels is None:
        findings.refuse(_unknown(pod, namespace, Mode.AUDIT if template else Mode.ENFORCE))
        return
    asked = demands(labels)
    for label in asked.wrong:
        findings.refuse(_unreadable(pod, namespace, label))
    pod = _whole(pod)
    told = set[str]()
    modes = ((asked.enforce, Mode.ENFORCE), (asked.warn, Mode.WARN), (asked.audit, Mode.AUDIT))
    for demand, mode in modes[1:] if template else modes:
        for violation in findings.bounded(_found(pod, demand, mode), pod.path):
            if violation.path not in told:
                told.add(violation.path)
                findings.refuse(violation)


def _found(pod: Pod, demand: Demand, mode: Mode) -> Iterator[Violation]:
    for check in selected(demand.level, demand.minor):
        for violation in check(pod):
            yield replace(violation, policy=str(demand), mode=mode)


def _whole(pod: Pod) -> Pod:
    """The pod with all of its containers.

    An update that changes an image or adds a container has all of the pod judged (`admission.go`, EvaluatePod).
    """
    spec = pod.spec
    written = sum(len(each or ()) for each in (spec.containers, spec.init_containers, spec.ephemeral_containers))
    if len(pod.containers) == written:
        return pod
    return replace(pod, containers=pods.pod(PodTemplateSpec(spec=spec), pod.path).containers)


def _unknown(pod: Pod, namespace: str, mode: Mode) -> Violation:
    return Violation(
        code=Code.NAMESPACE_UNKNOWN,
        path=pod.path,
        message=f"the labels of namespace {namespace} are not known, so what Pod Security asks for cannot be decided",
        fix="check that tidewaiter may get namespaces, or give labels with --namespace-label",
        policy=POLICY,
        mode=mode,
    )


def _unreadable(pod: Pod, namespace: str, label: WrongLabel) -> Violation:
    return Violation(
        code=Code.NAMESPACE_LABEL_INVALID,
        path=pod.path,
        message=f"of namespace {namespace} {label}; it is taken for {label.stands_for}",
        policy=POLICY,
        mode=Mode.AUDIT,
    )
