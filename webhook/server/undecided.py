"""Answers where nobody could decide: a review that can be answered at all gets one, in the words of its protocol."""

import msgspec

from webhook.admission import image_review, review
from webhook.admission.review import Answer, Record, ReviewError
from webhook.verdict import Verdict, Violation


class _Uid(msgspec.Struct):
    uid: str


class _UidReview(msgspec.Struct):
    request: _Uid


def of_admission(body: bytes, found: Violation, *, audit: bool) -> Answer:
    """The answer to an AdmissionReview of which nothing is known but its uid. Raises `ReviewError` without one.

    `found` is why nobody could decide; its mode says whether the request may pass. `audit` is the program's own mode.
    """
    uid = _uid(body)
    verdict = Verdict(violations=(found,))
    return Answer(
        review.allow(uid) if verdict.allowed else review.deny(uid, verdict, {}, 500, "InternalError"),
        _record(verdict, uid=uid, audit=audit),
    )


def of_images(body: bytes, found: Violation, *, audit: bool) -> Answer:
    """The answer to an ImageReview of which nothing is known. Raises `ReviewError` where it is none."""
    image_review.decode(body)
    verdict = Verdict(violations=(found,))
    return Answer(image_review.answer(verdict, {}), _record(verdict, kind=image_review.KIND, audit=audit))


def _record(verdict: Verdict, *, audit: bool, uid: str = "", kind: str = "") -> Record:
    """What there is to record about a request that nobody could decide."""
    return Record(
        uid=uid,
        decision="allow" if verdict.allowed else "error",
        mode="audit" if audit else "policy",
        user="",
        namespace="",
        kind=kind,
        name="",
        operation="",
        dry_run=False,
        would_deny=audit,
        violations=verdict.violations,
    )


def _uid(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_UidReview).request.uid
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise ReviewError("the body is not an AdmissionReview") from None
