"""AdmissionReview `admission.k8s.io/v1` in and out, as bytes. Pure: no I/O, no decision.

The response repeats `apiVersion`, `kind` and `uid` exactly, and carries a patch only where a mutating webhook asked
(`k8s.io/apiserver/pkg/admission/plugin/webhook/request.VerifyAdmissionResponse`).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from webhook.admission import report
from webhook.objects import MAX_NAME_CHARACTERS, Struct
from webhook.verdict import ImageResult, Mode, Verdict, Violation

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"
MAX_UID_CHARACTERS = 256
MAX_USERNAME_CHARACTERS = 4096
MAX_GROUPS = 10_000

Name = Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)]
"""What the API server bounds itself. A review may come from anybody who reaches the port."""


class ReviewError(ValueError):
    """The body is no AdmissionReview v1 that can be answered: HTTP 400."""


class GroupVersionResource(Struct, frozen=True, gc=False):
    """`request.resource`."""

    group: Name = ""
    version: Name = ""
    resource: Name = ""


class UserInfo(Struct, frozen=True, gc=False):
    """`request.userInfo`."""

    username: Annotated[str, Meta(max_length=MAX_USERNAME_CHARACTERS)] = ""
    groups: Annotated[tuple[str, ...], Meta(max_length=MAX_GROUPS)] = ()


class Request(Struct, frozen=True, gc=False):
    """`request`, as far as it is read. `object` and `old_object` stay bytes until the kind is known."""

    uid: str
    resource: GroupVersionResource = GroupVersionResource()
    sub_resource: Name = ""
    name: Name = ""
    namespace: Name = ""
    operation: Name = ""
    user_info: UserInfo = UserInfo()
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.Raw(b"null")


class _Review(Struct, frozen=True, gc=False):
    api_version: str = ""
    kind: str = ""
    request: Request | None = None


class _Cause(msgspec.Struct, frozen=True, gc=False):
    reason: str
    message: str
    field: str


class _Details(msgspec.Struct, frozen=True, gc=False):
    causes: list[_Cause]


class _Status(Struct, frozen=True, gc=False):
    code: int
    reason: str
    message: str
    details: _Details | None = None
    status: str = "Failure"


class _Response(Struct, frozen=True, gc=False, omit_defaults=True):
    uid: str
    allowed: bool
    status: _Status | None = None
    patch: bytes | None = None
    patch_type: str | None = None
    warnings: list[str] | None = None
    audit_annotations: dict[str, str] | None = None


class _ReviewOut(Struct, frozen=True, gc=False):
    response: _Response
    api_version: str = API_VERSION
    kind: str = KIND


class Record(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decision, for the log and the metrics.

    `decision` is allow, warn (allowed with warnings), deny, error (refused because something could not be found out),
    ignored (nothing that is judged) or pin (nothing is decided: `images` are those whose tags were looked up).
    `mode` is audit when the whole program only audits, else policy.
    """

    uid: str
    decision: str
    mode: str
    user: str
    namespace: str
    kind: str
    name: str
    operation: str
    dry_run: bool
    would_deny: bool = False
    policies: tuple[str, ...] = ()
    generation: str = ""
    images: tuple[ImageResult, ...] = ()
    violations: tuple[Violation, ...] = ()
    exempted: tuple[Violation, ...] = ()


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The response's body, and what there is to record about it."""

    body: bytes
    record: Record


_decoder = msgspec.json.Decoder(_Review)
_encoder = msgspec.json.Encoder()


def decode(body: bytes) -> Request:
    """The request in a review. Raises `ReviewError` where there is none, or none that can be answered."""
    try:
        review = _decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ReviewError(f"the body is not an AdmissionReview: {report.cut(report.plain(str(error)), 200)}") from error
    if review.api_version != API_VERSION or review.kind != KIND:
        raise ReviewError(f"expected apiVersion {API_VERSION} and kind {KIND}")
    if review.request is None:
        raise ReviewError("the AdmissionReview has no request")
    uid = review.request.uid
    if not (0 < len(uid) <= MAX_UID_CHARACTERS and uid.isascii() and uid.isprintable()):
        raise ReviewError(f"request.uid must have 1 to {MAX_UID_CHARACTERS} characters of printable ASCII")
    return review.request


def allow(uid: str, warnings: list[str] | None = None, annotations: Mapping[str, str] | None = None) -> bytes:
    """An answer that lets the request pass."""
    return _encode(
        _Response(uid=uid, allowed=True, warnings=warnings or None, audit_annotations=dict(annotations or {}) or None)
    )


class Replacement(msgspec.Struct, frozen=True, gc=False, tag_field="op", tag="replace"):
    """An operation of a JSON Patch (RFC 6902, 4.3): another value for a field that is there."""

    path: str
    value: str


def patched(uid: str, replacements: Sequence[Replacement], warnings: list[str] | None = None) -> bytes:
    """An answer that lets the request pass, with other values for some fields of the object."""
    if not replacements:
        return allow(uid, warnings)
    patch = _encoder.encode(replacements)
    return _encode(_Response(uid=uid, allowed=True, patch=patch, patch_type="JSONPatch", warnings=warnings or None))


def deny(
    uid: str, verdict: Verdict, annotations: Mapping[str, str], code: int = 403, reason: str = "Forbidden"
) -> bytes:
    """An answer that refuses it: the whole message, and each finding as a cause for programs."""
    causes = [
        _Cause(each.code.value, report.plain(each.message), report.plain(each.path))
        for each in verdict.of(Mode.ENFORCE)[: report.MAX_CAUSES]
    ]
    status = _Status(code, reason, report.message(verdict, uid), _Details(causes))
    warnings = list(report.warnings(verdict))
    return _encode(
        _Response(uid=uid, allowed=False, status=status, warnings=warnings or None, audit_annotations=dict(annotations))
    )


def _encode(response: _Response) -> bytes:
    return _encoder.encode(_ReviewOut(response))
