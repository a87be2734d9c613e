"""Places for work of which only so much may run at once, given by turns: whoever asks for much waits, and nobody else.

Work belongs to a group, such as a namespace. Groups that wait are let in by turns, one after the other, however much
each of them waits for; within a group whoever came first is first.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from webhook.errors import TooManyVerificationsError

MAX_WAITING = 512
"""For one room: about what a registry that answers promptly gets through in a second. What waits takes some KiB."""


class _Ticket:
    """Work that waits, and the groups that it waits for. `admitted` is whose place it got, or why it got none."""

    def __init__(self, work: Hashable) -> None:
        self.work = work
        self.groups: list[str] = []
        self.admitted: asyncio.Future[str] = asyncio.get_running_loop().create_future()


class FairRoom:
    """Room for so many at once, and for `of_one` of one group, so that a group that is stuck leaves some to others.

    Once `waiting` wait, whoever waits for most yields to whoever waits for less.
    """

    def __init__(self, places: int, waiting: int = MAX_WAITING, of_one: int | None = None) -> None:
        self._free = places
        self._of_one = places if of_one is None else of_one
        self._max_waiting = waiting
        self._held: Counter[str] = Counter()
        self._waiting: dict[Hashable, _Ticket] = {}
        self._queues: OrderedDict[str, deque[_Ticket]] = OrderedDict()
        """The tickets of each group that waits; the group whose turn is next comes first."""

    @asynccontextmanager
    async def place(self, group: str, work: Hashable) -> AsyncIterator[None]:
        """A place for the work of a group. No two may wait for the same work; see `join`.

        Raises `TooManyVerificationsError` where too much waits, at once or once it has to yield.
        """
        if self._free and self._held[group] < self._of_one:
            self._free -= 1
            self._held[group] += 1
        else:
            group = await self._wait(group, work)
        try:
            yield
        finally:
            self._release(group)

    def join(self, group: str, work: Hashable) -> None:
        """If the work still waits, it waits for this group too: whichever's turn comes first lets it in."""
        ticket = self._waiting.get(work)
        if ticket is not None and group not in ticket.groups:
            self._enqueue(group, ticket)

    async def _wait(self, group: str, work: Hashable) -> str:
        """Wait for a place; the group that it was given to."""
        if len(self._waiting) >= self._max_waiting:
            self._make_way(group)
        ticket = self._waiting[work] = _Ticket(work)
        self._enqueue(group, ticket)
        try:
            return await ticket.admitted
        except asyncio.CancelledError:
            if ticket.admitted.cancelled():
                self._withdraw(ticket)
            elif ticket.admitted.exception() is None:  # let in, and ended before it could enter
                self._release(ticket.admitted.result())
            raise

    def _make_way(self, group: str) -> None:
        """Send away the last of the longest queue, unless the group's own would then be as long."""
        longest = max(self._queues, key=lambda each: len(self._queues[each]))
        own = len(self._queues.get(group, ()))
        if len(self._queues[longest]) <= own + 1:
            raise self._full()
        last = self._queues[longest][-1]
        self._withdraw(last)
        last.admitted.set_exception(self._full())

    def _full(self) -> TooManyVerificationsError:
        return TooManyVerificationsError(f"{self._max_waiting} verifications wait already")

    def _release(self, group: str) -> None:
        """Take a group's place back, and give it to the first of the group whose turn it is."""
        self._free += 1
        self._held[group] -= 1
        if not self._held[group]:
            del self._held[group]
        following = next((each for each in self._queues if self._held[each] < self._of_one), None)
        if following is None:
            return
        ticket = self._queues[following][0]
        self._withdraw(ticket)
        if following in self._queues:
            self._queues.move_to_end(following)
        self._free -= 1
        self._held[following] += 1
        ticket.admitted.set_result(following)

    def _enqueue(self, group: str, ticket: _Ticket) -> None:
        ticket.groups.append(group)
        self._queues.setdefault(group, deque()).append(ticket)

    def _withdraw(self, ticket: _Ticket) -> None:
        del self._waiting[ticket.work]
        for group in ticket.groups:
            queue = self._queues[group]
            queue.remove(ticket)
            if not queue:
                del self._queues[group]


class Bulkhead:
    """Room for so many at once in all, of which one compartment takes only some: if it is stuck, the others are not.

    Of a compartment one group takes half at most. Within a compartment groups are let in by turns, and compartments are
    among one another.
    """

    def __init__(self, places: int, of_one: int) -> None:
        self._whole = FairRoom(places)
        self._of_one = of_one
        self._compartments: WeakValueDictionary[str, FairRoom] = WeakValueDictionary()

    @asynccontextmanager
    async def place(self, compartment: str, group: str, work: Hashable) -> AsyncIterator[None]:
        """A place in a compartment for the work of a group. Raises as `FairRoom.place` does."""
        room = self._compartments.get(compartment)
        if room is None:
            room = self._compartments[compartment] = FairRoom(self._of_one, of_one=max(1, self._of_one // 2))
        async with room.place(group, work), self._whole.place(compartment, work):
            yield

    def join(self, compartment: str, group: str, work: Hashable) -> None:
        """If the work still waits in its compartment, it waits for this group too."""
        room = self._compartments.get(compartment)
        if room is not None:
            room.join(group, work)
