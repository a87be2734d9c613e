"""F-09 and F-31: connections that are kept, and connections on which nothing comes."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import pytest
import trustme

from tests.system.faults.clients import client, not_admitted
from tests.system.faults.registry import TroubledRegistry
from tests.system.faults.replicas import Start, trusting, until
from tests.system.reviews import review

pytestmark = [pytest.mark.system, pytest.mark.timeout(60, func_only=True)]

LORIS: Final = 1000
"""Slow clients, all of one address: one pod."""

HEAD: Final = b"POST /validate?timeout=10s HTTP/1.1\r\nHost: tidewaiter\r\nContent-Type: application/json\r\n"


async def test_f_09_a_connection_is_never_closed_under_a_request_of_the_api_server(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    """2,400 requests over 8 connections: whoever closes one too early fails some of them."""
    server, known = start(registry.host), registry.image("known")
    async with client(server, trusting(ca), 8) as api_server:
        for _ in range(24):
            assert not_admitted(await api_server.ask_all([review(known)] * 100)) == []
            assert server.metric("tidewaiter_connections") == 8


@asynccontextmanager
async def silent(port: int) -> AsyncIterator[None]:
    """A connection that never shakes hands."""
    with socket.socket() as connection:
        connection.setblocking(False)
        connection.bind(("127.0.0.2", 0))
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        yield


@asynccontextmanager
async def begun(port: int, context: ssl.SSLContext, beginning: bytes) -> AsyncIterator[None]:
    """A connection on which the rest of a request never comes."""
    connecting = asyncio.open_connection("127.0.0.1", port, ssl=context, local_addr=("127.0.0.2", 0))
    _, writer = await connecting
    writer.write(beginning)
    yield
    writer.transport.abort()


SLOW: Final = {
    "handshake": None,
    "head": HEAD,
    "body": HEAD + b"Content-Length: 1000\r\n\r\n{",
}


@pytest.mark.parametrize("what", SLOW)
async def test_f_31_a_thousand_slow_connections_of_a_pod_fail_no_request_of_the_api_server(
    start: Start, registry: TroubledRegistry, ca: trustme.CA, what: str
) -> None:
    server, known, beginning = start(registry.host), registry.image("known"), SLOW[what]
    new = [registry.image(f"new-{number}") for number in range(100)]
    slow: Callable[[], AbstractAsyncContextManager[None]]
    slow = partial(silent, server.port) if beginning is None else partial(begun, server.port, trusting(ca), beginning)
    async with AsyncExitStack() as crowd, client(server, trusting(ca), 8) as api_server:
        assert (await api_server.ask(review(known))).allowed
        arriving = asyncio.gather(*(crowd.enter_async_context(slow()) for _ in range(LORIS)), return_exceptions=True)
        answers = await api_server.ask_all([review(known)] * 1000 + [review(image) for image in new])
        arrived = await arriving
        answers += await api_server.ask_all([review(known)] * 1000)
        assert not_admitted(answers) == []
        assert sum(each is None for each in arrived) > LORIS / 2
        await until(lambda: server.metric("tidewaiter_connections") <= 8)
        assert not_admitted(await api_server.ask_all([review(known)] * 100)) == []
