import asyncio

import pytest

from webhook.errors import ConfigurationError
from webhook.server.bodies import Bodies, Peer
from webhook.server.settings import Limits


def test_one_address_gets_no_more_than_half() -> None:
    bodies, greedy, other = Bodies(100, 10, 1), Peer(), Peer()
    assert bodies.take(greedy, 50)
    assert not bodies.take(greedy, 1)
    assert bodies.take(other, 50)
    assert bodies.held == 100


def test_all_addresses_together_get_no_more_than_the_bound() -> None:
    bodies = Bodies(100, 10, 1)
    assert [bodies.take(Peer(), 40) for _ in range(3)] == [True, True, False]


def test_what_is_given_back_can_be_taken_again() -> None:
    bodies, peer = Bodies(100, 10, 1), Peer()
    assert bodies.take(peer, 50)
    bodies.give(peer, 50)
    assert (bodies.held, peer.held) == (0, 0)
    assert bodies.take(peer, 50)


async def test_a_waiting_body_is_taken_when_there_is_room() -> None:
    bodies, first, second = Bodies(100, 10, 2), Peer(), Peer()
    assert bodies.take(first, 50)
    assert bodies.take(second, 50)
    waiting = asyncio.create_task(bodies.wait(first, 30, 10))
    await asyncio.sleep(0)
    bodies.give(second, 50)
    await asyncio.sleep(0)
    assert not waiting.done()
    bodies.give(first, 50)
    assert await waiting
    assert (bodies.held, first.held) == (30, 30)


async def test_nobody_waits_behind_an_address_that_is_over_its_share() -> None:
    bodies, greedy, other = Bodies(100, 10, 2), Peer(), Peer()
    assert bodies.take(greedy, 50)
    assert bodies.take(other, 50)
    stuck = asyncio.create_task(bodies.wait(greedy, 10, 10))
    served = asyncio.create_task(bodies.wait(other, 10, 10))
    await asyncio.sleep(0)
    bodies.give(other, 50)
    assert await served
    assert not stuck.done()
    bodies.give(greedy, 50)
    assert await stuck


async def test_waiting_ends_with_its_time() -> None:
    bodies, peer = Bodies(100, 10, 2), Peer()
    assert bodies.take(peer, 50)
    assert not await bodies.wait(peer, 50, 0.001)
    bodies.give(peer, 50)
    assert (bodies.held, peer.held) == (0, 0)


async def test_only_so_many_wait() -> None:
    bodies, peer = Bodies(100, 10, 1), Peer()
    assert bodies.take(peer, 50)
    waiting = asyncio.create_task(bodies.wait(peer, 10, 10))
    await asyncio.sleep(0)
    assert bodies.waiting == 1
    assert not await bodies.wait(Peer(), 60, 10)
    bodies.give(peer, 50)
    assert await waiting
    assert bodies.waiting == 0


async def test_one_address_fills_half_of_the_queue() -> None:
    bodies, greedy, other = Bodies(100, 10, 2), Peer(), Peer()
    assert bodies.take(greedy, 50)
    assert bodies.take(other, 50)
    first = asyncio.create_task(bodies.wait(greedy, 10, 10))
    second = asyncio.create_task(bodies.wait(other, 10, 10))
    await asyncio.sleep(0)
    assert bodies.waiting == 2
    first.cancel()
    await asyncio.wait((first,))
    assert not await bodies.wait(other, 10, 10)
    bodies.give(other, 50)
    assert await second


def test_reviews_are_bounded_in_number_and_one_address_has_half_of_them() -> None:
    bodies, greedy, other = Bodies(100, 4, 1), Peer(), Peer()
    assert [bodies.take(greedy, 1) for _ in range(3)] == [True, True, False]
    assert [bodies.take(other, 1) for _ in range(2)] == [True, True]
    assert not bodies.take(Peer(), 1)
    assert bodies.reviews == 4
    bodies.give(greedy, 1)
    assert (bodies.reviews, greedy.reviews) == (3, 1)
    assert bodies.take(Peer(), 1)


async def test_who_came_first_is_served_first() -> None:
    bodies, peers = Bodies(1000, 2, 10), [Peer() for _ in range(5)]
    assert [bodies.take(peer, 1) for peer in peers[:2]] == [True, True]
    served: list[int] = []

    async def queue(number: int) -> None:
        assert await bodies.wait(peers[number], 1, 10)
        served.append(number)
        bodies.give(peers[number], 1)

    tasks = [asyncio.create_task(queue(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    bodies.give(peers[0], 1)
    await asyncio.gather(*tasks)
    assert served == [2, 3, 4]


async def test_a_body_that_stops_waiting_as_it_is_woken_leaves_nothing_behind() -> None:
    bodies, peer = Bodies(100, 10, 1), Peer()
    assert bodies.take(peer, 50)
    waiting = asyncio.create_task(bodies.wait(peer, 10, 10))
    await asyncio.sleep(0)
    waiting.cancel()
    bodies.give(peer, 50)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (bodies.held, peer.held, bodies.waiting) == (0, 0, 0)


async def test_a_body_that_was_granted_room_as_it_stopped_waiting_gives_it_back() -> None:
    bodies, peer = Bodies(100, 10, 1), Peer()
    assert bodies.take(peer, 50)
    waiting = asyncio.create_task(bodies.wait(peer, 10, 10))
    await asyncio.sleep(0)
    bodies.give(peer, 50)
    assert peer.held == 10
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert (bodies.held, peer.held, bodies.reviews, bodies.waiting) == (0, 0, 0, 0)


def test_the_largest_body_must_have_room() -> None:
    with pytest.raises(ConfigurationError, match="twice that on one body"):
        Limits(body=2**20, bodies=2**21)
