"""An HTTP proxy on loopback that connects to fake registries, whatever their names are.

async with FakeProxy({"registry.example.com": registry}) as proxy:
    settings = RegistrySettings(proxy=Proxy(URL(proxy.url)))
    ...
    assert proxy.asked == ["CONNECT registry.example.com:443"]
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

from tests.fakes.registry import FakeRegistry


class FakeProxy:
    """`status` is what CONNECT is answered with; requests in plain http are answered with 404 and go nowhere."""

    def __init__(self, targets: Mapping[str, FakeRegistry], status: int = 200) -> None:
        self.asked: list[str] = []
        self.fields: list[list[str]] = []
        self._targets = targets
        self._status = status
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        self._server.close()
        await self._server.wait_closed()
        await asyncio.gather(*self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, target, _ = line.split(" ")
        self.asked.append(f"{method} {target}")
        self.fields.append(fields)
        status = self._status if method == "CONNECT" else 404
        writer.write(f"HTTP/1.1 {status} told\r\n".encode())
        if status == 200:
            writer.write(b"\r\n")
            there = await asyncio.open_connection("127.0.0.1", self._targets[target.rpartition(":")[0]].port)
            await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))
        else:
            writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            await _close(writer)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
