"""Ceilings: sizes, memory, number and slowness of what clients send."""

import asyncio
import json
import time
from contextlib import AsyncExitStack

import pytest

from tests.server.serving import REVIEW, Pki, Running, serving, until
from tests.server.wire import Wire, connected, post
from webhook.server.settings import MIB, Limits

SMALL = Limits(body=16 * 1024, bodies=64 * 1024 + 4)
"""Room for one body of the largest size from each of two addresses."""

HURRIED = Limits(head_seconds=0.2, body_seconds=0.3, handshake_seconds=0.3, idle_seconds=0.5, linger_seconds=0.05)


async def test_a_body_of_sixteen_mebibytes_is_taken(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        assert (await wire.ask(post(b"x" * 16 * MIB))).status == 200
    assert [len(body) for body in running.reviews.bodies] == [16 * MIB]


async def test_a_body_of_one_byte_more_is_refused_before_it_is_read(pki: Pki) -> None:
    request = post(b"", Content_Length=str(16 * MIB + 1))
    async with serving(pki) as running, connected(running) as wire:
        response = await wire.ask(request)
        assert (response.status, response.body) == (413, b"a review may have 16777216 bytes\n")
        assert response.headers["connection"] == "close"
        assert await wire.rest() == b""


async def test_a_small_body_that_is_over_the_limit_is_refused_too(pki: Pki) -> None:
    async with serving(pki, limits=SMALL) as running, connected(running) as wire:
        assert (await wire.ask(post(b"x" * (16 * 1024 + 1)))).status == 413
        assert (await wire.ask(post(b"x" * 16 * 1024))).status == 200


@pytest.mark.parametrize(("size", "status"), [(16 * MIB, 200), (16 * MIB + 1, 413)])
async def test_a_chunked_body_has_the_same_limit(pki: Pki, size: int, status: int) -> None:
    head = post(b"", Content_Length="", Transfer_Encoding="chunked")
    async with serving(pki) as running, connected(running) as wire:
        response = await wire.ask(head + f"{size:x}\r\n".encode() + b"x" * size + b"\r\n0\r\n\r\n")
    assert response.status == status
    assert [len(body) for body in running.reviews.bodies] == ([size] if status == 200 else [])


async def _occupy(running: Running, wire: Wire) -> None:
    """Have a body of the largest size in flight, which is all that one address may hold."""
    running.reviews.gate.clear()
    wire.send(post(b"x" * SMALL.body))
    await running.reviews.entered.wait()


async def test_without_room_the_api_server_is_asked_to_come_again(pki: Pki) -> None:
    async with serving(pki, limits=SMALL) as running, connected(running) as large, connected(running) as wire:
        await _occupy(running, large)
        response = await wire.ask(post())
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert response.body == b"too many reviews at once\n"
        running.reviews.gate.set()
        assert (await large.response()).status == 200
        assert (await wire.ask(post())).status == 200
    assert running.counted('tidewaiter_http_refused_total{status="503"}') == 1


async def test_in_audit_mode_a_review_waits_for_room(pki: Pki) -> None:
    async with serving(pki, limits=SMALL, audit=True) as running, connected(running) as large:
        await _occupy(running, large)
        async with connected(running) as wire:
            wire.send(post())
            await asyncio.sleep(0.05)
            assert running.reviews.bodies == [b"x" * SMALL.body]
            running.reviews.gate.set()
            assert (await wire.response()).status == 200
        assert (await large.response()).status == 200
    assert running.counted('tidewaiter_http_refused_total{status="503"}') == 0


async def test_in_audit_mode_what_there_is_no_room_for_passes_unjudged(pki: Pki) -> None:
    async with serving(pki, limits=SMALL, audit=True) as running, connected(running) as large:
        await _occupy(running, large)
        async with connected(running) as wire:
            response = await wire.ask(post(path="/validate?timeout=1100ms"))
            assert response.status == 200
            assert json.loads(response.body)["response"] == {"uid": "uid-1", "allowed": True}
            assert (await wire.ask(post(b"{}", path="/validate?timeout=1100ms"))).status == 400
        assert len(running.reviews.bodies) == 1
        running.reviews.gate.set()
        assert (await large.response()).status == 200
    [unjudged] = [line for line in running.logged() if line["msg"] == "decision" and line["violations"]]
    assert unjudged["violations"][0]["code"] == "TOO_MANY_VERIFICATIONS"
    assert (unjudged["decision"], unjudged["would_deny"]) == ("allow", True)


async def test_in_audit_mode_a_large_body_that_there_is_no_room_for_is_not_asked_for_again(pki: Pki) -> None:
    async with serving(pki, limits=SMALL, audit=True) as running, connected(running) as large:
        await _occupy(running, large)
        async with connected(running) as wire:
            wire.send(post(b"x", path="/validate?timeout=1100ms", Content_Length=str(SMALL.body)))
            response = await wire.response()
        assert (response.status, response.headers["connection"]) == (429, "close")
        assert "retry-after" not in response.headers
        running.reviews.gate.set()
        assert (await large.response()).status == 200


FEW = Limits(reviews=2, waiting_reviews=2, waiting_seconds=60.0)
"""One review from each of two addresses, and one of each that waits."""


async def test_reviews_in_progress_are_bounded_and_a_few_wait(pki: Pki) -> None:
    async with serving(pki, limits=FEW) as running, AsyncExitStack() as stack:
        first, second, third = [await stack.enter_async_context(connected(running)) for _ in range(3)]
        running.reviews.gate.clear()
        first.send(post())
        await running.reviews.entered.wait()
        second.send(post())
        await until(lambda: running.counted("tidewaiter_reviews_waiting") == 1)
        response = await third.ask(post())
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert running.counted("tidewaiter_reviews_in_progress") == 1
        assert running.service.busy
        assert len(running.reviews.bodies) == 1
        running.reviews.gate.set()
        assert [(await wire.response()).status for wire in (first, second)] == [200, 200]
        assert not running.service.busy


async def test_who_waits_for_room_in_vain_is_asked_to_come_again(pki: Pki) -> None:
    limits = Limits(reviews=2, waiting_seconds=0.05)
    async with serving(pki, limits=limits) as running, connected(running) as first, connected(running) as second:
        running.reviews.gate.clear()
        first.send(post())
        await running.reviews.entered.wait()
        response = await second.ask(post())
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        running.reviews.gate.set()
        assert (await first.response()).status == 200


async def test_the_room_of_a_body_that_never_comes_is_free_again(pki: Pki) -> None:
    limits = Limits(body=SMALL.body, bodies=SMALL.bodies, body_seconds=0.1, linger_seconds=0.05)
    async with serving(pki, limits=limits) as running, connected(running) as slow, connected(running) as wire:
        slow.send(post(b"x", Content_Length=str(SMALL.body)))
        assert (await slow.response()).status == 408
        assert (await wire.ask(post())).status == 200


async def test_a_body_that_trickles_is_cut_off(pki: Pki) -> None:
    async with serving(pki, limits=HURRIED) as running, connected(running) as wire:
        started = time.monotonic()
        wire.send(post()[:-20])
        trickle = asyncio.create_task(_trickle(wire, REVIEW[-20:]))
        response = await wire.response()
        assert (response.status, response.body) == (408, b"the body took too long\n")
        assert response.headers["connection"] == "close"
        await wire.rest()
        assert time.monotonic() - started >= 0.3
        trickle.cancel()
    assert running.reviews.bodies == []


async def _trickle(wire: Wire, data: bytes) -> None:
    for byte in data:
        await asyncio.sleep(0.1)
        wire.send(bytes([byte]))


async def test_a_head_that_trickles_is_cut_off(pki: Pki) -> None:
    async with serving(pki, limits=HURRIED) as running, connected(running) as wire:
        started = time.monotonic()
        trickle = asyncio.create_task(_trickle(wire, post()))
        assert (await wire.response()).status == 408
        assert await wire.rest() == b""
        assert time.monotonic() - started >= 0.2
        trickle.cancel()
    assert running.counted('tidewaiter_http_refused_total{status="408"}') == 1


async def test_the_head_of_a_later_request_may_not_trickle_either(pki: Pki) -> None:
    async with serving(pki, limits=HURRIED) as running, connected(running) as wire:
        assert (await wire.ask(post())).status == 200
        wire.send(post()[:20])
        assert (await wire.response()).status == 408


async def test_a_long_review_is_not_taken_for_a_slow_client(pki: Pki) -> None:
    async with serving(pki, limits=HURRIED) as running, connected(running) as wire:
        running.reviews.gate.clear()
        wire.send(post() + post())
        await asyncio.sleep(0.7)
        running.reviews.gate.set()
        assert [(await wire.response()).status for _ in range(2)] == [200, 200]


async def test_an_idle_connection_is_kept_for_its_time_and_then_closed(pki: Pki) -> None:
    async with serving(pki, limits=HURRIED) as running, connected(running) as wire:
        assert (await wire.ask(post())).status == 200
        started = time.monotonic()
        await asyncio.sleep(0.3)
        assert running.service.connections == 1
        assert await wire.rest() == b""
        assert time.monotonic() - started >= 0.45


async def test_a_client_that_never_shakes_hands_is_cut_off(pki: Pki) -> None:
    async with serving(pki, limits=HURRIED) as running:
        wire = await Wire.open(running.port, None)
        assert await wire.rest() == b""
        await wire.close()


async def test_an_idle_connection_outlives_that_of_the_api_server() -> None:
    assert Limits().idle_seconds > 90


async def test_one_address_has_only_so_many_connections(pki: Pki) -> None:
    async with serving(pki, limits=Limits(connections_per_peer=2)) as running:
        async with connected(running) as first, connected(running) as second:
            assert [(await wire.ask(post())).status for wire in (first, second)] == [200, 200]
            third = await Wire.open(running.port, None)
            assert await third.rest() == b""
            await third.close()
            assert (await first.ask(post())).status == 200
        await until(lambda: not running.service.connections)
        async with connected(running) as wire:
            assert (await wire.ask(post())).status == 200
    assert running.counted('tidewaiter_http_refused_total{status="429"}') == 1


async def test_where_all_connections_are_taken_an_idle_one_makes_room(pki: Pki) -> None:
    async with serving(pki, limits=Limits(connections=2)) as running:
        async with connected(running) as first, connected(running) as second:
            assert [(await wire.ask(post())).status for wire in (first, second)] == [200, 200]
            async with connected(running) as third:
                assert (await third.ask(post())).status == 200
                rests = asyncio.as_completed([first.rest(), second.rest()])
                assert await next(iter(rests)) == b""
        await until(lambda: not running.service.connections)


async def test_where_all_connections_are_at_work_another_is_refused(pki: Pki) -> None:
    async with serving(pki, limits=Limits(connections=1)) as running, connected(running) as first:
        running.reviews.gate.clear()
        first.send(post())
        await running.reviews.entered.wait()
        second = await Wire.open(running.port, None)
        assert await second.rest() == b""
        await second.close()
        running.reviews.gate.set()


async def test_many_dawdling_connections_do_not_hold_up_a_review(pki: Pki) -> None:
    async with serving(pki) as running:
        tls = pki.client()
        wires = [await Wire.open(running.port, tls) for _ in range(100)]
        for wire in wires:
            wire.send(b"POST /validate HTTP/1.1\r\nHost: ")
        async with connected(running) as wire:
            assert (await wire.ask(post())).status == 200
        for wire in wires:
            await wire.close()
