"""HTTP/1.1 as bytes, so that a test can send what no client library would."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import msgspec

from tests.server.serving import PATIENCE, REVIEW, Running


class Response(msgspec.Struct, frozen=True):
    """Status, headers with lower-case names, and body."""

    status: int
    headers: dict[str, str]
    body: bytes


class Wire:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int, tls: ssl.SSLContext | None) -> Self:
        name = "localhost" if tls else None
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def stop_reading(self) -> None:
        self.writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def response(self) -> Response:
        async with asyncio.timeout(PATIENCE):
            head = await self._reader.readuntil(b"\r\n\r\n")
            lines = head.decode().split("\r\n")[:-2]
            pairs = (line.partition(":") for line in lines[1:])
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Response(int(lines[0].split(" ")[1]), headers, body)

    async def ask(self, data: bytes) -> Response:
        self.send(data)
        return await self.response()

    async def rest(self) -> bytes:
        """What comes until the server closes the connection."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            return


@asynccontextmanager
async def connected(running: Running, tls: ssl.SSLContext | None = None) -> AsyncIterator[Wire]:
    """A connection to the admission port."""
    wire = await Wire.open(running.port, tls or running.pki.client())
    try:
        yield wire
    finally:
        await wire.close()


async def get(running: Running, path: str, method: str = "GET") -> Response:
    """Ask the health port, on a connection of its own."""
    wire = await Wire.open(running.health_port, None)
    try:
        return await wire.ask(f"{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    finally:
        await wire.close()


def post(body: bytes = REVIEW, path: str = "/validate?timeout=10s", method: str = "POST", **headers: str) -> bytes:
    """A request with its length; a header named like `Content_Type` replaces or adds one, an empty one is left out."""
    fields = {"Host": "test", "Content-Type": "application/json", "Content-Length": str(len(body))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
