"""F-01, F-02 and F-03: a registry that is down, slow, unsteady, or asked too often."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import cycle
from typing import Final

import pytest
import trustme
from aiohttp import web

from tests.fakes.replies import answering, resetting
from tests.system.faults.clients import client, not_admitted
from tests.system.faults.registry import TroubledRegistry
from tests.system.faults.replicas import Start, trusting, until
from tests.system.processes import free_port
from tests.system.reviews import review

pytestmark = [pytest.mark.system, pytest.mark.timeout(60, func_only=True)]

DIGEST: Final = f"sha256:{'0' * 64}"
SECONDS: Final = 4
"""What the API server waits: less than a connection or a question to a registry may take."""

NOT_FOUND_OUT: Final = {"REGISTRY_UNAVAILABLE", "VERIFICATION_TIMED_OUT", "TOO_MANY_VERIFICATIONS"}


async def begin(trouble: str, registry: TroubledRegistry) -> None:
    """Nothing more is got from the registry."""
    match trouble:
        case "refuses":
            await registry.stop()
        case "resets":
            registry.trouble = resetting()
        case "is silent":
            registry.gate.clear()
        case "fails":
            registry.trouble = answering(500)


@pytest.mark.parametrize("trouble", ["refuses", "resets", "is silent", "fails"])
async def test_f_01_while_a_registry_is_down_what_is_verified_stays_so_and_others_are_asked_as_ever(
    start: Start, registry: TroubledRegistry, other: TroubledRegistry, ca: trustme.CA, trouble: str
) -> None:
    server = start(registry.host, other.host)
    known = [registry.image("known"), other.image("known")]
    new = [registry.image(f"new-{number}") for number in range(40)]
    unaffected = [*known * 200, *(other.image(f"new-{number}") for number in range(40))]
    async with client(server, trusting(ca), 64) as api_server, client(server, trusting(ca)) as another:
        assert not_admitted(await api_server.ask_all(map(review, known))) == []
        await begin(trouble, registry)
        lost, kept = await asyncio.gather(
            api_server.ask_all((review(image) for image in new), SECONDS),
            another.ask_all((review(image, "other") for image in unaffected), SECONDS),
        )
    assert not_admitted(kept) == []
    assert all(each.denied for each in lost)
    assert {each.code for each in lost} <= NOT_FOUND_OUT
    assert server.get("/livez")[0] == 200


@pytest.fixture
def unreachable() -> Iterator[dict[str, str]]:
    """Registries that no connection is made to: their port is closed, their SYNs are dropped, they have no address."""
    with ExitStack() as sockets:
        deaf = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = deaf.getsockname()
        for _ in range(2):  # who is connected and not accepted fills the queue, and the kernel drops who comes then
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        yield {
            "closed": f"127.0.0.1:{free_port()}",
            "deaf": f"127.0.0.1:{address[1]}",
            "unknown": "registry.invalid",
        }


async def test_f_01_a_registry_that_cannot_be_reached_costs_its_own_images_a_denial_in_time(
    start: Start, unreachable: dict[str, str], other: TroubledRegistry, ca: trustme.CA
) -> None:
    server = start(*unreachable.values(), other.host)
    lost = [f"{host}/team/app-{number}@{DIGEST}" for host in unreachable.values() for number in range(20)]
    fine = [other.image(f"new-{number}") for number in range(40)]
    async with client(server, trusting(ca), 64) as api_server, client(server, trusting(ca)) as another:
        answers, others = await asyncio.gather(
            api_server.ask_all((review(image) for image in lost), SECONDS),
            another.ask_all((review(image, "other") for image in fine), SECONDS),
        )
    assert not_admitted(others) == []
    assert all(each.denied for each in answers)
    assert {each.code for each in answers} <= NOT_FOUND_OUT


async def test_f_02_what_a_slow_registry_did_not_answer_in_time_is_admitted_from_memory_later(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    server, images = start(registry.host), [registry.image(f"new-{number}") for number in range(60)]
    registry.gate.clear()
    async with client(server, trusting(ca), len(images)) as api_server:
        answers = await api_server.ask_all((review(image) for image in images), 2)
        assert all(each.code == "VERIFICATION_TIMED_OUT" for each in answers)
        registry.gate.set()
        assert not_admitted(await api_server.ask_all(map(review, images))) == []
    assert max(Counter(registry.questions).values()) == 1


async def test_f_02_a_registry_that_fails_is_left_alone_and_used_again_soon_after_it_is_back(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    server, image = start(registry.host), registry.image("new")
    registry.trouble = answering(500)
    async with client(server, trusting(ca)) as api_server:
        answers = [answer for _ in range(25) for answer in await api_server.ask_all([review(image)] * 8)]
        assert all(each.code == "REGISTRY_UNAVAILABLE" for each in answers)
        assert len(registry.asked) < 20
        registry.trouble = None
        await api_server.until_admitted(review(image))


async def test_f_02_a_registry_that_fails_every_other_time_is_asked_a_bounded_number_of_times(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    server, images = start(registry.host), [registry.image(f"new-{number}") for number in range(40)]
    registry.trouble, registry.spared = answering(503), cycle((False, True))
    async with client(server, trusting(ca), 40) as api_server:
        await api_server.ask_all(map(review, images))
        assert len(registry.asked) <= 2 * 5 * len(images)  # five questions, each once more
        await asyncio.gather(*(api_server.until_admitted(review(image)) for image in images))


async def test_f_03_a_registry_that_was_asked_too_often_is_not_asked_before_it_says(
    start: Start, registry: TroubledRegistry, other: TroubledRegistry, ca: trustme.CA
) -> None:
    server, image = start(registry.host, other.host), registry.image("new")
    times: list[float] = []

    async def limited(_request: web.Request) -> web.StreamResponse:
        times.append(time.monotonic())
        return web.Response(status=429, headers={"Retry-After": "3"})

    registry.trouble = limited
    async with client(server, trusting(ca)) as api_server:
        answers = [answer for _ in range(25) for answer in await api_server.ask_all([review(image)] * 8)]
        assert all(each.code == "REGISTRY_RATE_LIMITED" for each in answers)
        assert not_admitted(await api_server.ask_all([review(other.image("app"))] * 50)) == []
        assert len(times) <= 3
        await until(lambda: time.monotonic() > times[0] + 2.5)
        assert (await api_server.ask(review(image))).denied
        assert len(times) <= 3
        registry.trouble = None
        await api_server.until_admitted(review(image))
