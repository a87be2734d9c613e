"""ImageReview `imagepolicy.k8s.io/v1alpha1` in and out, as bytes. Pure: no I/O, no decision.

The API server's plugin ImagePolicyWebhook sends the images of a pod and its namespace, and nothing else that counts:
neither names nor what kind of container an image is for (`k8s.io/kubernetes/plugin/pkg/admission/imagepolicy`). Its
`annotations` are written by whoever creates the pod: they are not read. It takes any status but 2xx, and any body that
it cannot read, for a failure, which `defaultAllow` decides about: hence a no is always a whole answer.
"""

from collections.abc import Mapping

import msgspec

from webhook.admission import report
from webhook.admission.review import ReviewError
from webhook.objects import Struct
from webhook.verdict import Mode, Verdict, Violation

API_VERSION = "imagepolicy.k8s.io/v1alpha1"
KIND = "ImageReview"

_IMAGE_CHARACTERS = 300
"""What is shown of an image in a list of findings: a digest and a name of usual length."""


class ContainerImage(Struct, frozen=True, gc=False):
    """`spec.containers[]`: of an ordinary container, then of init containers; or of ephemeral containers alone."""

    image: str = ""


class ImageReviewSpec(Struct, frozen=True, gc=False):
    """`spec`, as far as it is read."""

    containers: list[ContainerImage] | None = None
    namespace: str = ""


class _ImageReview(Struct, frozen=True, gc=False):
    api_version: str = ""
    kind: str = ""
    spec: ImageReviewSpec | None = None


class _Status(Struct, frozen=True, gc=False, omit_defaults=True):
    """`allowed` has no default: it is written whatever it is."""

    allowed: bool
    reason: str = ""
    audit_annotations: dict[str, str] | None = None


class _ImageReviewOut(Struct, frozen=True, gc=False):
    status: _Status
    api_version: str = API_VERSION
    kind: str = KIND


_decoder = msgspec.json.Decoder(_ImageReview)
_encoder = msgspec.json.Encoder()


def decode(body: bytes) -> ImageReviewSpec:
    """What is to be judged. Raises `ReviewError` where the body is no such review."""
    try:
        review = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ReviewError(f"the body is not an ImageReview: {report.cut(report.plain(str(error)), 200)}") from error
    if review.api_version != API_VERSION or review.kind != KIND:
        raise ReviewError(f"expected apiVersion {API_VERSION} and kind {KIND}")
    if review.spec is None:
        raise ReviewError("the ImageReview has no spec")
    return review.spec


def answer(verdict: Verdict, annotations: Mapping[str, str]) -> bytes:
    """Whether all images may run, and if not, why, in one line."""
    reason = "" if verdict.allowed else _reason(verdict)
    return _encoder.encode(_ImageReviewOut(_Status(verdict.allowed, reason, dict(annotations) or None)))


def _reason(verdict: Verdict) -> str:
    """The summary, then what is to be done about its only finding, or each finding as long as there is room."""
    violations = verdict.of(Mode.ENFORCE)
    told = [report.summary(verdict)]
    room = report.MESSAGE_BYTES - len(told[0]) - len("; and 1000 more")
    more = 0
    for each in violations:
        text = _mending(each) if len(violations) == 1 else _detail(each)
        room -= len(text) + len("; ")
        if room < 0:
            more += 1
        elif text:
            told.append(text)
    return "; ".join([*told, f"and {more} more"] if more else told)


def _mending(violation: Violation) -> str:
    image = f"image: {_image(violation)}" if violation.image else ""
    fix = f"fix: {report.plain(violation.fix)}" if violation.fix else ""
    return "; ".join(filter(None, (image, fix)))


def _detail(violation: Violation) -> str:
    image = f" {_image(violation)}" if violation.image else ""
    return f"{report.plain(violation.path)}{image}: {violation.code.value}: {report.plain(violation.message)}"


def _image(violation: Violation) -> str:
    return report.cut(report.plain(violation.image), _IMAGE_CHARACTERS)
