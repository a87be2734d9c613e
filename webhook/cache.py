"""Values that were dear to get, kept for a time that each value decides, with one computation at a time for a key."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable
from math import inf
from typing import Generic, Protocol, TypeVar

import msgspec
from cachetools import TLRUCache

from webhook.errors import TooManyVerificationsError, VerificationTimedOutError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FLIGHT_SECONDS = 60.0
"""How long one computation may take, whoever still waits for it."""

MAX_FLIGHTS = 4096
"""How many computations are under way at once, nearly all of them waiting for their turn at some KiB each; more means
that somebody names new images faster than they can be looked up."""

MAX_FLIGHTS_OF_ONE = 512
"""How many of them one owner may have begun."""

RENEWED_SECONDS = 60.0
"""What is kept so long or longer is renewed ahead of its end; what is not was meant to be looked at again."""

AHEAD = 0.1
"""The part of its life, the last one, in which a value that is asked for is renewed."""


class Kept(msgspec.Struct, Generic[V], gc=False):
    """A value, when it ends, and when it is due to be renewed. Nothing that it holds leads back to it."""

    value: V
    expires: float
    due: float


class Counts(msgspec.Struct, gc=False):
    """How often a cache knew the value, waited for a computation under way, began one, and renewed a value."""

    hits: int = 0
    joined: int = 0
    misses: int = 0
    renewed: int = 0


class Counted(Protocol):
    """What there is to see of a cache, whatever it holds."""

    @property
    def counts(self) -> Counts:
        """What it was asked for, since it is there."""
        ...

    @property
    def size(self) -> int:
        """How many values it holds, those that have ended and were not cleared yet among them."""
        ...


class Cache(Generic[K, V]):
    """A bounded cache with single-flight.

    A computation belongs to nobody's request: whoever waits may stop waiting, and it goes on for `flight_seconds`, so
    that a retry finds its result. What it raises reaches those who wait and is never kept. `owner` is on whose account
    it is begun: each may have begun some, so that nobody takes all there is room for.
    """

    def __init__(
        self,
        *,
        maxsize: int,
        lifetime: Callable[[V], float],
        clock: Callable[[], float],
        flight_seconds: float = FLIGHT_SECONDS,
        max_flights: int = MAX_FLIGHTS,
        max_flights_of_one: int = MAX_FLIGHTS_OF_ONE,
    ) -> None:
        def expires(_key: K, kept: Kept[V], _now: float) -> float:
            return kept.expires

        self.counts = Counts()
        self._values: TLRUCache[K, Kept[V]] = TLRUCache(maxsize=maxsize, ttu=expires, timer=clock)
        self._lifetime = lifetime
        self._clock = clock
        self._flights: dict[K, asyncio.Task[V]] = {}
        self._begun: Counter[str] = Counter()
        self._flight_seconds = flight_seconds
        self._max_flights = max_flights
        self._max_flights_of_one = max_flights_of_one

    @property
    def size(self) -> int:
        """How many values it holds, those that have ended and were not cleared yet among them."""
        return int(self._values.currsize)

    def peek(self, key: K) -> V | None:
        """The value if it is there and alive."""
        kept = self.find(key)
        return None if kept is None else kept.value

    def find(self, key: K) -> Kept[V] | None:
        """The value with its times, if it is there and alive."""
        try:
            kept = self._values[key]  # half the cost of its `get`, which looks twice
        except KeyError:
            return None
        self.counts.hits += 1
        return kept

    async def get(self, key: K, compute: Callable[[], Awaitable[V]], wait: float, owner: str = "") -> V:
        """The value, computed if need be; waits for it `wait` seconds at most.

        Raises `VerificationTimedOutError` when that time is over, `TooManyVerificationsError` when too many
        run already, and whatever `compute` raises.
        """
        value = self.peek(key)
        if value is not None:
            return value
        end = asyncio.get_running_loop().time() + wait
        flight = self._flights.get(key)
        if flight is not None:
            self.counts.joined += 1
            try:
                return await _landed(flight, end)
            except (VerificationTimedOutError, TooManyVerificationsError):
                if not flight.done():
                    raise
            # It ended for want of time or room of whoever began it, which says nothing about whoever joined.
        return await _landed(self._flights.get(key) or self._miss(key, compute, owner), end)

    def renew(self, key: K, kept: Kept[V], compute: Callable[[], Awaitable[V]]) -> None:
        """Compute a value anew, in the background and once in its life; if that fails, it is kept to its end.

        Where there is no room to begin, the value stays due.
        """
        try:
            self._start(key, compute, "")
        except TooManyVerificationsError:
            return
        kept.due = inf
        self.counts.renewed += 1

    def _miss(self, key: K, compute: Callable[[], Awaitable[V]], owner: str) -> asyncio.Task[V]:
        flight = self._start(key, compute, owner)
        self.counts.misses += 1
        return flight

    def _start(self, key: K, compute: Callable[[], Awaitable[V]], owner: str) -> asyncio.Task[V]:
        if len(self._flights) >= self._max_flights:
            raise TooManyVerificationsError(f"{self._max_flights} verifications are under way already")
        if self._begun[owner] >= self._max_flights_of_one:
            raise TooManyVerificationsError(f"{self._max_flights_of_one} verifications are under way for it already")
        flight = asyncio.create_task(self._fly(key, compute))
        self._flights[key] = flight
        self._begun[owner] += 1
        flight.add_done_callback(lambda done: self._land(key, done, owner))
        return flight

    async def _fly(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        try:
            async with asyncio.timeout(self._flight_seconds):
                value = await compute()
        except TimeoutError as error:
            raise VerificationTimedOutError(f"no answer within {self._flight_seconds:g} s") from error
        except (Exception, asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic in native code, which nobody who waits would catch
            raise RuntimeError(f"native code failed ({type(error).__name__})") from error
        lifetime = self._lifetime(value)
        if lifetime > 0:
            expires = self._clock() + lifetime
            self._values[key] = Kept(value, expires, expires - AHEAD * lifetime if lifetime >= RENEWED_SECONDS else inf)
        return value

    def _land(self, key: K, flight: asyncio.Task[V], owner: str) -> None:
        self._flights.pop(key, None)
        self._begun[owner] -= 1
        if not self._begun[owner]:
            del self._begun[owner]
        if not flight.cancelled():
            flight.exception()  # whoever waited has seen it; nobody waiting is no fault

    async def close(self) -> None:
        """End what still runs."""
        flights = tuple(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)


async def _landed(flight: asyncio.Task[V], end: float) -> V:
    """What a computation brings, if it does by `end` in the event loop's time. It goes on in any case."""
    done, _ = await asyncio.wait({flight}, timeout=max(end - asyncio.get_running_loop().time(), 0.0))
    if not done:
        raise VerificationTimedOutError("still verifying")
    return flight.result()
