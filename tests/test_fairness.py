import asyncio
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.errors import TooManyVerificationsError
from webhook.fairness import Bulkhead, FairRoom

PLACES = 2


async def settle() -> None:
    """Everything that can go on has gone on: nothing here waits for more than a few turns of the event loop."""
    for _ in range(20):
        await asyncio.sleep(0)


class Crowd:
    """Work that enters a room, stays until it is told to leave, and is watched."""

    def __init__(self, room: FairRoom) -> None:
        self.room = room
        self.entered: list[str] = []
        self.refused: list[str] = []
        self.groups: dict[str, str] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._leave: dict[str, asyncio.Event] = {}

    def send(self, group: str, name: str) -> None:
        self.groups[name] = group
        self._leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._work(group, name))

    async def come(self, group: str, name: str) -> None:
        self.send(group, name)
        await settle()

    async def leave(self, name: str) -> None:
        self._leave[name].set()
        await settle()

    async def give_up(self, name: str) -> None:
        self.tasks[name].cancel()
        await settle()

    @property
    def inside(self) -> list[str]:
        return [name for name in self.entered if not self.tasks[name].done()]

    @property
    def waiting(self) -> list[str]:
        return [name for name, task in self.tasks.items() if not task.done() and name not in self.entered]

    async def go(self) -> None:
        """Everybody leaves as soon as they were in; nothing waits for ever."""
        for event in self._leave.values():
            event.set()
        await asyncio.wait_for(asyncio.gather(*self.tasks.values(), return_exceptions=True), 5.0)

    async def _work(self, group: str, name: str) -> None:
        try:
            async with self.room.place(group, name):
                self.entered.append(name)
                await self._leave[name].wait()
        except TooManyVerificationsError:
            self.refused.append(name)


async def crowd(room: FairRoom, names: Iterable[str]) -> Crowd:
    """Those named enter in order; the group of each is the first letter of its name."""
    people = Crowd(room)
    for name in names:
        await people.come(name[0], name)
    return people


async def test_there_is_room_for_so_many_at_once() -> None:
    people = await crowd(FairRoom(PLACES), ["a1", "a2", "a3", "a4"])
    assert people.entered == ["a1", "a2"]
    await people.leave("a2")
    assert people.entered == ["a1", "a2", "a3"]
    await people.go()
    assert people.entered == ["a1", "a2", "a3", "a4"]


async def test_groups_are_let_in_by_turns_however_much_each_waits_for() -> None:
    people = await crowd(FairRoom(1), ["a1", "a2", "a3", "a4", "b1", "b2", "c1"])
    await people.go()
    assert people.entered == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_whoever_comes_back_is_behind_those_who_waited() -> None:
    people = await crowd(FairRoom(1), ["a1", "a2", "b1"])
    await people.leave("a1")
    await people.come("a", "a3")
    await people.go()
    assert people.entered == ["a1", "a2", "b1", "a3"]


async def test_an_error_inside_gives_the_place_back() -> None:
    room = FairRoom(1)
    with pytest.raises(ValueError, match="boom"):
        async with room.place("a", "a1"):
            raise ValueError("boom")
    async with asyncio.timeout(5.0), room.place("a", "a2"):
        pass


async def test_whoever_gives_up_leaves_no_trace() -> None:
    people = await crowd(FairRoom(1), ["a1", "b1", "a2"])
    await people.give_up("b1")
    assert people.tasks["b1"].cancelled()
    await people.go()
    assert people.entered == ["a1", "a2"]


async def test_whoever_gives_up_as_it_is_let_in_passes_the_place_on() -> None:
    people = await crowd(FairRoom(1), ["a1", "b1", "c1"])
    people.tasks["a1"].cancel()
    await asyncio.sleep(0)  # a1 has left, b1 is let in and has not run since
    people.tasks["b1"].cancel()
    await settle()
    assert people.tasks["b1"].cancelled()
    assert people.entered == ["a1", "c1"]
    await people.go()


async def test_work_that_another_group_wants_too_gets_the_first_turn_of_either() -> None:
    people = await crowd(FairRoom(1), ["a0", "a1", "a2", "a3", "b1"])
    people.room.join("b", "a3")
    people.room.join("c", "a3")
    people.room.join("c", "a3")
    people.room.join("c", "nobody waits for this")
    people.room.join("c", "a0")
    await people.go()
    assert people.entered == ["a0", "a1", "b1", "a3", "a2"]


async def test_whoever_joins_again_and_again_waits_for_no_more_than_before() -> None:
    people = await crowd(FairRoom(1, waiting=2), ["a0", "a1", "b1"])
    for _ in range(5):
        people.room.join("c", "b1")
    await people.come("d", "d1")
    assert people.refused == ["d1"]
    await people.go()


async def test_a_full_queue_refuses_whoever_has_as_much_in_it_as_anybody() -> None:
    people = await crowd(FairRoom(1, waiting=3), ["a0", "a1", "a2", "b1", "b2"])
    assert people.refused == ["b2"]
    await people.come("a", "a3")
    assert people.refused == ["b2", "a3"]
    await people.go()
    assert people.entered == ["a0", "a1", "b1", "a2"]


async def test_whoever_fills_the_queue_yields_to_whoever_has_less_in_it() -> None:
    people = await crowd(FairRoom(1, waiting=3), ["a0", "a1", "a2", "a3", "b1", "c1"])
    assert people.refused == ["a3", "a2"]
    assert people.tasks["a3"].done()
    await people.go()
    assert people.entered == ["a0", "a1", "b1", "c1"]


async def test_what_is_refused_says_why() -> None:
    room = FairRoom(1, waiting=1)
    people = await crowd(room, ["a0", "a1"])
    with pytest.raises(TooManyVerificationsError, match="1 verifications wait already"):
        async with room.place("b", "b1"):
            pass
    await people.go()


async def test_whoever_is_sent_away_as_it_gives_up_takes_no_place_with_it() -> None:
    people = await crowd(FairRoom(1, waiting=2), ["a0", "a1", "a2"])
    people.send("b", "b1")
    await asyncio.sleep(0)  # b1 has sent a2 away, which has not run since
    people.tasks["a2"].cancel()
    await settle()
    assert people.tasks["a2"].cancelled()
    assert people.inside == ["a0"]
    await people.go()
    assert people.entered == ["a0", "a1", "b1"]


class TestShares:
    """One group takes so many places at most, however many are free."""

    async def test_a_group_that_is_stuck_leaves_places_to_others(self) -> None:
        room, stuck = FairRoom(4, of_one=2), asyncio.Event()
        entered: list[str] = []

        async def work(group: str, number: int, until: asyncio.Event | None = None) -> None:
            async with room.place(group, (group, number)):
                entered.append(group)
                if until is not None:
                    await until.wait()

        slow = [asyncio.create_task(work("slow", number, stuck)) for number in range(10)]
        await settle()
        assert entered == ["slow"] * 2
        await asyncio.wait_for(asyncio.gather(*(work("quick", number) for number in range(20))), 5.0)
        assert entered.count("quick") == 20
        stuck.set()
        await asyncio.gather(*slow)
        assert entered.count("slow") == 10

    async def test_no_place_is_lost_by_those_who_stop_waiting(self) -> None:
        room, gate = FairRoom(2, of_one=1), asyncio.Event()

        async def work(group: str, number: int) -> str:
            async with room.place(group, number):
                await gate.wait()
            return group

        tasks = [asyncio.create_task(work("a", number)) for number in range(6)]
        await settle()
        for task in (tasks[0], tasks[2]):
            task.cancel()
        await settle()
        other = asyncio.create_task(work("b", 10))
        gate.set()
        assert await asyncio.wait_for(other, 5.0) == "b"
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert done.count("a") == 4
        assert await asyncio.wait_for(work("a", 20), 5.0) == "a"


class TestBulkhead:
    async def test_a_compartment_that_is_stuck_leaves_the_others_alone(self) -> None:
        bulkhead, stuck = Bulkhead(4, 2), asyncio.Event()

        async def work(compartment: str, number: int, until: asyncio.Event | None = None) -> str:
            async with bulkhead.place(compartment, "a", number):
                if until is not None:
                    await until.wait()
            return compartment

        slow = [asyncio.create_task(work("slow", number, stuck)) for number in range(10)]
        await settle()
        quick = await asyncio.wait_for(asyncio.gather(*(work("quick", number) for number in range(10, 30))), 5.0)
        assert quick == ["quick"] * 20
        stuck.set()
        assert await asyncio.gather(*slow) == ["slow"] * 10

    async def test_there_is_room_for_so_many_in_all_and_compartments_take_turns(self) -> None:
        bulkhead, gate, entered = Bulkhead(2, 2), asyncio.Event(), list[str]()

        async def work(compartment: str, number: int) -> None:
            async with bulkhead.place(compartment, f"group {number}", number):
                entered.append(compartment)
                await gate.wait()

        tasks = [asyncio.create_task(work(each, number)) for number, each in enumerate("xxxxyyyz")]
        await settle()
        assert entered == ["x", "x"]
        gate.set()
        await asyncio.gather(*tasks)
        assert sorted(entered) == list("xxxxyyyz")
        assert set(entered[2:4]) == {"y", "z"}

    async def test_work_that_waits_in_its_compartment_can_be_joined(self) -> None:
        bulkhead, gate, entered = Bulkhead(4, 1), asyncio.Event(), list[str]()

        async def work(group: str, name: str) -> None:
            async with bulkhead.place("x", group, name):
                entered.append(name)
                await gate.wait()

        bulkhead.join("x", "b", "nothing was there ever")
        tasks = [asyncio.create_task(work("a", name)) for name in ("a0", "a1", "a2", "a3")]
        await settle()
        bulkhead.join("x", "b", "a3")
        bulkhead.join("y", "b", "a2")
        gate.set()
        await asyncio.gather(*tasks)
        assert entered == ["a0", "a1", "a3", "a2"]


GROUPS = st.sampled_from("abcd")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), GROUPS),
        st.tuples(st.just("leave"), st.integers(0, 10)),
        st.tuples(st.just("give up"), st.integers(0, 10)),
    ),
    max_size=40,
)


@given(STEPS, st.integers(1, 3), st.integers(1, 6))
def test_no_group_waits_for_more_than_one_turn_of_each_other_and_no_place_is_lost(
    steps: list[tuple[str, str | int]], places: int, limit: int
) -> None:
    asyncio.run(_watched(steps, places, limit))


async def _watched(steps: list[tuple[str, str | int]], places: int, limit: int) -> None:
    room = FairRoom(places, waiting=limit)
    people = Crowd(room)
    passed: dict[str, Counter[str]] = {}
    seen = 0
    for number, (step, argument) in enumerate(steps):
        if isinstance(argument, str):
            await people.come(argument, str(number))
        else:
            names = people.inside if step == "leave" else [*people.inside, *people.waiting]
            if names:
                name = names[argument % len(names)]
                await (people.leave(name) if step == "leave" else people.give_up(name))
        waiting = {people.groups[name] for name in people.waiting}
        for name in people.entered[seen:]:
            group = people.groups[name]
            passed.pop(group, None)
            for counted in passed.values():
                counted[group] += 1
        seen = len(people.entered)
        passed = {group: passed.get(group, Counter()) for group in waiting}
        assert all(turns <= 1 for counted in passed.values() for turns in counted.values())
        assert len(people.inside) <= places
        assert len(people.waiting) <= limit
        assert not people.waiting or len(people.inside) == places
    gave_up = {name for name, task in people.tasks.items() if task.cancelled()}
    await people.go()
    assert set(people.entered) | set(people.refused) | gave_up == set(people.tasks)
    again = Crowd(room)
    for number in range(places):
        await again.come("z", f"again {number}")
    assert len(again.inside) == places
    await again.go()
