"""Who waits for whom: a registry holds its own places, and nothing else, wherever it sends us."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.fakes.clock import FakeClock
from tests.fakes.network import FakeResolver
from tests.fakes.registry import FakeRegistry
from tests.fakes.replies import answering, redirecting
from tests.registry.conftest import Connect, failure, resolve
from webhook.admission import verification
from webhook.errors import RegistryUnavailableError
from webhook.fairness import MAX_WAITING
from webhook.registry.endpoint import Endpoint
from webhook.registry.sessions import Sessions
from webhook.registry.settings import Limits, Mirror


class Stuck:
    """Answers nothing until it is released, and counts what waits for it."""

    def __init__(self) -> None:
        self.most = 0
        self.released = asyncio.Event()
        self._now = 0
        self._changed = asyncio.Condition()

    async def answer(self, _request: web.Request) -> web.StreamResponse:
        async with self._changed:
            self._now += 1
            self.most = max(self.most, self._now)
            self._changed.notify_all()
        await self.released.wait()
        self._now -= 1
        return web.Response(status=404)

    async def has(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._now >= count)


@pytest.fixture
async def stuck() -> AsyncIterator[Stuck]:
    stuck = Stuck()
    yield stuck
    stuck.released.set()


@pytest.fixture
async def healthy() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as healthy:
        yield healthy


async def ended(tasks: list[asyncio.Task[str]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_registry_that_redirects_to_many_ports_has_no_more_connections_than_another(
    registry: FakeRegistry, connect: Connect, stuck: Stuck
) -> None:
    storages = [FakeRegistry() for _ in range(8)]
    for number, storage in enumerate(storages):
        await storage.start()
        storage.replies["/blob"] = stuck.answer
        registry.replies[f"/v2/team{number}/manifests/1"] = redirecting(f"{storage.origin}/blob")
    hosts = frozenset(each.host for each in (registry, *storages))
    client = connect(insecure_hosts=hosts, limits=Limits(connections_per_registry=4))
    asked = [asyncio.create_task(resolve(client, registry.host, f"team{number}:1")) for number in range(8)]
    await stuck.has(4)
    for _ in range(20):
        error = await failure(client, storages[0].host)
        assert "has no image" in str(error), "whose redirects wait there is nothing to it"
    assert (stuck.most, len(registry.asked)) == (4, 4)
    await ended(asked)
    for storage in storages:
        await storage.stop()


async def test_a_question_waits_for_no_connections_that_another_registry_holds(
    registry: FakeRegistry, healthy: FakeRegistry, connect: Connect, stuck: Stuck
) -> None:
    digest = healthy.put_image("app", tag="1")
    for number in range(8):
        registry.replies[f"/v2/team{number}/manifests/1"] = stuck.answer
    hosts = frozenset({registry.host, healthy.host})
    client = connect(insecure_hosts=hosts, limits=Limits(connections=5, connections_per_registry=4))
    asked = [asyncio.create_task(resolve(client, registry.host, f"team{number}:1")) for number in range(8)]
    await stuck.has(4)
    assert await resolve(client, healthy.host) == digest
    await ended(asked)


async def test_one_repository_has_half_of_a_registrys_places(
    registry: FakeRegistry, connect: Connect, stuck: Stuck
) -> None:
    digest = registry.put_image("app", tag="1")
    for number in range(8):
        registry.replies[f"/v2/stuck/manifests/{number}"] = stuck.answer
    client = connect(limits=Limits(connections_per_registry=4))
    asked = [asyncio.create_task(resolve(client, registry.host, f"stuck:{number}")) for number in range(8)]
    await stuck.has(2)
    assert await resolve(client, registry.host) == digest
    assert stuck.most == 2
    await ended(asked)


async def test_waiting_for_a_turn_is_not_the_registrys_fault_and_a_busy_mirror_is_passed_over(
    registry: FakeRegistry, healthy: FakeRegistry, connect: Connect, stuck: Stuck
) -> None:
    digest = healthy.put_image("app", tag="1")
    registry.put_image("app", content="of the mirror", tag="1")
    registry.replies["/v2/app/manifests/stuck"] = stuck.answer
    client = connect(
        insecure_hosts=frozenset({registry.host, healthy.host}),
        mirrors={healthy.host: (Mirror(registry.host),)},
        limits=Limits(connections_per_registry=2, mirror_seconds=0.05, failures=1),
    )
    asked = asyncio.create_task(resolve(client, registry.host, "app:stuck"))
    await stuck.has(1)
    for _ in range(2):
        assert await resolve(client, healthy.host) == digest
    assert registry.paths == ["/v2/app/manifests/stuck"]
    await ended([asked])
    assert await resolve(client, healthy.host) != digest, "the mirror is asked as soon as it has a place"


async def test_a_turn_that_does_not_come_is_told_and_opens_no_circuit(
    registry: FakeRegistry, connect: Connect, stuck: Stuck
) -> None:
    registry.replies["/v2/stuck/manifests/1"] = stuck.answer
    digest = registry.put_image("stuck", tag="2")
    limits = Limits(connections_per_registry=2, request_seconds=100.0, failures=1)
    client = connect(limits=limits)
    asked = asyncio.create_task(resolve(client, registry.host, "stuck:1"))
    await stuck.has(1)
    waiting = [asyncio.create_task(resolve(client, registry.host, "stuck:2")) for _ in range(MAX_WAITING + 1)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    [refused] = [task for task in waiting if task.done()]
    with pytest.raises(
        RegistryUnavailableError, match=r"^registry \S+ has so many questions to answer that this one was not asked$"
    ):
        await refused
    assert len(registry.asked) == 1
    stuck.released.set()
    await asyncio.gather(asked, return_exceptions=True)
    assert await waiting[0] == digest
    await ended(waiting)


async def test_a_registry_that_is_left_alone_is_no_reason_to_wait_for_a_turn(
    registry: FakeRegistry, connect: Connect, stuck: Stuck
) -> None:
    registry.replies["/v2/app/manifests/1"] = answering(500)
    limits = Limits(connections_per_registry=2, request_seconds=100.0, failures=1)
    client = connect(limits=limits, clock=FakeClock())
    await failure(client, registry.host)
    for name in ("a", "b"):
        registry.replies[f"/v2/{name}/manifests/1"] = stuck.answer
    asked = [asyncio.create_task(resolve(client, registry.host, f"{name}:1")) for name in ("a", "b")]
    await stuck.has(2)
    async with asyncio.timeout(20):
        assert str(await failure(client, registry.host)).endswith("is left alone for a moment")
    await ended(asked)


async def test_a_question_that_waited_is_not_asked_of_a_registry_that_was_left_alone_meanwhile(
    registry: FakeRegistry, connect: Connect
) -> None:
    arrived, released = asyncio.Event(), asyncio.Event()

    async def failing(_request: web.Request) -> web.StreamResponse:
        arrived.set()
        await released.wait()
        return web.Response(status=500)

    registry.replies["/v2/app/manifests/1"] = failing
    registry.put_image("app", tag="2")
    client = connect(limits=Limits(connections_per_registry=2, failures=1))
    first = asyncio.create_task(failure(client, registry.host))
    await arrived.wait()
    second = asyncio.create_task(resolve(client, registry.host, "app:2"))
    await failure(client, registry.host, "other:1")
    released.set()
    await first
    with pytest.raises(RegistryUnavailableError, match="is left alone for a moment"):
        await second
    assert registry.paths == ["/v2/app/manifests/1", "/v2/other/manifests/1"]


def test_all_verifications_together_have_no_more_questions_than_there_are_connections() -> None:
    limits = Limits()
    verifications = verification.MAX_AT_ONCE + verification.MAX_ATTESTED_AT_ONCE
    assert verifications * limits.fetches <= limits.connections
    assert limits.connections_per_registry * (verification.MAX_AT_ONCE // verification.MAX_AT_ONCE_OF_ONE) < (
        limits.connections
    )


async def test_connections_are_kept_for_a_bounded_number_of_hosts_and_ports() -> None:
    sessions = Sessions(Limits(kept_origins=2), FakeResolver({}))
    origins = [Endpoint("http", "registry.example", port) for port in range(1, 5)]
    first, second, third, fourth = [sessions.open(origin) for origin in origins]
    assert (first is second, third is fourth, first is third) == (True, True, False)
    assert [sessions.open(origin) is first for origin in origins] == [True, True, False, False]
    await sessions.close()


async def test_a_connection_to_one_host_too_many_is_closed(registry: FakeRegistry, connect: Connect) -> None:
    peers: list[object] = []

    async def noting(request: web.Request) -> web.StreamResponse:
        peers.append(request.transport and request.transport.get_extra_info("peername"))
        return web.Response(status=404)

    registry.replies["/blob"] = noting
    registry.replies["/v2/app/manifests/1"] = redirecting(f"http://localhost:{registry.port}/blob")
    for kept, connections in ((2, 1), (1, 2)):
        client = connect(
            insecure_hosts=frozenset({registry.host, f"localhost:{registry.port}"}),
            names={"localhost": "127.0.0.1"},
            limits=Limits(kept_origins=kept),
        )
        peers.clear()
        for _ in range(2):
            await failure(client, registry.host)
        assert len(set(peers)) == connections
