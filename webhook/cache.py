"""Values that were dear to get, kept for a time that each value decides, with one computation at a time for a key."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cachetools import TLRUCache

from webhook.errors import TooManyVerificationsError, VerificationTimedOutError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

FLIGHT_SECONDS = 60.0
"""How long one computation may take, whoever still waits for it."""

MAX_FLIGHTS = 1024
"""How many computations run at once; more means that somebody names new images faster than they can be looked at."""


class Cache(Generic[K, V]):
    """A bounded cache with single-flight.

    A computation belongs to nobody's request: whoever waits may stop waiting, and it goes on for `flight_seconds`, so
    that a retry finds its result. What it raises reaches those who wait and is never kept.
    """

    def __init__(
        self,
        *,
        maxsize: int,
        lifetime: Callable[[V], float],
        clock: Callable[[], float],
        flight_seconds: float = FLIGHT_SECONDS,
        max_flights: int = MAX_FLIGHTS,
    ) -> None:
        def expires(_key: K, value: V, now: float) -> float:
            return now + lifetime(value)

        self._values: TLRUCache[K, V] = TLRUCache(maxsize=maxsize, ttu=expires, timer=clock)
        self._flights: dict[K, asyncio.Task[V]] = {}
        self._flight_seconds = flight_seconds
        self._max_flights = max_flights

    def peek(self, key: K) -> V | None:
        """The value if it is there and alive."""
        try:
            return self._values[key]  # half the cost of its `get`, which looks twice
        except KeyError:
            return None

    async def get(self, key: K, compute: Callable[[], Awaitable[V]], wait: float) -> V:
        """The value, computed if need be; waits for it `wait` seconds at most.

        Raises `VerificationTimedOutError` when that time is over, `TooManyVerificationsError` when too many
        run already, and whatever `compute` raises.
        """
        value = self.peek(key)
        if value is not None:
            return value
        flight = self._flights.get(key) or self._start(key, compute)
        done, _ = await asyncio.wait({flight}, timeout=max(wait, 0.0))
        if not done:
            raise VerificationTimedOutError("still verifying")
        return flight.result()

    def _start(self, key: K, compute: Callable[[], Awaitable[V]]) -> asyncio.Task[V]:
        if len(self._flights) >= self._max_flights:
            raise TooManyVerificationsError(f"{self._max_flights} verifications are under way already")
        flight = asyncio.create_task(self._fly(key, compute))
        self._flights[key] = flight
        flight.add_done_callback(lambda done: self._land(key, done))
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
        self._values[key] = value
        return value

    def _land(self, key: K, flight: asyncio.Task[V]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # whoever waited has seen it; nobody waiting is no fault

    async def close(self) -> None:
        """End what still runs."""
        flights = tuple(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
