"""Connections and their ceilings, which aiohttp leaves to us: how many, from whom, and how slowly a request may begin.

A body that trickles is the handler's affair; here are the connections that never finish a request's head. They are
found by a sweep over all connections, since a timer for each request would cost more than the rest of its bookkeeping.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from webhook.server import answers
from webhook.server.bodies import Peer
from webhook.server.settings import Limits

_log = logging.getLogger(__name__)

SWEEPS_PER_HEAD = 8
"""A head is late after `head_seconds`, seen by the next sweep and cut by the one after: within 5/4 of the limit."""

BAD_REQUEST = "the request is not valid HTTP/1.1"
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Permission = Callable[[asyncio.BaseTransport], bool]
"""Whether the client at the other end is one that may ask; asked once for each connection."""

Refused = Callable[[int], None]
"""Told the status of a request that was refused before it reached the handler."""

Failed = Callable[[str], None]
"""Told how a connection ended that was not made: `error`, `timeout`, or `dropped` in favour of others."""


class Connection(web.RequestHandler):
    """One client connection. The handler sets `busy` while it has a request of it, and clears `heard`.

    `heard` is when the first bytes of a request that has not reached the handler came in; 0 when there are none.
    `arrival` is what lets it in, until it has come in: the handshake of TLS, or the wait for it.
    """

    __slots__ = ("arrival", "busy", "gone", "heard", "late", "listener", "peer", "permitted")

    def __init__(self, listener: "Listener", peer: Peer, **options: Any) -> None:
        super().__init__(listener, **options)
        self.arrival: asyncio.Task[None] | None = None
        self.listener = listener
        self.busy = False
        self.gone = False
        self.heard = 0.0
        self.late = False
        self.peer = peer
        self.permitted = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way on it, and it is not being closed already."""
        return not self.busy and not self.heard and self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take part."""
        self.arrival = None
        self.permitted = self.listener.permission(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave."""
        self.leave()
        super().connection_lost(exc)

    def leave(self) -> None:
        """Count no more, if it has not left before."""
        if not self.gone:
            self.gone = True
            self.listener.depart(self)

    def data_received(self, data: bytes) -> None:
        """Note when a request begins."""
        if not self.busy and not self.heard and data:
            self.heard = self._loop.time()
        super().data_received(data)

    def sweep(self, latest: float) -> None:
        """Cut the connection if what it has sent since before `latest` is still no request.

        It takes two sweeps: between them the loop came round, so that a request which was complete has been started,
        however long the loop stood still before.
        """
        if self.busy or self.transport is None or not 0 < self.heard < latest:
            self.late = False
        elif not self.late:
            self.late = True
        else:
            self.listener.refused(408)
            self.transport.write(TOO_SLOW)
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """A plain answer that repeats nothing of the request, and no traceback in the log for what a client did."""
        if status >= 500:
            _log.error("a request could not be handled", exc_info=exc)
        self.listener.refused(status)
        response = answers.text(status, BAD_REQUEST if status < 500 else "internal error")
        response.force_close()
        return response


class Listener(web.Server):
    """Makes a `Connection` of each that is accepted, and keeps count of them by address."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        limits: Limits,
        refused: Refused,
        permission: Permission = lambda _transport: True,
        failed: Failed = lambda _reason: None,
    ) -> None:
        super().__init__(
            handler,
            access_log=None,
            logger=_log,
            auto_decompress=False,
            keepalive_timeout=limits.idle_seconds,
            lingering_time=limits.linger_seconds,
            read_bufsize=64 * 1024,
        )
        self.permission = permission
        self.refused = refused
        self.failed = failed
        self._limits = limits
        self.empty = asyncio.Event()
        self.empty.set()
        self._peers: dict[str, Peer] = {}
        self._all: dict[Connection, None] = {}

    def arrive(self, address: str) -> Connection | None:
        """Count a connection that was accepted from an address; None where there are too many."""
        peer = self._peers.get(address)
        if peer is None:
            peer = self._peers[address] = Peer(self._limits.handshakes_per_peer)
        full = len(self._all) >= self._limits.connections
        if peer.connections >= self._limits.connections_per_peer or (full and not self._make_room()):
            self.refused(429)
            return None
        connection = Connection(self, peer, loop=self._loop, **self._kwargs)
        self._all[connection] = None
        peer.connections += 1
        self.empty.clear()
        return connection

    def _make_room(self) -> bool:
        """End a connection of the address that has most, so that nobody keeps the API server out by waiting.

        It is the oldest of those that are idle or have not come in.
        """
        greediest = max(self._peers.values(), key=lambda peer: peer.connections)
        of_greediest = (one for one in self._all if one.peer is greediest)
        connection = next((one for one in of_greediest if one.is_idle or one.arrival is not None), None)
        if connection is None:
            return False
        if not self.drop(connection):
            connection.force_close()
        return True

    def drop(self, connection: Connection) -> bool:
        """End a connection if it has not come in, and say whether that was so."""
        if connection.arrival is None:
            return False
        connection.arrival.cancel()
        connection.leave()
        self.failed("dropped")
        return True

    def depart(self, connection: Connection) -> None:
        """The end of a connection that was counted."""
        del self._all[connection]
        connection.peer.connections -= 1
        if not self._all:
            self.empty.set()

    def sweep(self) -> None:
        """Cut connections that are late with a request's head, and forget addresses that hold nothing."""
        latest = self._loop.time() - self._limits.head_seconds
        for connection in tuple(self._all):
            connection.sweep(latest)
        self._peers = {name: peer for name, peer in self._peers.items() if peer.connections or peer.held}

    def close_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for connection in tuple(self._all):
            if connection.is_idle:
                connection.force_close()

    @property
    def count(self) -> int:
        """How many connections there are, with those that have not come in."""
        return len(self._all)

    @property
    def addresses(self) -> int:
        """How many client addresses hold anything, as of the latest sweep."""
        return len(self._peers)

    @property
    def sweep_seconds(self) -> float:
        """How often to sweep."""
        return self._limits.head_seconds / SWEEPS_PER_HEAD
