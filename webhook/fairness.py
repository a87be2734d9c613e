"""Places for work of which only so much may run at once, given by turns: whoever asks for much waits, and nobody else.

Work belongs to a group, such as a namespace. Groups that wait are let in by turns, one after the other, however much
each of them waits for; within a group whoever came first is first.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from webhook.errors import TooManyVerificationsError

MAX_WAITING = 512
"""For one room: about what a registry that answers promptly gets through in a second. What waits takes some KiB."""


class _Ticket:
    """Work that waits, and the groups that it waits for. `admitted` is done once it has a place, or gets none."""

    def __init__(self, work: Hashable) -> None:
        self.work = work
        self.groups: list[str] = []
        self.admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class FairRoom:
    """Room for so many at once. Once `waiting` wait, whoever waits for most yields to whoever waits for less."""

    def __init__(self, places: int, waiting: int = MAX_WAITING) -> None:
        self._free = places
        self._max_waiting = waiting
        self._waiting: dict[Hashable, _Ticket] = {}
        self._queues: OrderedDict[str, deque[_Ticket]] = OrderedDict()
        """The tickets of each group that waits; the group whose turn is next comes first."""

    @asynccontextmanager
    async def place(self, group: str, work: Hashable) -> AsyncIterator[None]:
        """A place for the work of a group. No two may wait for the same work; see `join`.

        Raises `TooManyVerificationsError` where too much waits, at once or once it has to yield.
        """
        if self._free:
            self._free -= 1
        else:
            await self._wait(group, work)
        try:
            yield
        finally:
            self._pass_on()

    def join(self, group: str, work: Hashable) -> None:
        """If the work still waits, it waits for this group too: whichever's turn comes first lets it in."""
        ticket = self._waiting.get(work)
        if ticket is not None and group not in ticket.groups:
            self._enqueue(group, ticket)

    async def _wait(self, group: str, work: Hashable) -> None:
        if len(self._waiting) >= self._max_waiting:
            self._make_way(group)
        ticket = self._waiting[work] = _Ticket(work)
        self._enqueue(group, ticket)
        try:
            await ticket.admitted
        except asyncio.CancelledError:
            if ticket.admitted.cancelled():
                self._withdraw(ticket)
            elif ticket.admitted.exception() is None:  # let in, and ended before it could enter
                self._pass_on()
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

    def _pass_on(self) -> None:
        """Give a place to the first of the group whose turn it is."""
        if not self._queues:
            self._free += 1
            return
        group, queue = next(iter(self._queues.items()))
        ticket = queue[0]
        self._withdraw(ticket)
        if group in self._queues:
            self._queues.move_to_end(group)
        ticket.admitted.set_result(None)

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

    Within a compartment groups are let in by turns, and compartments are among one another.
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
            room = self._compartments[compartment] = FairRoom(self._of_one)
        async with room.place(group, work), self._whole.place(compartment, work):
            yield

    def join(self, compartment: str, group: str, work: Hashable) -> None:
        """If the work still waits in its compartment, it waits for this group too."""
        room = self._compartments.get(compartment)
        if room is not None:
            room.join(group, work)
