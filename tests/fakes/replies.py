"""Handlers for `FakeRegistry.replies`: how registries misbehave. What waits, waits for events and never for time."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress

from aiohttp import web

from webhook.cli.demo.registry import Handler


def answering(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Handler:
    """A handler that always answers this."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return answer


def redirecting(location: str, status: int = 307) -> Handler:
    """A handler that sends its caller elsewhere."""
    return answering(status, headers={"Location": location})


def endless(headers: Mapping[str, str] | None = None, status: int = 200) -> Handler:
    """A handler whose body never ends, as fast as it is taken."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=headers)
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b" " * 65536)
        return response

    return answer


def streaming(body: bytes) -> Handler:
    """A handler that sends its body in small pieces, as fast as they are taken, and keeps none of them."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(body)
        await response.prepare(request)
        for start in range(0, len(body), 65536):
            await response.write(body[start : start + 65536])
        return response

    return answer


def after(event: asyncio.Event, handler: Handler) -> Handler:
    """A handler that answers nothing before the event is set."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await event.wait()
        return await handler(request)

    return answer


def stalling(until: asyncio.Event, body: bytes = b" ", headers: Mapping[str, str] | None = None) -> Handler:
    """A handler that sends the first byte of its body and the rest when the event is set."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await response.write(body[:1])
        await until.wait()
        await response.write(body[1:])
        return response

    return answer


def raw(content: bytes) -> Handler:
    """A handler that writes these bytes in place of an HTTP answer and hangs up."""

    async def answer(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:
            transport.write(content)
            transport.close()
        return web.Response()

    return answer


def resetting() -> Handler:
    """A handler that resets the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport is not None:
            linger = struct.pack("ii", 1, 0)  # on, and for no time: what is closed then is reset
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        return web.Response()

    return answer


def in_turn(*handlers: Handler) -> Handler:
    """Handlers that answer one after the other, the last of them for ever."""
    waiting = list(handlers)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (waiting.pop(0) if len(waiting) > 1 else waiting[0])(request)

    return answer
