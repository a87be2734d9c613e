"""What reviews under way may take together: the memory of their bodies, and their number.

A body is charged for its declared size before any of it is read, so that no two readers can wait for each other's rest.
No single address gets more than half of either, so that a pod that declares large bodies and dawdles, or names images
whose registries never answer, leaves the other half to the API server.
"""

import asyncio
from typing import NamedTuple

OVERHEAD = 16 * 1024
"""Charged for each request whatever its size: what decoding it and judging it take."""


class Peer:
    """What one client address holds: connections, and reviews under way with the bytes of their bodies.

    `handshakes` has a place for each TLS handshake that the address may have under way.
    """

    __slots__ = ("connections", "handshakes", "held", "reviews")

    def __init__(self, handshakes: int = 1) -> None:
        self.connections = 0
        self.handshakes = asyncio.Semaphore(handshakes)
        self.held = 0
        self.reviews = 0


class _Waiter(NamedTuple):
    """A body that there was no room for. The room is charged when `granted` has a result."""

    granted: asyncio.Future[None]
    peer: Peer
    charge: int


class Bodies:
    """The account of reviews under way. `bound` is in bytes, `reviews` is how many, `waiting` how many may queue."""

    def __init__(self, bound: int, reviews: int, waiting: int) -> None:
        self._bound = bound
        self._share = bound // 2
        self._max_reviews = reviews
        self._review_share = reviews // 2
        self._max_waiters = waiting
        self._waiters: list[_Waiter] = []
        self.held = 0
        self.reviews = 0

    @property
    def waiting(self) -> int:
        """How many queue for room."""
        return len(self._waiters)

    def take(self, peer: Peer, charge: int) -> bool:
        """Charge a body to the account, if there is room for it."""
        if (
            self.held + charge > self._bound
            or peer.held + charge > self._share
            or self.reviews >= self._max_reviews
            or peer.reviews >= self._review_share
        ):
            return False
        self.held += charge
        peer.held += charge
        self.reviews += 1
        peer.reviews += 1
        return True

    def give(self, peer: Peer, charge: int) -> None:
        """End of a review whose body was charged."""
        self.held -= charge
        peer.held -= charge
        self.reviews -= 1
        peer.reviews -= 1
        if self._waiters:
            self._grant()

    async def wait(self, peer: Peer, charge: int, seconds: float) -> bool:
        """Charge a body as soon as there is room for it, and say whether there was within so many seconds.

        An address may fill half of the queue.
        """
        from_peer = sum(waiter.peer is peer for waiter in self._waiters)
        if len(self._waiters) >= self._max_waiters or from_peer >= (self._max_waiters + 1) // 2:
            return False
        waiter = _Waiter(asyncio.get_running_loop().create_future(), peer, charge)
        self._waiters.append(waiter)
        try:
            await asyncio.wait((waiter.granted,), timeout=seconds)
        except asyncio.CancelledError:
            if waiter.granted.done():
                self.give(peer, charge)
            raise
        finally:
            if not waiter.granted.done():
                self._waiters.remove(waiter)
        return waiter.granted.done()

    def _grant(self) -> None:
        """Charge those who wait and for whom there is room now, first come first served."""
        for waiter in tuple(self._waiters):
            if self.take(waiter.peer, waiter.charge):
                self._waiters.remove(waiter)
                waiter.granted.set_result(None)
