"""Connections before they are made: how many, from whom, and what becomes of the others."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self

import pytest
from aiohttp import web

from tests.server.serving import Pki, Running, serving, until
from tests.server.wire import Wire, connected, post
from webhook.errors import ConfigurationError
from webhook.server.answers import text
from webhook.server.connection import Listener
from webhook.server.entrance import ACCEPTED_PER_TURN, Entrance
from webhook.server.settings import Limits

PATIENT = 60.0
HANDSHAKES = "tidewaiter_tls_handshakes_in_progress"


class Silent:
    """A client that connects from an address of its own, and says nothing unless it is told to."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._port = port
        self._address = address
        self.socket = socket.socket()
        self.socket.settimeout(0)

    async def __aenter__(self) -> Self:
        self.socket.bind((self._address, 0))
        await asyncio.get_running_loop().sock_connect(self.socket, ("127.0.0.1", self._port))
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self.socket.close()

    async def is_closed(self) -> None:
        """Wait until the server has closed it."""
        async with asyncio.timeout(20):
            try:
                assert await asyncio.get_running_loop().sock_recv(self.socket, 1) == b""
            except ConnectionError:
                return


def failed(running: Running, reason: str) -> float:
    return running.counted(f'tidewaiter_connections_failed_total{{reason="{reason}"}}')


async def test_an_address_has_only_so_many_handshakes_and_the_next_waits(pki: Pki) -> None:
    limits = Limits(handshakes_per_peer=1, handshake_seconds=PATIENT)
    async with serving(pki, limits=limits) as running:
        async with Silent(running.port) as first, Silent(running.port):
            await until(lambda: running.counted("tidewaiter_connections") == 2)
            assert running.counted(HANDSHAKES) == 1
            asking = asyncio.create_task(Wire.open(running.port, pki.client()))
            await until(lambda: running.counted("tidewaiter_connections") == 3)
            first.socket.close()
            await until(lambda: failed(running, "error") == 1)
            await until(lambda: running.counted(HANDSHAKES) == 1)
            assert not asking.done()
        wire = await asking
        assert (await wire.ask(post())).status == 200
        await wire.close()
        await until(lambda: not running.service.connections)
    assert running.counted(HANDSHAKES) == 0


async def test_handshakes_of_one_address_do_not_hold_up_another(pki: Pki) -> None:
    limits = Limits(handshakes_per_peer=1, handshake_seconds=PATIENT)
    async with serving(pki, limits=limits) as running, Silent(running.port), Silent(running.port):
        await until(lambda: running.service.connections == 2)
        async with Silent(running.port, "127.0.0.2"):
            await until(lambda: running.counted(HANDSHAKES) == 2)
            assert running.service.connections == 3


async def test_where_all_handshakes_are_taken_the_oldest_of_the_greediest_is_dropped(pki: Pki) -> None:
    limits = Limits(handshakes=3, handshake_seconds=PATIENT)
    async with (
        serving(pki, limits=limits) as running,
        Silent(running.port, "127.0.0.2") as modest,
        Silent(running.port, "127.0.0.3") as oldest,
        Silent(running.port, "127.0.0.3") as other,
    ):
        await until(lambda: running.counted(HANDSHAKES) == 3)
        async with connected(running) as wire:
            await oldest.is_closed()
            assert (await wire.ask(post())).status == 200
        assert failed(running, "dropped") == 1
        assert running.counted(HANDSHAKES) == 2
        for each in (modest, other):
            with pytest.raises(BlockingIOError):
                each.socket.recv(1)


async def test_a_handshake_that_takes_too_long_is_ended_and_counted(pki: Pki) -> None:
    async with serving(pki, limits=Limits(handshake_seconds=0.1)) as running, Silent(running.port) as silent:
        await silent.is_closed()
        await until(lambda: not running.service.connections)
        assert failed(running, "timeout") == 1


async def test_waiting_for_a_handshake_is_part_of_its_time(pki: Pki) -> None:
    limits = Limits(handshakes_per_peer=1, handshake_seconds=0.2)
    async with serving(pki, limits=limits) as running, Silent(running.port) as first, Silent(running.port) as second:
        await asyncio.gather(first.is_closed(), second.is_closed())
        await until(lambda: failed(running, "timeout") == 2)
        assert running.service.connections == 0


async def test_what_is_no_tls_is_an_error_and_the_place_is_free_again(pki: Pki) -> None:
    async with serving(pki, limits=Limits(handshakes_per_peer=1, handshake_seconds=PATIENT)) as running:
        for _ in range(3):
            wire = await Wire.open(running.port, None)
            wire.send(b"GET / HTTP/1.1\r\n\r\n")
            await wire.rest()
            await wire.close()
        async with connected(running) as wire:
            assert (await wire.ask(post())).status == 200
        assert failed(running, "error") == 3


async def test_where_all_connections_are_taken_one_that_has_not_come_in_makes_room(pki: Pki) -> None:
    limits = Limits(connections=2, handshake_seconds=PATIENT)
    async with serving(pki, limits=limits) as running, Silent(running.port) as first, Silent(running.port):
        await until(lambda: running.service.connections == 2)
        async with connected(running) as wire:
            await first.is_closed()
            assert (await wire.ask(post())).status == 200
            assert running.service.connections == 2
        assert failed(running, "dropped") == 1


async def test_a_crowd_that_says_nothing_holds_up_nobody_and_is_held_to_its_bounds(pki: Pki) -> None:
    limits = Limits(connections=200, connections_per_peer=100, handshakes_per_peer=8, handshake_seconds=PATIENT)
    async with serving(pki, limits=limits) as running:
        async with AsyncExitStack() as crowd:
            for number in range(400):
                await crowd.enter_async_context(Silent(running.port, f"127.0.0.{2 + number % 4}"))
            await until(lambda: running.service.connections == 200 and running.counted(HANDSHAKES) == 4 * 8)
            async with connected(running) as wire:
                assert (await wire.ask(post())).status == 200
                assert running.service.connections == 200
        await until(lambda: not running.service.connections)


async def test_the_end_does_not_wait_for_those_that_never_came_in(pki: Pki) -> None:
    limits = Limits(handshake_seconds=PATIENT, handshakes_per_peer=1)
    async with asyncio.timeout(20):
        async with serving(pki, limits=limits, grace_seconds=0.1) as running:
            silent = [await Silent(running.port).__aenter__() for _ in range(2)]
            await until(lambda: running.service.connections == 2)
        for each in silent:
            await each.is_closed()
            each.socket.close()


@asynccontextmanager
async def entrance(host: str) -> AsyncIterator[Entrance]:
    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        return text(200, "ok")

    listener = Listener(handle, Limits(), lambda _status: None)
    entrance = Entrance(listener, Limits())
    await entrance.open(host, 0)
    yield entrance
    entrance.close()
    await entrance.end()
    await listener.shutdown(0.1)


@pytest.mark.parametrize("host", ["", "127.0.0.1", "localhost"])
async def test_it_listens_where_it_is_told_to(host: str) -> None:
    async with entrance(host) as opened:
        wire = await Wire.open(opened.address[1], None)
        assert (await wire.ask(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")).status == 200
        await wire.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
async def test_an_address_that_the_machine_does_not_have_is_a_fault_of_the_configuration(host: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"cannot listen on {host}:0: \w+"):
        async with entrance(host):
            pass


class Exhausted(socket.socket):
    """A listening socket of a process without a free file descriptor, for the first few times."""

    failures = 2

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_without_a_free_file_descriptor_it_tries_again_later(caplog: pytest.LogCaptureFixture) -> None:
    async with entrance("127.0.0.1") as opened:
        port = opened.address[1]
        [plain] = opened.sockets
        exhausted = Exhausted(fileno=socket.dup(plain.fileno()))
        exhausted.settimeout(0)
        opened.close()
        opened.listen([exhausted])
        wire = await Wire.open(port, None)
        assert (await wire.ask(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")).status == 200
        await wire.close()
    messages = ["connections cannot be accepted: Too many open files"] * 2
    assert [record.message for record in caplog.records] == messages


async def test_a_crowd_that_comes_at_once_is_let_in() -> None:
    async with entrance("127.0.0.1") as opened:
        crowd = [socket.create_connection(opened.address) for _ in range(3 * ACCEPTED_PER_TURN)]
        for each in crowd:
            each.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
            each.settimeout(0)
        for each in crowd:
            async with asyncio.timeout(20):
                assert (await asyncio.get_running_loop().sock_recv(each, 100)).startswith(b"HTTP/1.1 200 ")
            each.close()


async def test_a_pause_ends_with_the_listening() -> None:
    async with entrance("127.0.0.1") as opened:
        [plain] = opened.sockets
        exhausted = Exhausted(fileno=socket.dup(plain.fileno()))
        exhausted.settimeout(0)
        opened.close()
        opened.listen([exhausted])
        async with Silent(exhausted.getsockname()[1]):
            await until(lambda: exhausted.failures == 1)
            opened.close()
            await asyncio.sleep(0.6)
            assert exhausted.failures == 1
