"""From an ImageReview's bytes to the answer's: the same engine as for pods, of which nothing but images is known."""

import logging

from webhook.admission import image_review, report
from webhook.admission.decide import Decider
from webhook.admission.findings import Findings
from webhook.admission.image_review import ImageReviewSpec
from webhook.admission.review import Answer, Record
from webhook.admission.reviewer import DEFAULT_WAIT_SECONDS, annotations
from webhook.codes import Code
from webhook.objects import MAX_NAME_CHARACTERS
from webhook.pods import ImageUse, of_images
from webhook.verdict import Mode, Verdict, Violation

_log = logging.getLogger(__name__)

_FAILED = "retry; if it stays, tell the cluster's administrators, who find it in the log by its time"
"""An ImageReview has no id to look for."""


class ImageReviewer:
    """Answers ImageReviews, by what policies say of images.

    Whose pull secrets would open an image is not known: no pod's are used.
    """

    def __init__(self, decider: Decider) -> None:
        self._decider = decider.of_images()
        self._audits = decider.options.cap is Mode.AUDIT

    async def review(self, body: bytes, timeout: float | None = None) -> Answer:  # noqa: ASYNC109 - a number to compute with
        """The answer to a review. `timeout` is what is left for it, in seconds. Raises `ReviewError` only."""
        spec = image_review.decode(body)
        try:
            verdict = await self._verdict(spec, DEFAULT_WAIT_SECONDS if timeout is None else timeout)
        except Exception:  # noqa: BLE001 - whatever failed, this request gets an answer, and it is not yes
            _log.exception("an ImageReview of namespace %s could not be decided", report.plain(spec.namespace))
            verdict = self._refusal(Code.INTERNAL_ERROR, "tidewaiter could not decide; see its log", _FAILED)
        decision = _decision(verdict)
        return Answer(
            image_review.answer(verdict, annotations(decision, verdict)),
            self._record(verdict, decision, spec.namespace),
        )

    async def _verdict(self, spec: ImageReviewSpec, wait: float) -> Verdict:
        if not 0 < len(spec.namespace) <= MAX_NAME_CHARACTERS:
            return self._refusal(Code.OBJECT_INVALID, "the ImageReview names no namespace")
        if not spec.containers:
            return self._refusal(Code.OBJECT_INVALID, "the ImageReview names no images")
        uses = [
            ImageUse(f"spec.containers[{index}].image", "", each.image) for index, each in enumerate(spec.containers)
        ]
        return await self._decider.decide(of_images(uses), spec.namespace, wait)

    def _refusal(self, code: Code, message: str, fix: str = "") -> Verdict:
        findings = Findings(self._decider.options.cap, self._decider.generation)
        findings.refuse(Violation(code=code, path="spec", message=message, fix=fix))
        return findings.verdict()

    def _record(self, verdict: Verdict, decision: str, namespace: str) -> Record:
        """An ImageReview has no uid, and names neither the pod nor its author."""
        return Record(
            uid="",
            decision=decision,
            mode="audit" if self._audits else "policy",
            user="",
            namespace=namespace,
            kind=image_review.KIND,
            name="",
            operation="",
            dry_run=False,
            would_deny=bool(verdict.would_deny),
            policies=verdict.policies,
            generation=verdict.generation,
            images=verdict.images,
            violations=verdict.violations,
            exempted=verdict.exempted,
        )


def _decision(verdict: Verdict) -> str:
    """Warnings reach nobody: the plugin shows nothing of an image that is allowed."""
    if verdict.allowed:
        return "warn" if verdict.of(Mode.WARN) else "allow"
    return "error" if verdict.inconclusive else "deny"
