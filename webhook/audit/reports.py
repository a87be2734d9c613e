"""Report objects of a scan: one for each subject, in the API of OpenReports or in the one that it succeeds.

Both APIs have one shape (`openreports.io/v1alpha1`, `report_types.go`; `wgpolicyk8s.io/v1alpha2`, which has no `source`
beside the results). A report lies in its subject's namespace, belongs to it (it goes when the subject goes) and bears a
name that follows from subject and release: who writes it again writes the same object, and nobody else's. Other engines
name their reports by the subject's bare uid.

What users wrote stands in messages and properties only, as printable ASCII and bounded; never in a label.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from webhook.admission.report import cut, plain
from webhook.audit.families import Severity, family
from webhook.audit.results import Audited, Scan, Subject
from webhook.verdict import Mode, Violation

SOURCE: Final = "tidewaiter"

RESULTS: Final = 100
"""Of one report. Each has less than 4 KiB, so that a report stays below half of what etcd takes (1.5 MiB)."""

MESSAGE_CHARACTERS: Final = 1024
PROPERTY_CHARACTERS: Final = 300
NAME_CHARACTERS: Final = 253

CONTENT: Final = "tidewaiter.dev/content"
"""The annotation with the hash of what a report says, times and the set of policies aside: what is the same is not
written again."""

LEFT_OUT: Final = "tidewaiter.dev/results-left-out"
NAMESPACE: Final = "tidewaiter.dev/release-namespace"

_UID = re.compile(r"[0-9a-z]([0-9a-z-]{0,62}[0-9a-z])?")
_ORDER = ("fail", "error", "warn", "skip", "pass")
_SEVERITIES = {each: rank for rank, each in enumerate(Severity)}


class Api(NamedTuple):
    """One of the two APIs."""

    group: str
    version: str
    kind: str
    cluster_kind: str
    plural: str
    cluster_plural: str
    has_source: bool

    @property
    def api_version(self) -> str:
        """As documents write it."""
        return f"{self.group}/{self.version}"


OPENREPORTS: Final = Api(
    "openreports.io", "v1alpha1", "Report", "ClusterReport", "reports", "clusterreports", has_source=True
)
WGPOLICY: Final = Api(
    "wgpolicyk8s.io",
    "v1alpha2",
    "PolicyReport",
    "ClusterPolicyReport",
    "policyreports",
    "clusterpolicyreports",
    has_source=False,
)
APIS: Final = (OPENREPORTS, WGPOLICY)


class Release(NamedTuple):
    """Whose reports they are: namespace and name of the release."""

    namespace: str
    name: str

    @property
    def labels(self) -> dict[str, str]:
        """Of everything that this release makes."""
        return {
            "app.kubernetes.io/managed-by": SOURCE,
            "app.kubernetes.io/instance": self.name,
            NAMESPACE: self.namespace,
        }

    @property
    def selector(self) -> str:
        """Selects what this release made."""
        return ",".join(f"{key}={value}" for key, value in self.labels.items())


def reports(scan: Scan, release: Release, api: Api) -> Iterator[dict[str, Any]]:
    """A report for each subject that a policy judged and that has a usable uid, those with findings first.

    Whoever writes a pod may name an owner by another's uid in its namespace: each of both has a report of its own.
    """
    taken: set[tuple[str, str]] = set()
    judged = (each for each in scan.audited if each.policies or each.findings)
    for audited in sorted(judged, key=lambda each: (not each.denied, not each.findings)):
        place = audited.subject.namespace, audited.subject.uid
        if _UID.fullmatch(audited.subject.uid):
            made = report(audited, scan, release, api)
            made["metadata"]["name"] += f"-{_digest(made['scope'])[:8]}" if place in taken else ""
            taken.add(place)
            yield made


def name(subject: Subject, release: Release) -> str:
    """The name of a subject's report: the release's part is the same for all of them."""
    own = _digest([release.namespace, release.name])[:8]
    return f"{SOURCE}-{own}-{subject.uid}"


def report(audited: Audited, scan: Scan, release: Release, api: Api) -> dict[str, Any]:
    """The report of one subject."""
    subject = audited.subject
    results = sorted(_results(audited), key=_rank)
    content: dict[str, Any] = {
        "scope": _reference(subject),
        "summary": _summary(results),
        "results": results[:RESULTS],
    }
    if api.has_source:
        content["source"] = SOURCE
    left_out = max(len(results) - RESULTS, 0) + audited.left_out
    annotations = {CONTENT: _digest([content, left_out]), **({LEFT_OUT: str(left_out)} if left_out else {})}
    for result in results[:RESULTS]:
        result["timestamp"] = _timestamp(scan.ended)
        result["properties"]["policyGeneration"] = _property(scan.generation)
    return {
        "apiVersion": api.api_version,
        "kind": api.kind if subject.namespace else api.cluster_kind,
        "metadata": {
            "name": name(subject, release),
            **({"namespace": subject.namespace} if subject.namespace else {}),
            "labels": release.labels,
            "annotations": annotations,
            "ownerReferences": [_owner(subject)],
        },
        **content,
    }


def _owner(subject: Subject) -> dict[str, Any]:
    """No `blockOwnerDeletion`: it takes a right to the subject's finalizers, and would hold somebody's deletion up."""
    return {"apiVersion": subject.api_version, "kind": subject.kind, "name": subject.name, "uid": subject.uid}


def _reference(subject: Subject) -> dict[str, str]:
    return _owner(subject) | ({"namespace": subject.namespace} if subject.namespace else {})


def _results(audited: Audited) -> Iterator[dict[str, Any]]:
    for finding in (*audited.findings, *audited.exempted):
        yield _result(audited, finding)
    spoken = {finding.policy for finding in (*audited.findings, *audited.exempted)}
    for policy in dict.fromkeys(audited.policies):
        if policy not in spoken:
            yield _passed(audited.subject, policy)


def _result(audited: Audited, finding: Violation) -> dict[str, Any]:
    kind = family(finding.code)
    text = f"{plain(finding.path)}: {plain(finding.message)}"
    fix = f"; fix: {plain(finding.fix)}" if finding.fix else ""
    return {
        "source": SOURCE,
        "policy": cut(plain(finding.policy), NAME_CHARACTERS) or "none",
        "rule": finding.code.value,
        "category": kind.title,
        "severity": kind.severity.value,
        "result": outcome(finding),
        "scored": finding.mode is not Mode.WARN,
        "message": cut(text + fix, MESSAGE_CHARACTERS),
        "properties": _properties(audited, finding),
    }


def outcome(finding: Violation) -> str:
    """A finding as a result: `warn` is for rules that are not scored, `error` for what could not be evaluated."""
    if finding.exemption:
        return "skip"
    if finding.inconclusive:
        return "error"
    return "warn" if finding.mode is Mode.WARN else "fail"


def _properties(audited: Audited, finding: Violation) -> dict[str, str]:
    told = {
        "reason": finding.code.value,
        "mode": finding.mode.value,
        "path": finding.path,
        "container": finding.container,
        "image": finding.image,
        "digest": _digest_of_image(audited, finding),
        "entry": finding.entry,
        "exemption": finding.exemption,
    }
    what = (finding.policy, finding.code, finding.path, finding.container, finding.image, finding.entry)
    properties = {"resultID": _digest([audited.subject.uid, *what])[:32]}
    return properties | {key: _property(value) for key, value in told.items() if value}


def _digest_of_image(audited: Audited, finding: Violation) -> str:
    for image in audited.images:
        if image.path == finding.path and image.container == finding.container and image.digest:
            return image.digest
    return ""


def _passed(subject: Subject, policy: str) -> dict[str, Any]:
    return {
        "source": SOURCE,
        "policy": cut(plain(policy), NAME_CHARACTERS) or "none",
        "category": "Policy",
        "severity": Severity.INFO.value,
        "result": "pass",
        "scored": True,
        "message": "the policy has nothing against these pods",
        "properties": {"resultID": _digest([subject.uid, policy])[:32]},
    }


def _rank(result: Mapping[str, Any]) -> tuple[int, int, str, str, str]:
    return (
        _ORDER.index(result["result"]),
        _SEVERITIES[Severity(result["severity"])],
        result["policy"],
        result.get("rule", ""),
        result["properties"]["resultID"],
    )


def _summary(results: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Of all results, also of those that are left out."""
    counted = Counter(each["result"] for each in results)
    return {result: counted[result] for result in _ORDER}


def _timestamp(moment: datetime) -> dict[str, int]:
    return {"seconds": int(moment.timestamp()), "nanos": 0}


def _property(value: str) -> str:
    return cut(plain(value), PROPERTY_CHARACTERS)


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
