"""The memory that request bodies in flight may take together.

A body is charged for its declared size before any of it is read, so that no two readers can wait for each other's rest.
No single address gets more than half, so that a pod that declares large bodies and dawdles leaves the other half to the
API server.
"""

import asyncio

OVERHEAD = 16 * 1024
"""Charged for each request whatever its size: what decoding it and judging it take. It bounds their number too."""


class Peer:
    """What one client address holds: open connections, and bytes of bodies in flight."""

    __slots__ = ("connections", "held")

    def __init__(self) -> None:
        self.connections = 0
        self.held = 0


class Bodies:
    """The account of bodies in flight. `bound` is in bytes, `waiting` is how many may queue for room."""

    def __init__(self, bound: int, waiting: int) -> None:
        self._bound = bound
        self._share = bound // 2
        self._max_waiters = waiting
        self._waiters: list[asyncio.Future[None]] = []
        self.held = 0

    def take(self, peer: Peer, charge: int) -> bool:
        """Charge a body to the account, if there is room for it."""
        if self.held + charge > self._bound or peer.held + charge > self._share:
            return False
        self.held += charge
        peer.held += charge
        return True

    def give(self, peer: Peer, charge: int) -> None:
        """End of a body that was charged."""
        self.held -= charge
        peer.held -= charge
        if self._waiters:
            self._wake()

    async def wait(self, peer: Peer, charge: int, seconds: float) -> bool:
        """Charge a body as soon as there is room for it, and say whether there was within so many seconds."""
        if len(self._waiters) >= self._max_waiters:
            return False
        try:
            async with asyncio.timeout(seconds):
                while not self.take(peer, charge):
                    await self._next_end()
        except TimeoutError:
            return False
        return True

    async def _next_end(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
