import json
from typing import Any

import pytest

from webhook.admission import review
from webhook.admission.review import ReviewError
from webhook.codes import Code
from webhook.verdict import Mode, Verdict, Violation

BODY: dict[str, Any] = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "request": {
        "uid": "u-1",
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": "prod",
        "operation": "CREATE",
        "userInfo": {"username": "alice"},
        "object": {"kind": "Pod"},
    },
}


UID_FAULT = "request.uid must have 1 to 256 characters of printable ASCII"


def body(**changes: Any) -> bytes:
    return json.dumps({**BODY, **changes}).encode()


def test_a_request_is_read_and_its_object_stays_bytes() -> None:
    request = review.decode(body())
    assert (request.uid, request.namespace, request.operation) == ("u-1", "prod", "CREATE")
    assert request.user_info.username == "alice"
    assert json.loads(bytes(request.object)) == {"kind": "Pod"}
    assert bytes(request.old_object) == b"null"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b"", "the body is not an AdmissionReview: Input data was truncated", id="empty"),
        pytest.param(b"[]", "the body is not an AdmissionReview: Expected `object`, got `array`", id="an array"),
        pytest.param(
            b"\xff", "the body is not an AdmissionReview: JSON is malformed: invalid character (byte 0)", id="no text"
        ),
        pytest.param(
            b'{"a":' * 10_000,
            "the body is not an AdmissionReview: maximum recursion depth exceeded while deserializing an object",
            id="nested deeply",
        ),
        pytest.param(
            body(apiVersion="admission.k8s.io/v1beta1"),
            "expected apiVersion admission.k8s.io/v1 and kind AdmissionReview",
            id="v1beta1",
        ),
        pytest.param(
            body(kind="Pod"), "expected apiVersion admission.k8s.io/v1 and kind AdmissionReview", id="another kind"
        ),
        pytest.param(body(request=None), "the AdmissionReview has no request", id="no request"),
        pytest.param(
            body(request={}),
            "the body is not an AdmissionReview: Object missing required field `uid` - at `$.request`",
            id="no uid",
        ),
        pytest.param(body(request={"uid": ""}), UID_FAULT, id="empty uid"),
        pytest.param(body(request={"uid": "u" * 257}), UID_FAULT, id="endless uid"),
        pytest.param(body(request={"uid": "\u202e"}), UID_FAULT, id="a uid that turns a terminal around"),
        pytest.param(
            body(request={"uid": "u", "namespace": "n" * 254}),
            "the body is not an AdmissionReview: Expected `str` of length <= 253 - at `$.request.namespace`",
            id="endless namespace",
        ),
        pytest.param(
            body(request={"uid": 7}),
            "the body is not an AdmissionReview: Expected `str`, got `int` - at `$.request.uid`",
            id="a number for a uid",
        ),
    ],
)
def test_a_body_that_cannot_be_answered(text: bytes, expected: str) -> None:
    with pytest.raises(ReviewError) as error:
        review.decode(text)
    assert str(error.value) == expected


def test_an_answer_that_allows() -> None:
    assert json.loads(review.allow("u-1")) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u-1", "allowed": True},
    }
    assert json.loads(review.allow("u-1", ["w"], {"decision": "warn"}))["response"] == {
        "uid": "u-1",
        "allowed": True,
        "warnings": ["w"],
        "auditAnnotations": {"decision": "warn"},
    }


def test_an_answer_that_denies_names_each_cause() -> None:
    denied = Violation(code=Code.NOT_SIGNED, path="spec.containers[0].image", container="app", message="m\n")
    warned = Violation(code=Code.TAG_NOT_PINNED, path="p", message="w", mode=Mode.WARN)
    answer = json.loads(review.deny("u-1", Verdict(violations=(denied, warned)), {"decision": "deny"}))
    assert answer["apiVersion"] == "admission.k8s.io/v1"
    assert answer["kind"] == "AdmissionReview"
    assert answer["response"] == {
        "uid": "u-1",
        "allowed": False,
        "status": {
            "status": "Failure",
            "code": 403,
            "reason": "Forbidden",
            "message": 'denied: app: NOT_SIGNED (m\\n)\n  spec.containers[0] "app"\n    NOT_SIGNED: m\\n\nrequest: u-1',
            "details": {"causes": [{"reason": "NOT_SIGNED", "message": "m\\n", "field": "spec.containers[0].image"}]},
        },
        "warnings": ["p: TAG_NOT_PINNED: w"],
        "auditAnnotations": {"decision": "deny"},
    }


def test_causes_are_those_of_what_denies_whatever_else_was_found() -> None:
    recorded = [Violation(code=Code.NOT_SIGNED, path=f"p{index}", message="m", mode=Mode.AUDIT) for index in range(99)]
    denied = Violation(code=Code.RUN_AS_NON_ROOT, path="q", message="m")
    answer = json.loads(review.deny("u-1", Verdict(violations=(*recorded, denied)), {}))
    assert [cause["field"] for cause in answer["response"]["status"]["details"]["causes"]] == ["q"]


def test_causes_are_bounded() -> None:
    violations = tuple(Violation(code=Code.NOT_SIGNED, path=f"p{index}", message="m") for index in range(200))
    answer = json.loads(review.deny("u-1", Verdict(violations=violations), {}))
    assert len(answer["response"]["status"]["details"]["causes"]) == 64
