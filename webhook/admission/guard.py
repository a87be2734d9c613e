"""What could switch policies off without a pod being asked about.

That is a policy that is not what it was meant to be, and labels of a namespace by which policies are selected. Nothing
here keeps anybody from taking the webhook away: of its configuration the API server asks no webhook.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from webhook.admission import guarded_labels, report, review
from webhook.admission.ports import Authorization, Policies
from webhook.admission.review import Answer, Record, Request
from webhook.codes import Code
from webhook.objects import Struct, User
from webhook.policy.model import KIND as POLICY
from webhook.policy.model_trust_root import KIND as TRUST_ROOT
from webhook.policy.resources import MAX_VALUES, faults_of
from webhook.verdict import Verdict, Violation

_log = logging.getLogger(__name__)

DEFAULT_WAIT_SECONDS = 9.0

MAX_BYTES = 1024 * 1024
"""Of what a policy or a trust root says; what the API server writes into it beside that is not looked at."""

NAMESPACE = "Namespace"
KINDS = {
    ("", "namespaces"): NAMESPACE,
    ("tidewaiter.dev", "clusterpodpolicies"): POLICY,
    ("tidewaiter.dev", "trustroots"): TRUST_ROOT,
}
"""What is guarded, by group and resource."""

_NOT_SAID = frozenset({"metadata", "status"})
"""Fields of a resource that say nothing of what it asks for."""


_Fields = dict[str, msgspec.Raw]
"""An object as JSON by field. Those of two requests with the same words are equal."""


class _Metadata(Struct, frozen=True):
    labels: dict[str, str | None] | None = None


class _Labelled(Struct, frozen=True):
    metadata: _Metadata | None = None


class _Asked(Struct, frozen=True):
    user_info: User = User()


class _Asking(Struct, frozen=True):
    """Who asks; other reviews do without what a user is beside name and groups."""

    request: _Asked = _Asked()


class Guard:
    """Answers AdmissionReviews about policies, trust roots and namespaces."""

    def __init__(self, policies: Policies, authorization: Authorization, *, pod_security_labels: bool) -> None:
        self._policies = policies
        self._authorization = authorization
        self._pod_security = pod_security_labels
        self._judging = ThreadPoolExecutor(1, thread_name_prefix="guard")

    async def review(self, body: bytes, timeout: float | None = None) -> Answer:  # noqa: ASYNC109 - a number to compute with
        """The answer to a review. `timeout` is what is left for it, in seconds. Raises `ReviewError` only."""
        request = review.decode(body)
        kind = KINDS.get((request.resource.group, request.resource.resource))
        if kind is None or request.sub_resource or request.operation not in {"CREATE", "UPDATE"}:
            return self._answer(request, "ignored", kind or request.resource.resource, ())
        wait = DEFAULT_WAIT_SECONDS if timeout is None else timeout
        try:
            if kind == NAMESPACE:
                found = await self._judge_namespace(request, body, wait)
            else:
                found = await self._judge_resource(request, kind, wait)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            found = (_refusal(Code.OBJECT_INVALID, f"the object is not a {kind}: {str(error)[:200]}"),)
        except Exception:  # noqa: BLE001 - whatever failed, this request gets an answer, and it is not yes
            _log.exception("request %s could not be decided", report.plain(request.uid))
            found = (_refusal(Code.INTERNAL_ERROR, "tidewaiter could not decide; see its log"),)
        return self._answer(request, "deny" if found else "allow", kind, found)

    async def _judge_namespace(self, request: Request, body: bytes, wait: float) -> tuple[Violation, ...]:
        new = _labels(request.object)
        old = _labels(request.old_object) if request.operation == "UPDATE" else None
        if self._pod_security and (wrong := tuple(guarded_labels.unreadable(old, new))):
            return wrong
        read = guarded_labels.readers(self._policies.current(), pod_security=self._pod_security)
        changed = guarded_labels.changed(old or {}, new, read)
        if not changed:
            return ()
        user = msgspec.json.decode(body, type=_Asking).request.user_info
        allowed = await self._authorization.may_change_policies(user, wait)
        if allowed:
            return ()
        if allowed is None:
            return tuple(guarded_labels.not_known(key, read[key]) for key in changed)
        return tuple(guarded_labels.not_allowed(key, read[key], user.username) for key in changed)

    async def _judge_resource(self, request: Request, kind: str, wait: float) -> tuple[Violation, ...]:
        """The faults of a policy or a trust root, unless an update leaves all that it says as it is.

        They are looked for beside the event loop, one resource at a time: that can take a second.
        """
        new = _said(msgspec.json.decode(request.object, type=_Fields))
        old = msgspec.json.decode(request.old_object, type=_Fields | None) if request.operation == "UPDATE" else None
        if old is not None and new == _said(old):
            return ()
        if _is_large(new):
            return (_too_large(kind),)
        said = _plain(new)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(wait):
                faults = await loop.run_in_executor(self._judging, faults_of, kind, request.name, said)
        except TimeoutError:
            return (_refusal(Code.INTERNAL_ERROR, f"the {kind} was not judged in time; ask again"),)
        return tuple(Violation(code=Code.POLICY_INVALID, path=fault.path, message=fault.message) for fault in faults)

    def _answer(self, request: Request, decision: str, kind: str, found: tuple[Violation, ...]) -> Answer:
        verdict = Verdict(violations=found, generation=self._policies.current().generation)
        if verdict.allowed:
            body = review.allow(request.uid)
        else:
            decision = "error" if verdict.inconclusive else decision
            annotations = {"decision": decision, "reasons": report.reasons(found)}
            body = review.deny(request.uid, verdict, annotations, *_status(found))
        return Answer(body, _record(request, decision, kind, verdict))


def _said(resource: _Fields) -> _Fields:
    return {key: value for key, value in resource.items() if key not in _NOT_SAID}


def _plain(fields: _Fields) -> dict[str, Any]:
    return {key: msgspec.json.decode(value) for key, value in fields.items()}


def _is_large(fields: _Fields) -> bool:
    """Whether there is more than is judged, found without reading it: members have a colon, items a comma between."""
    texts = [bytes(each) for each in fields.values()]
    values = len(texts) + sum(text.count(b":") + text.count(b",") for text in texts)
    return values > MAX_VALUES or sum(map(len, texts)) > MAX_BYTES


def _too_large(kind: str) -> Violation:
    message = f"the {kind} is too large: more than {MAX_VALUES:,} values or {MAX_BYTES:,} bytes"
    return Violation(code=Code.POLICY_INVALID, path="spec", message=message, fix="make several of it")


def _labels(raw: msgspec.Raw) -> dict[str, str]:
    metadata = msgspec.json.decode(raw, type=_Labelled).metadata
    return {key: value or "" for key, value in ((metadata and metadata.labels) or {}).items()}


def _refusal(code: Code, message: str) -> Violation:
    return Violation(code=code, path="metadata", message=message)


def _status(found: tuple[Violation, ...]) -> tuple[int, str]:
    codes = {violation.code for violation in found}
    if Code.INTERNAL_ERROR in codes:
        return 500, "InternalError"
    wrong = codes <= {Code.POLICY_INVALID, Code.NAMESPACE_LABEL_INVALID, Code.OBJECT_INVALID}
    return (400, "BadRequest") if wrong else (403, "Forbidden")


def _record(request: Request, decision: str, kind: str, verdict: Verdict) -> Record:
    return Record(
        uid=request.uid,
        decision=decision,
        mode="policy",
        user=request.user_info.username,
        namespace=request.namespace,
        kind=kind,
        name=request.name,
        operation=request.operation,
        dry_run=request.dry_run is True,
        generation=verdict.generation,
        violations=verdict.violations,
    )
