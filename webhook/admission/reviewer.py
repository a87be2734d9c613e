"""From a review's bytes to the answer's: every review that has a uid gets a decision, whatever happens."""

import logging
from collections.abc import Iterable
from typing import Any

import msgspec

from webhook.admission import report, review
from webhook.admission.decide import Decider
from webhook.admission.findings import Findings
from webhook.admission.mirror_pods import shows_static_pod
from webhook.admission.review import Answer, Record, Request
from webhook.admission.templates import decide_all
from webhook.codes import Code
from webhook.objects import BY_RESOURCE, Kind
from webhook.pods import Pod
from webhook.verdict import Mode, Verdict, Violation
from webhook.workload_kinds import WorkloadKind, pods_of

_log = logging.getLogger(__name__)

IGNORED_SUBRESOURCES = frozenset({"attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status"})
"""Subresources of pods that carry no pod to judge (`k8s.io/pod-security-admission`, admission.go)."""

DEFAULT_WAIT_SECONDS = 9.0
"""The API server's default timeout of 10 s less a margin."""


class Unreadable(Exception):  # noqa: N818 - it is a verdict on the object, which one caller turns into one
    """The object in a review is not what the request says it is."""


class Reviewer:
    """Answers AdmissionReviews.

    `workloads` is what findings about a template may do (Enforce, Warn), None to let templates pass unjudged; the pods
    that come of them are judged in any case. With `pinning`, the tags of templates are judged as the digests that their
    pods will be given. `kinds` are workloads of the cluster's own.
    """

    def __init__(
        self,
        decider: Decider,
        workloads: Mode | None = Mode.WARN,
        *,
        pinning: bool = False,
        kinds: Iterable[WorkloadKind] = (),
    ) -> None:
        self._decider = decider
        self._templates = decider.as_if_pinned() if pinning else decider
        self._workloads = workloads
        self._audits = decider.options.cap is Mode.AUDIT
        further = {(kind.group, kind.resource): kind for kind in kinds}
        self._kinds: dict[tuple[str, str], Kind | WorkloadKind] = {**BY_RESOURCE, **further}
        self._decoders = {kind: msgspec.json.Decoder(kind.struct) for kind in self._kinds.values()}

    async def review(self, body: bytes, timeout: float | None = None) -> Answer:  # noqa: ASYNC109 - a number to compute with
        """The answer to a review. `timeout` is what is left for it, in seconds. Raises `ReviewError` only."""
        request = review.decode(body)
        kind = self._kinds.get((request.resource.group, request.resource.resource))
        cap = self._cap(request, kind)
        if kind is None or cap is None:
            return self._ignored(request, kind)
        wait = DEFAULT_WAIT_SECONDS if timeout is None else timeout
        try:
            subjects = self._subjects(request, kind)
            if kind.is_pod and shows_static_pod(request, subjects[0]):
                cap = Mode.AUDIT
            decider = self._decider if kind.is_pod else self._templates
            verdict = await decide_all(decider, subjects, request.namespace, wait, cap, templates=not kind.is_pod)
        except Unreadable as error:
            verdict = self._refusal(Code.OBJECT_INVALID, str(error), cap)
        except Exception:  # noqa: BLE001 - whatever failed, this request gets an answer, and it is not yes
            _log.exception("request %s could not be decided", report.plain(request.uid))
            verdict = self._refusal(Code.INTERNAL_ERROR, "tidewaiter could not decide; see its log", cap)
        return self._answer(request, kind, verdict)

    def _cap(self, request: Request, kind: Kind | WorkloadKind | None) -> Mode | None:
        """The strongest thing a finding may do; None for a request that carries nothing to judge."""
        if kind is None or request.operation in {"DELETE", "CONNECT"}:
            return None
        if kind.is_pod:
            return None if request.sub_resource in IGNORED_SUBRESOURCES else Mode.ENFORCE
        return None if request.sub_resource else self._workloads

    def _subjects(self, request: Request, kind: Kind | WorkloadKind) -> tuple[Pod, ...]:
        """What of the object has to be judged: all of a new one, what changed of one that is updated."""
        new = self._pods(request.object, kind)
        if kind.is_pod and not new[0].containers:
            raise Unreadable("the pod has no containers")
        if request.operation != "UPDATE":
            return new
        try:
            old = self._pods(request.old_object, kind)
        except Unreadable:
            return new
        if kind.is_pod:
            return (new[0].since(old[0]),)
        known = {each.path: each for each in old}
        return tuple([each.nothing() if each == known.get(each.path) else each for each in new])

    def _pods(self, raw: msgspec.Raw, kind: Kind | WorkloadKind) -> tuple[Pod, ...]:
        try:
            owner: Any = self._decoders[kind].decode(raw)
            subjects = pods_of(kind, owner)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Unreadable(f"the object is not a {kind.kind}: {str(error)[:200]}") from error
        if isinstance(kind, Kind) and owner.kind not in {"", kind.kind}:
            raise Unreadable(f"the request is about {kind.resource}, its object is a {owner.kind[:64]}")
        return subjects

    def _refusal(self, code: Code, message: str, cap: Mode) -> Verdict:
        findings = Findings(cap.capped(self._decider.options.cap), self._decider.generation)
        findings.refuse(Violation(code=code, path="spec", message=message))
        return findings.verdict()

    def _answer(self, request: Request, kind: Kind | WorkloadKind, verdict: Verdict) -> Answer:
        if not verdict.violations:
            decision = "allow"
            body = review.allow(request.uid, None, annotations(decision, verdict))
        elif verdict.allowed:
            warnings = list(report.warnings(verdict))
            decision = "warn" if warnings else "allow"
            body = review.allow(request.uid, warnings, annotations(decision, verdict))
        else:
            decision = "error" if verdict.inconclusive else "deny"
            body = review.deny(request.uid, verdict, annotations(decision, verdict), *_status(verdict))
        return Answer(body, self._record(request, kind.kind, decision, verdict))

    def _ignored(self, request: Request, kind: Kind | WorkloadKind | None) -> Answer:
        warnings = None
        if kind is None and request.operation not in {"DELETE", "CONNECT"}:
            warnings = [f"tidewaiter does not judge {report.plain(request.resource.resource)}"]
        name = kind.kind if kind else request.resource.resource
        return Answer(
            review.allow(request.uid, warnings),
            self._record(request, name, "ignored", Verdict(generation=self._decider.generation)),
        )

    def _record(self, request: Request, kind: str, decision: str, verdict: Verdict) -> Record:
        return Record(
            uid=request.uid,
            decision=decision,
            mode="audit" if self._audits else "policy",
            user=request.user_info.username,
            namespace=request.namespace,
            kind=kind,
            name=request.name,
            operation=request.operation,
            dry_run=request.dry_run is True,
            would_deny=bool(verdict.would_deny),
            policies=verdict.policies,
            generation=verdict.generation,
            images=verdict.images,
            violations=verdict.violations,
            exempted=verdict.exempted,
        )


def _status(verdict: Verdict) -> tuple[int, str]:
    codes = {violation.code for violation in verdict.of(Mode.ENFORCE)}
    if codes == {Code.INTERNAL_ERROR}:
        return 500, "InternalError"
    return (400, "BadRequest") if codes == {Code.OBJECT_INVALID} else (403, "Forbidden")


def annotations(decision: str, verdict: Verdict) -> dict[str, str]:
    """What the API server's audit log keeps of the decision, under the webhook's name."""
    annotations = {"decision": decision, "policy-generation": verdict.generation}
    if verdict.policies:
        annotations["policies"] = report.names(verdict.policies)
    if verdict.violations:
        annotations["reasons"] = report.reasons(verdict.violations)
    if verdict.exempted:
        annotations["exempted"] = report.exempted(verdict.exempted)
    if verdict.would_deny:
        annotations["would-deny"] = report.names(
            [report.line(each) for each in verdict.would_deny[: report.MAX_CAUSES]]
        )
    if any(image.verified for image in verdict.images):
        annotations["images-verified"] = report.names([image.reference for image in verdict.images if image.verified])
    return annotations
