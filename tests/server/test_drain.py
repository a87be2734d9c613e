"""The end of a service: no request is lost."""

import asyncio
import time

import pytest

from tests.server.serving import Pki, serving
from tests.server.wire import Wire, connected, get, post
from webhook.errors import ConfigurationError
from webhook.server.run import LagMeter, Periodic, Service


async def _ends(service: Service) -> asyncio.Task[None]:
    """Begin to drain, and wait until it has begun."""
    service.end()
    waiting = asyncio.create_task(service.wait())
    await asyncio.sleep(0)
    return waiting


async def test_readiness_goes_first_and_requests_are_still_answered(pki: Pki) -> None:
    async with serving(pki, drain_seconds=60) as running, connected(running) as wire:
        assert (await get(running, "/readyz")).status == 200
        draining = await _ends(running.service)
        assert (await get(running, "/readyz")).status == 503
        response = await wire.ask(post())
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await wire.rest() == b""
        assert not draining.done()
        running.service.end()
        await draining


async def test_a_late_connection_is_answered_and_closed(pki: Pki) -> None:
    async with serving(pki, drain_seconds=60) as running:
        draining = await _ends(running.service)
        async with connected(running) as wire:
            response = await wire.ask(post())
            assert (response.status, response.headers["connection"]) == (200, "close")
            assert await wire.rest() == b""
        async with connected(running) as wire:
            response = await wire.ask(post(path="/unknown"))
            assert (response.status, response.headers["connection"]) == (404, "close")
        running.service.end()
        await draining


async def test_draining_takes_its_time(pki: Pki) -> None:
    async with serving(pki, drain_seconds=0.2) as running:
        running.service.end()
        started = time.monotonic()
        await running.service.wait()
        assert time.monotonic() - started >= 0.19
    assert [line["msg"] for line in running.logged()][1:] == ["draining for 0.2 s", "drained, 0 connections are left"]


async def test_a_review_in_flight_is_finished_after_the_drain(pki: Pki) -> None:
    async with serving(pki) as running:
        wire = await Wire.open(running.port, pki.client())
        running.reviews.gate.clear()
        wire.send(post())
        await running.reviews.entered.wait()
        running.service.end()
        await running.service.wait()
        asyncio.get_running_loop().call_later(0.1, running.reviews.gate.set)
    response = await wire.response()
    assert (response.status, response.headers["connection"]) == (200, "close")
    await wire.close()
    assert [line["request_uid"] for line in running.logged() if line["msg"] == "decision"] == ["uid-1"]


async def test_a_body_in_flight_is_received_after_the_drain(pki: Pki) -> None:
    async with serving(pki) as running:
        wire = await Wire.open(running.port, pki.client())
        wire.send(post()[:-10])
        await asyncio.sleep(0.05)
        asyncio.get_running_loop().call_later(0.1, wire.send, post()[-10:])
    assert (await wire.response()).status == 200
    await wire.close()


async def test_idle_connections_are_closed_at_the_end(pki: Pki) -> None:
    async with serving(pki, grace_seconds=600) as running:
        wire = await Wire.open(running.port, pki.client())
        assert (await wire.ask(post())).status == 200
    assert await wire.rest() == b""
    await wire.close()


async def test_a_review_that_does_not_end_is_left_behind_after_the_grace(pki: Pki) -> None:
    started = time.monotonic()
    async with serving(pki, grace_seconds=0.2) as running:
        wire = await Wire.open(running.port, pki.client())
        running.reviews.gate.clear()
        wire.send(post())
        await running.reviews.entered.wait()
    assert time.monotonic() - started >= 0.2
    assert await wire.rest() == b""
    await wire.close()


async def test_a_second_signal_skips_drain_and_grace(pki: Pki) -> None:
    async with serving(pki, drain_seconds=600, grace_seconds=600) as running:
        wire = await Wire.open(running.port, pki.client())
        running.reviews.gate.clear()
        wire.send(post())
        await running.reviews.entered.wait()
        draining = await _ends(running.service)
        running.service.end()
        await draining
    await wire.close()


async def test_after_the_end_nobody_listens(pki: Pki) -> None:
    async with serving(pki) as running:
        ports = running.port, running.health_port
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            await Wire.open(port, None)


async def test_an_address_that_is_taken_is_a_fault_of_the_configuration(pki: Pki) -> None:
    taken = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    for bind, health_bind in ((port, 0), (0, port)):
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}: .*in use"):
            async with serving(pki, bind=bind, health_bind=health_bind):
                pass
    taken.close()


async def test_a_stall_of_the_event_loop_is_a_metric(pki: Pki) -> None:
    async with serving(pki) as running:
        meter = LagMeter(running.metrics)
        meter.sample()
        time.sleep(0.4)  # noqa: ASYNC251 - this is the stall
        meter.sample()
        meter.sample()
        assert running.counted("tidewaiter_event_loop_lag_seconds") == pytest.approx(0.15, abs=0.1)


async def test_what_is_done_again_and_again_survives_a_failure() -> None:
    done = asyncio.Event()
    failures: list[str] = []

    def action() -> None:
        if failures:
            done.set()
        failures.append("failed")
        raise RuntimeError("failed")

    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    periodic = Periodic(0.001, action)
    periodic.stop()
    periodic.start()
    async with asyncio.timeout(10):
        await done.wait()
    periodic.stop()
    assert len(failures) >= 2
