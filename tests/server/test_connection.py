import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import pytest
from aiohttp import web

from tests.server.wire import Wire
from webhook.server.answers import text
from webhook.server.connection import Listener
from webhook.server.entrance import Entrance
from webhook.server.settings import Limits


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[Wire]:
    entrance = Entrance(listener, Limits())
    await entrance.open("127.0.0.1", 0)
    wire = await Wire.open(entrance.address[1], None)
    yield wire
    await wire.close()
    entrance.close()
    await entrance.end()
    await listener.shutdown(0.1)


async def test_a_defect_of_the_handler_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(_request: web.BaseRequest) -> NoReturn:
        raise KeyError("secret")

    refused: list[int] = []
    with caplog.at_level(logging.ERROR):
        async with listening(Listener(handle, Limits(), refused.append)) as wire:
            response = await wire.ask(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
    assert (response.status, response.body, refused) == (500, b"internal error\n", [500])
    assert response.headers["connection"] == "close"
    assert [record.message for record in caplog.records] == ["a request could not be handled"]


async def test_a_sweep_needs_to_see_a_late_head_twice() -> None:
    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        return text(200, "ok")

    refused: list[int] = []
    listener = Listener(handle, Limits(head_seconds=0.001), refused.append)
    async with listening(listener) as wire:
        wire.send(b"GET / HTTP/1.1\r\nHo")
        await asyncio.sleep(0.05)
        listener.sweep()
        assert refused == []
        listener.sweep()
        assert refused == [408]
        listener.sweep()
        assert refused == [408]
        assert await wire.rest() == b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def test_addresses_that_hold_nothing_are_forgotten() -> None:
    async def handle(_request: web.BaseRequest) -> web.StreamResponse:
        return text(200, "ok")

    listener = Listener(handle, Limits(), lambda _status: None)
    async with listening(listener) as wire:
        await wire.ask(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        listener.sweep()
        assert listener.addresses == 1
        await wire.close()
        await listener.empty.wait()
        listener.sweep()
        assert listener.addresses == 0
