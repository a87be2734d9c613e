"""F-17 and F-18: very many pods at once, of one new image, or of as many new images."""

import asyncio
from collections import Counter

import pytest
import trustme

from tests.fakes.replies import answering
from tests.system.faults.clients import client, not_admitted
from tests.system.faults.registry import TroubledRegistry
from tests.system.faults.replicas import Start, trusting, until
from tests.system.program import Server
from tests.system.reviews import review
from webhook.admission.waiting import MAX_WAITING_OF_ONE

pytestmark = [pytest.mark.system, pytest.mark.timeout(60, func_only=True)]

PODS = 5000
AT_ONCE = 200
"""Requests that an API server writes by at once, by default (`--max-mutating-requests-inflight`)."""

CROWD = 700
"""More than are to wait of one namespace."""

OF_ONE_REGISTRY = 16
"""Images that one registry is asked about at once."""

CONNECTIONS = 32
"""Requests that one registry gets at once; each of those images may need several."""

TOO_MANY = "TOO_MANY_VERIFICATIONS"


def in_progress(server: Server) -> int:
    return int(server.metric("tidewaiter_reviews_in_progress"))


async def test_f_17_five_thousand_pods_of_one_new_image_cost_its_registry_one_of_each_request(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    server, image = start(registry.host), registry.image("new", tag="1")
    registry.gate.clear()
    async with client(server, trusting(ca), AT_ONCE) as api_server:
        bodies = [review(image, f"n{number % 50}") for number in range(PODS)]
        pods = asyncio.ensure_future(api_server.ask_all(bodies))
        await until(lambda: in_progress(server) == AT_ONCE)
        registry.gate.set()
        answers = await pods
    assert not_admitted(answers) == []
    assert len(answers) == PODS
    assert {path.split("/")[4] for path in registry.paths} == {"manifests", "referrers", "blobs"}
    assert "/v2/team/new/manifests/1" in registry.paths
    assert max(Counter(registry.questions).values()) == 1


async def test_f_17_pods_of_one_namespace_that_there_is_no_room_for_are_admitted_when_they_come_again(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    server, image = start(registry.host), registry.image("new")
    registry.gate.clear()
    async with client(server, trusting(ca), CROWD) as api_server:
        pods = asyncio.ensure_future(api_server.ask_all([review(image)] * CROWD, 30))
        await until(lambda: in_progress(server) + server.metric("tidewaiter_admission_requests_total") == CROWD)
        registry.gate.set()
        turned_away = not_admitted(await pods)
        assert len(turned_away) == CROWD - MAX_WAITING_OF_ONE
        assert all(each.code == TOO_MANY for each in turned_away)
        assert not_admitted(await api_server.ask_all([review(image)] * PODS, 30)) == []
    assert max(Counter(registry.questions).values()) == 1


async def test_f_17_who_waits_has_a_deadline_of_its_own_and_the_work_goes_on(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    server, image = start(registry.host), registry.image("new")
    registry.gate.clear()
    async with client(server, trusting(ca), AT_ONCE) as api_server:
        patient = asyncio.ensure_future(api_server.ask_all([review(image)] * 50))
        hasty = await api_server.ask_all([review(image)] * 50, 2)
        assert all(each.code == "VERIFICATION_TIMED_OUT" for each in hasty)
        registry.gate.set()
        assert not_admitted(await patient) == []
        assert (await api_server.ask(review(image))).allowed
    assert max(Counter(registry.questions).values()) == 1


async def test_f_17_a_failure_is_told_to_all_who_wait_and_kept_for_nobody(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    server, image = start(registry.host), registry.image("new")
    registry.trouble = answering(500)
    registry.gate.clear()
    async with client(server, trusting(ca), AT_ONCE) as api_server:
        pods = asyncio.ensure_future(api_server.ask_all([review(image)] * 100))
        await until(lambda: in_progress(server) == 100)
        registry.gate.set()
        answers = await pods
        assert all(each.code == "REGISTRY_UNAVAILABLE" for each in answers)
        assert max(Counter(registry.questions).values()) == 1
        registry.trouble = None
        assert (await api_server.ask(review(image))).allowed


async def test_f_18_a_namespace_with_very_many_new_images_holds_up_no_other(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    server = start(registry.host)
    greedy = [registry.image(f"greedy-{number}") for number in range(400)]
    modest = [registry.image(f"modest-{number}") for number in range(20)]
    registry.gate.clear()
    async with client(server, trusting(ca), 500) as api_server:
        crowd = asyncio.ensure_future(api_server.ask_all(review(image, "greedy") for image in greedy))
        await until(lambda: in_progress(server) + server.metric("tidewaiter_admission_requests_total") == len(greedy))
        waiting = in_progress(server)
        assert waiting > OF_ONE_REGISTRY
        others = [review(image, f"modest-{number}") for number, image in enumerate(modest)]
        few = asyncio.ensure_future(api_server.ask_all(others))
        await until(lambda: in_progress(server) == waiting + len(modest))
        await until(lambda: registry.under_way == CONNECTIONS)
        registry.gate.set()
        assert not_admitted(await few) == []
        assert not_admitted(await crowd) == []
    last = max(registry.repositories_asked.index(f"modest-{number}") for number in range(len(modest)))
    assert last < OF_ONE_REGISTRY + 2 * len(modest)
    assert registry.most == CONNECTIONS


async def test_f_18_while_very_many_new_images_wait_all_known_ones_are_admitted(
    start: Start, registry: TroubledRegistry, other: TroubledRegistry, ca: trustme.CA
) -> None:
    """All of it over connections of one API server; what is turned away is admitted when it comes again."""
    server, known = start(registry.host, other.host), other.image("known")
    images = [registry.image(f"new-{number}") for number in range(900)]
    bodies = [review(image, f"n{number % 2}") for number, image in enumerate(images)]
    registry.gate.clear()
    async with client(server, trusting(ca), len(images)) as crowd, client(server, trusting(ca)) as api_server:
        assert (await api_server.ask(review(known))).allowed
        pods = asyncio.ensure_future(crowd.ask_all(bodies))
        await until(lambda: registry.under_way == CONNECTIONS)
        assert not_admitted(await api_server.ask_all([review(known)] * 500)) == []
        assert server.get("/livez")[0] == 200
        registry.gate.set()
        answers = await pods
        assert all(each.allowed or each.code == TOO_MANY or each.retry_after for each in answers)
        again = [body for body, answer in zip(bodies, answers, strict=True) if not answer.allowed]
        assert 0 < len(again) < len(bodies)
        async with client(server, trusting(ca), 100) as slowly:
            assert not_admitted(await slowly.ask_all(again)) == []
    assert registry.most == CONNECTIONS
