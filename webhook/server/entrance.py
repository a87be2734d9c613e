"""Where connections come in: each is counted from its first moment, and TLS is begun with so many at once.

An event loop's own server gives each connection that it accepts the state of a TLS handshake, 50 KiB, and tells nobody
before the handshake is done: 8,000 connections that never said a word took 400 MiB. Here such a connection is a socket
in a row, behind those of its own address.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Sequence
from contextlib import ExitStack
from errno import EADDRNOTAVAIL, EAFNOSUPPORT
from typing import Any

from webhook.errors import ConfigurationError
from webhook.server.connection import Connection, Listener
from webhook.server.settings import Limits

_log = logging.getLogger(__name__)

BACKLOG = 1024
ACCEPTED_PER_TURN = 64
"""Connections that are taken before the event loop sees to anything else."""

PAUSE_SECONDS = 0.5
"""Without a free file descriptor, `accept` fails at once and the socket stays readable."""


class Entrance:
    """The listening sockets of one address, and the handshakes under way behind them. With `tls` None it has none."""

    def __init__(self, listener: Listener, limits: Limits, tls: ssl.SSLContext | None = None) -> None:
        self._listener = listener
        self._limits = limits
        patience = limits.handshake_seconds
        self._tls: dict[str, Any] = (
            {} if tls is None else {"ssl": tls, "ssl_handshake_timeout": patience, "ssl_shutdown_timeout": patience}
        )
        self.sockets: tuple[socket.socket, ...] = ()
        self._shaking: dict[Connection, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, host: str, port: int) -> None:
        """Listen. An empty host means all interfaces. Raises `ConfigurationError` where the address cannot be had."""
        try:
            self.listen(await _listening(host, port))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
            raise ConfigurationError(f"cannot listen on {host}:{port}: {reason or error}") from error

    def listen(self, sockets: Sequence[socket.socket]) -> None:
        """Listen on sockets that are bound, and do not block; closes them in the end."""
        self.sockets = tuple(sockets)
        for each in self.sockets:
            self._watch(each)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: host and port of the first socket."""
        host, port = self.sockets[0].getsockname()[:2]
        return host, port

    @property
    def shaking(self) -> int:
        """How many TLS handshakes are under way."""
        return len(self._shaking)

    def close(self) -> None:
        """Take no more connections; those that were accepted go on."""
        loop = asyncio.get_running_loop()
        for each in self.sockets:
            loop.remove_reader(each)
            each.close()
        self.sockets = ()

    async def end(self) -> None:
        """Drop connections that have not come in."""
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _watch(self, listening: socket.socket) -> None:
        if listening in self.sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED_PER_TURN):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(listening, error)
                return
            connection = self._listener.arrive(str(address[0]))
            if connection is None:
                accepted.close()
                continue
            accepted.settimeout(0)
            self._admit(connection, accepted)

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        _log.error("connections cannot be accepted: %s", error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening)
        loop.call_later(PAUSE_SECONDS, self._watch, listening)

    def _admit(self, connection: Connection, accepted: socket.socket) -> None:
        task = asyncio.get_running_loop().create_task(self._let_in(connection, accepted))
        connection.arrival = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _let_in(self, connection: Connection, accepted: socket.socket) -> None:
        """Have a connection made, unless it takes too long or its handshake fails."""
        try:
            async with asyncio.timeout(self._limits.handshake_seconds):
                if self._tls:
                    await self._shake_hands(connection, accepted)
                else:
                    await _connect(connection, accepted)
        except TimeoutError:
            self._listener.failed("timeout")
        except OSError:  # of the network or of TLS; a client that goes away is no fault
            self._listener.failed("error")
        finally:
            if connection.arrival is not None:
                connection.leave()

    async def _shake_hands(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            await connection.peer.handshakes.acquire()
        except asyncio.CancelledError:
            accepted.close()
            raise
        try:
            if len(self._shaking) >= self._limits.handshakes:
                self._make_room()
            self._shaking[connection] = None
            await _connect(connection, accepted, **self._tls)
        finally:
            self._shaking.pop(connection, None)
            connection.peer.handshakes.release()

    def _make_room(self) -> None:
        """Drop the oldest handshake of the address that has most."""
        counts: dict[int, int] = {}
        for connection in self._shaking:
            counts[id(connection.peer)] = counts.get(id(connection.peer), 0) + 1
        most = max(counts.values())
        oldest = next(each for each in self._shaking if counts[id(each.peer)] == most)
        del self._shaking[oldest]
        self._listener.drop(oldest)


async def _connect(connection: Connection, accepted: socket.socket, **tls: Any) -> None:
    """Hand a socket over to the event loop, which closes it in any case."""
    await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, accepted, **tls)


async def _listening(host: str, port: int) -> list[socket.socket]:
    """Sockets for all addresses of a host, in every family that the machine has. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    with ExitStack() as stack:
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            try:
                each = stack.enter_context(socket.create_server(address, family=family, backlog=BACKLOG))
            except OSError as error:
                if error.errno not in {EADDRNOTAVAIL, EAFNOSUPPORT}:
                    raise
                absent = error
            else:
                each.settimeout(0)
                sockets.append(each)
        stack.pop_all()
    if absent is not None and not sockets:
        raise absent
    return sockets
