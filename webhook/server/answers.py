"""Answers: that to a review, written in one piece, and a line of text for everything else.

`aiohttp.web.Response` builds a multidict of headers and serialises it for each answer, a quarter of the time that a
bare echo of a review takes; the head of this answer never changes but for its length and date.
"""

import asyncio
import time
from collections.abc import Mapping
from email.utils import formatdate

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter

SERVER = "tidewaiter"


def text(status: int, line: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer with one line of plain text."""
    return web.Response(status=status, text=f"{line}\n", headers={hdrs.SERVER: SERVER, **(headers or {})})


class Heads:
    """Makes heads of 200 answers; the date in them (RFC 9110, 6.6.1) is renewed once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._fixed = b""

    def head(self, length: int, *, keep: bool) -> bytes:
        """Status line and headers of an answer of so many bytes."""
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._fixed = (
                f"HTTP/1.1 200 OK\r\nDate: {formatdate(now, usegmt=True)}\r\nContent-Type: application/json\r\n"
                f"Server: {SERVER}\r\n"
            ).encode()
        return b"%bContent-Length: %d\r\n%b\r\n" % (self._fixed, length, b"" if keep else b"Connection: close\r\n")


class JsonAnswer(web.StreamResponse):
    """200 with a JSON body.

    `close` ends the connection after it; `patience` is how many seconds the client may leave it unread.
    """

    def __init__(self, heads: Heads, body: bytes, *, close: bool, patience: float) -> None:
        super().__init__()
        self._heads = heads
        self._bytes = body
        self._close = close
        self._patience = patience

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write all of it. Raises `ConnectionResetError` where nobody is there to read it, as aiohttp expects."""
        keep = not self._close and request.keep_alive and request.version >= HttpVersion11
        self._keep_alive = keep
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError
        transport.write(self._heads.head(len(self._bytes), keep=keep) + self._bytes)
        if request.protocol.writing_paused:
            await self._drain(request, transport)
        return None

    async def _drain(self, request: web.BaseRequest, transport: asyncio.Transport) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await request.writer.drain()
        except TimeoutError:
            transport.abort()
            raise ConnectionResetError from None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to write."""
