"""The protocol of `/validate`: what is a review, what is refused, and how."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from tests.server.serving import RECORD, REVIEW, Pki, serving, until
from tests.server.wire import connected, post
from webhook.admission.review import ReviewError
from webhook.server.settings import Limits

ALLOWED = {
    "apiVersion": "admission.k8s.io/v1",
    "kind": "AdmissionReview",
    "response": {"uid": "uid-1", "allowed": True},
}


async def test_a_review_gets_its_answer(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        response = await wire.ask(post())
    assert response.status == 200
    assert json.loads(response.body) == ALLOWED
    assert response.headers["content-type"] == "application/json"
    assert response.headers["date"].endswith(" GMT")
    assert "connection" not in response.headers
    assert response.headers["server"] == "tidewaiter"
    assert running.reviews.bodies == [REVIEW]


async def test_the_reviewer_is_told_how_much_time_is_left(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        await wire.ask(post(path="/validate?timeout=7s"))
        await wire.ask(post(path="/validate"))
        await wire.ask(post(path="/validate?timeout=1s"))
    left = [seconds or 0.0 for seconds in running.reviews.timeouts]
    assert left[0] == pytest.approx(6.0, abs=0.5)
    assert left[1] == pytest.approx(9.0, abs=0.5)
    assert 0 < left[2] <= 0.5


async def test_a_connection_is_kept_for_further_requests(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        assert [(await wire.ask(post())).status for _ in range(3)] == [200, 200, 200]


async def test_pipelined_requests_are_answered_in_order(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        wire.send(post() + post(path="/other") + post())
        assert [(await wire.response()).status for _ in range(3)] == [200, 404, 200]


async def test_a_body_may_come_in_pieces(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        request = post()
        wire.send(request[:-40])
        await asyncio.sleep(0.05)
        wire.send(request[-40:])
        assert (await wire.response()).status == 200
    assert running.reviews.bodies == [REVIEW]


async def test_a_chunked_body_is_read(pki: Pki) -> None:
    chunks = f"{len(REVIEW[:30]):x}\r\n".encode() + REVIEW[:30] + f"\r\n{len(REVIEW[30:]):x}\r\n".encode() + REVIEW[30:]
    head = post(b"", Content_Length="", Transfer_Encoding="chunked")
    async with serving(pki) as running, connected(running) as wire:
        assert (await wire.ask(head + chunks + b"\r\n0\r\n\r\n")).status == 200
        wire.send(head)
        await asyncio.sleep(0.05)
        wire.send(chunks)
        await asyncio.sleep(0.05)
        wire.send(b"\r\n0\r\n\r\n")
        assert (await wire.response()).status == 200
    assert running.reviews.bodies == [REVIEW, REVIEW]


async def test_a_client_that_asks_leave_to_send_its_body_gets_it(pki: Pki) -> None:
    request = post(Expect="100-continue")
    async with serving(pki) as running, connected(running) as wire:
        assert (await wire.ask(request[: -len(REVIEW)])).status == 100
        assert (await wire.ask(REVIEW)).status == 200


async def test_an_http_1_0_client_gets_an_answer_and_is_closed(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        response = await wire.ask(post().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await wire.rest() == b""


async def test_a_client_that_wants_to_close_is_closed(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        assert (await wire.ask(post(Connection="close"))).headers["connection"] == "close"
        assert await wire.rest() == b""


async def test_http_1_1_is_what_tls_agrees_on(pki: Pki) -> None:
    tls = pki.client()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(pki) as running, connected(running, tls) as wire:
        assert wire.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "application/json;charset=utf-8", "Application/JSON"]
)
async def test_json_is_json_with_parameters_too(pki: Pki, content_type: str) -> None:
    async with serving(pki) as running, connected(running) as wire:
        assert (await wire.ask(post(Content_Type=content_type, Content_Encoding="identity"))).status == 200


@pytest.mark.parametrize(
    ("request_bytes", "status", "text"),
    [
        (post(path="/"), 404, b"not found\n"),
        (post(path="/validate/"), 404, b"not found\n"),
        (post(path="/validate/x"), 404, b"not found\n"),
        (post(path="//validate"), 404, b"not found\n"),
        (post(path="/VALIDATE"), 404, b"not found\n"),
        (post(path="/valid%61te"), 404, b"not found\n"),
        (post(path="https://test/validate"), 404, b"not found\n"),
        (post(path="/mutate"), 404, b"not found\n"),
        (post(path="/livez"), 404, b"not found\n"),
        (post(path="/metrics", method="GET"), 404, b"not found\n"),
        (post(b"", method="GET"), 405, b"method not allowed\n"),
        (post(method="PUT"), 405, b"method not allowed\n"),
        (post(method="DELETE"), 405, b"method not allowed\n"),
        (post(b"", method="OPTIONS"), 405, b"method not allowed\n"),
        (post(Content_Type=""), 415, b"expected Content-Type: application/json\n"),
        (post(Content_Type="text/json"), 415, b"expected Content-Type: application/json\n"),
        (post(Content_Type="application/jsonx"), 415, b"expected Content-Type: application/json\n"),
        (post(Content_Type="application/vnd.kubernetes.protobuf"), 415, b"expected Content-Type: application/json\n"),
        (post(Content_Encoding="gzip"), 415, b"expected no Content-Encoding\n"),
        (post(Content_Encoding="deflate"), 415, b"expected no Content-Encoding\n"),
        (post(b""), 400, b"the body is empty\n"),
    ],
)
async def test_what_is_no_review_is_refused_in_plain_words(
    pki: Pki, request_bytes: bytes, status: int, text: bytes
) -> None:
    async with serving(pki) as running, connected(running) as wire:
        response = await wire.ask(request_bytes)
        assert (response.status, response.body) == (status, text)
        assert response.headers["content-type"].startswith("text/plain")
        assert response.headers["server"] == "tidewaiter"
        assert "location" not in response.headers
        assert response.headers.get("allow") == ("POST" if status == 405 else None)
        assert running.counted(f'tidewaiter_http_refused_total{{status="{status}"}}') == 1
        assert (await wire.ask(post())).status == 200


async def test_a_head_request_is_refused_without_a_body(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        wire.send(post(b"", method="HEAD", Connection="close"))
        answer = await wire.rest()
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"no http at all\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        post(Transfer_Encoding="chunked"),
        post(X_Padding="x" * 65536),
        b"POST /validate?" + b"x" * 10000 + b" HTTP/1.1\r\n\r\n",
        b"POST /validate HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n",
        b"POST /validate HTTP/1.1\r\nHost: t\r\nContent-Length: -1\r\n\r\n",
        b"POST /validate HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    ],
)
async def test_what_is_no_http_is_refused_without_an_echo(pki: Pki, request_bytes: bytes) -> None:
    async with serving(pki) as running, connected(running) as wire:
        response = await wire.ask(request_bytes)
        assert (response.status, response.body) == (400, b"the request is not valid HTTP/1.1\n")
        assert await wire.rest() == b""
    assert running.counted('tidewaiter_http_refused_total{status="400"}') == 1
    assert all(line["level"] == "info" for line in running.logged())


async def test_a_broken_chunk_ends_the_request(pki: Pki) -> None:
    head = post(b"", Content_Length="", Transfer_Encoding="chunked")
    async with serving(pki, limits=Limits(body_seconds=0.2)) as running, connected(running) as wire:
        wire.send(head)
        await asyncio.sleep(0.05)
        wire.send(b"zz\r\nnot a chunk\r\n")
        assert (await wire.response()).status == 408
        assert b"200 OK" not in await wire.rest()
    assert running.reviews.bodies == []


async def test_a_review_that_cannot_be_answered_is_told_why(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        running.reviews.error = ReviewError("expected apiVersion admission.k8s.io/v1")
        response = await wire.ask(post())
    assert (response.status, response.body) == (400, b"expected apiVersion admission.k8s.io/v1\n")


async def test_a_failure_of_the_reviewer_denies_the_request_it_was_about(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        running.reviews.error = RuntimeError("token=secret")
        response = await wire.ask(post())
        assert (await wire.ask(post())).status == 200
    answer = json.loads(response.body)["response"]
    assert (response.status, answer["uid"], answer["allowed"], answer["status"]["code"]) == (200, "uid-1", False, 500)
    assert "INTERNAL_ERROR" in answer["status"]["message"]
    failures = [line for line in running.logged() if line["level"] == "error"]
    assert failures[0]["msg"] == "request uid-1 failed outside of its reviewer"
    assert failures[0]["errors"][0]["type"] == "builtins.RuntimeError"
    assert b"secret" not in running.output.getvalue()
    decisions = [line for line in running.logged() if line["msg"] == "decision"]
    assert [(line["request_uid"], line["decision"]) for line in decisions] == [("uid-1", "error")] * 2


async def test_a_timeout_out_of_the_reviewer_is_such_a_failure_too(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        running.reviews.error = TimeoutError()
        response = await wire.ask(post())
    assert response.status == 200
    assert json.loads(response.body)["response"]["allowed"] is False


async def test_in_audit_mode_a_failure_of_the_reviewer_denies_nothing(pki: Pki) -> None:
    async with serving(pki, audit=True) as running, connected(running) as wire:
        running.reviews.error = RuntimeError("broken")
        response = await wire.ask(post())
    assert (response.status, json.loads(response.body)) == (200, ALLOWED)


async def test_a_decision_that_cannot_be_recorded_is_answered_all_the_same(pki: Pki) -> None:
    broken: Any = (None,)
    async with serving(pki) as running, connected(running) as wire:
        running.reviews.record = msgspec.structs.replace(RECORD, violations=broken)
        response = await wire.ask(post())
    assert (response.status, json.loads(response.body)) == (200, ALLOWED)
    assert "a decision could not be recorded" in [line["msg"] for line in running.logged()]


@pytest.mark.parametrize("body", [b"{}", b"[" * 5000, b"\xff", b'{"request":{"uid":7}}'])
async def test_without_a_uid_there_is_nothing_to_decide_about(pki: Pki, body: bytes) -> None:
    async with serving(pki) as running, connected(running) as wire:
        running.reviews.error = RuntimeError("broken")
        response = await wire.ask(post(body))
    assert (response.status, response.body) == (400, b"the body is not an AdmissionReview\n")


async def test_a_client_that_leaves_does_not_stop_the_review(pki: Pki) -> None:
    async with serving(pki) as running:
        running.reviews.gate.clear()
        async with connected(running) as wire:
            wire.send(post())
            await running.reviews.entered.wait()
        running.reviews.gate.set()
        async with connected(running) as wire:
            assert (await wire.ask(post())).status == 200
    assert [line["level"] for line in running.logged() if line["level"] == "error"] == []


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_forgotten(pki: Pki) -> None:
    async with serving(pki) as running:
        async with connected(running) as wire:
            wire.send(post()[:-10])
            await asyncio.sleep(0.05)
        async with connected(running) as wire:
            assert (await wire.ask(post())).status == 200
    assert running.reviews.bodies == [REVIEW]
    assert [line["level"] for line in running.logged() if line["level"] == "error"] == []


async def test_a_client_that_does_not_read_its_answers_is_cut(pki: Pki) -> None:
    async with serving(pki, limits=Limits(write_seconds=0.2)) as running, connected(running) as wire:
        running.reviews.padding = "x" * 2**20
        wire.stop_reading()
        wire.send(post() * 32)
        await running.reviews.entered.wait()
        await until(lambda: not running.service.connections)
        assert len(running.reviews.bodies) < 32
