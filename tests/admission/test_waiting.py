"""How many requests wait for registries that do not answer, and who is judged meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from tests.admission.conftest import Deciders
from tests.admission.test_decide import APP, NEVER, RELEASE, SIGNED, SOON, a_pod, changed, findings, settle
from tests.fakes.images import FakeKeyring, FakePullSecrets, FakeRegistry, digest
from webhook.admission.decide import Decider
from webhook.admission.pin import Pin
from webhook.admission.waiting import MAX_WAITING, MAX_WAITING_OF_ONE, Waiting
from webhook.errors import TooManyVerificationsError
from webhook.server.settings import Limits
from webhook.verdict import Verdict, Violation

CODE = "TOO_MANY_VERIFICATIONS"
MANY = 700


class Requests:
    """Reviews of ever new images whose registry does not answer, two of each image."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Verdict]] = []

    async def arrive(self, judge: Decider, number: int, namespace: str) -> None:
        for _ in range(number):
            image = f"ghcr.io/acme/new{len(self.tasks) // 2}@{digest('b')}"
            self.tasks.append(asyncio.create_task(judge.decide(a_pod(image), namespace, SOON)))
        await settle()

    @property
    def waiting(self) -> int:
        return sum(not task.done() for task in self.tasks)

    @property
    def answered(self) -> set[str]:
        return {code for task in self.tasks if task.done() for code, *_ in findings(task.result())}


@pytest.fixture
async def requests() -> AsyncIterator[Requests]:
    requests = Requests()
    yield requests
    for task in requests.tasks:
        task.cancel()
    await asyncio.gather(*requests.tasks, return_exceptions=True)


async def known(judge: Decider, registry: FakeRegistry) -> None:
    """APP is known from now on, and nothing else is answered any more."""
    registry.sign(RELEASE, APP)
    assert (await judge.decide(a_pod(APP), "prod", SOON)).allowed
    registry.gate.clear()


async def test_a_namespace_has_so_many_requests_that_wait_and_known_images_are_admitted_all_the_same(
    decider: Deciders, registry: FakeRegistry, requests: Requests
) -> None:
    judge = decider(SIGNED)
    await known(judge, registry)
    await requests.arrive(judge, MANY, "greedy")
    assert requests.waiting == MAX_WAITING_OF_ONE
    assert requests.answered == {CODE}
    assert (await judge.decide(a_pod(APP), "greedy", SOON)).allowed


async def test_however_many_namespaces_wait_the_next_one_finds_a_place(
    decider: Deciders, registry: FakeRegistry, requests: Requests
) -> None:
    judge = decider(SIGNED)
    await known(judge, registry)
    for number in range(4):
        await requests.arrive(judge, MAX_WAITING, f"greedy-{number}")
    assert MAX_WAITING_OF_ONE < requests.waiting < MAX_WAITING
    before = requests.waiting
    await requests.arrive(judge, 1, "modest")
    assert requests.waiting == before + 1


async def test_whoever_has_its_answer_makes_room(decider: Deciders, registry: FakeRegistry, requests: Requests) -> None:
    judge = decider(SIGNED)
    registry.gate.clear()
    await requests.arrive(judge, MANY, "greedy")
    registry.gate.set()
    await asyncio.gather(*requests.tasks)
    registry.gate.clear()
    await requests.arrive(judge, MANY, "greedy")
    assert requests.waiting == MAX_WAITING_OF_ONE


async def test_a_request_that_was_given_up_makes_room(
    decider: Deciders, registry: FakeRegistry, requests: Requests
) -> None:
    judge = decider(SIGNED)
    registry.gate.clear()
    await requests.arrive(judge, MAX_WAITING_OF_ONE, "greedy")
    requests.tasks[0].cancel()
    await settle()
    await requests.arrive(judge, 2, "greedy")
    assert requests.waiting == MAX_WAITING_OF_ONE


async def test_pins_take_the_same_places(decider: Deciders, registry: FakeRegistry, requests: Requests) -> None:
    judge = decider(SIGNED)
    registry.gate.clear()
    await requests.arrive(judge, MAX_WAITING_OF_ONE, "greedy")
    [pin] = await judge.pinner().pins(a_pod("ghcr.io/acme/app:1"), "greedy", SOON)
    assert told(pin) == (CODE, f"not looked up: {MAX_WAITING_OF_ONE} of this namespace wait for registries already")
    [pin] = await judge.pinner().pins(a_pod("ghcr.io/acme/app:1"), "modest", NEVER)
    assert told(pin) == ("VERIFICATION_TIMED_OUT", "still verifying")


def told(pin: Pin) -> tuple[str, str]:
    assert isinstance(pin.found, Violation)
    return pin.found.code.value, pin.found.message


async def test_it_denies_whatever_on_error_says_and_asks_nobody(
    decider: Deciders, registry: FakeRegistry, requests: Requests
) -> None:
    judge = decider(changed(SIGNED, onError="Allow"))
    registry.gate.clear()
    await requests.arrive(judge, MAX_WAITING_OF_ONE, "greedy")
    before = list(registry.asked)
    verdict = await judge.decide(a_pod(APP, "ghcr.io/acme/app:1"), "greedy", SOON)
    assert not verdict.allowed
    assert {code for code, *_ in findings(verdict)} == {CODE, "TAG_NOT_PINNED"}
    assert {each.fix for each in verdict.violations if each.code.value == CODE} == {"retry in some seconds"}
    await settle()
    assert registry.asked == before


async def test_what_a_pull_secret_opened_before_takes_no_place(
    decider: Deciders, registry: FakeRegistry, requests: Requests
) -> None:
    plain = decider(SIGNED)
    secrets = FakePullSecrets(own=FakeKeyring(own="ghcr.io/acme/app"))
    judge = Decider(plain._policies, plain._verification, plain._namespaces, plain.options, secrets)  # noqa: SLF001
    await known(judge, registry)
    await requests.arrive(judge, MANY, "prod")
    assert requests.waiting == MAX_WAITING_OF_ONE
    assert (await judge.decide(a_pod(APP), "prod", SOON)).allowed


def test_what_waits_leaves_places_of_the_server_to_what_does_not() -> None:
    of_one_address = Limits().reviews // 2
    assert of_one_address * 7 // 8 >= MAX_WAITING


def test_a_namespace_has_no_more_places_than_are_left() -> None:
    waiting = Waiting(places=9, of_one=7)
    with ExitStack() as held:
        for _ in range(6):
            held.enter_context(waiting.place("first"))
        with pytest.raises(TooManyVerificationsError, match="not looked up: 6 of this namespace wait"):
            held.enter_context(waiting.place("first"))
        for namespace in ("second", "second"):
            held.enter_context(waiting.place(namespace))
        with pytest.raises(TooManyVerificationsError, match="2 of this namespace"):
            held.enter_context(waiting.place("second"))
        held.enter_context(waiting.place("third"))
        with pytest.raises(TooManyVerificationsError, match="not looked up: too many wait"):
            held.enter_context(waiting.place("fourth"))
    with ExitStack() as held:
        for _ in range(6):
            held.enter_context(waiting.place("first"))


def test_a_namespace_has_its_bound_however_many_places_are_left() -> None:
    waiting = Waiting(places=9, of_one=2)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(waiting.place("first"))
        with pytest.raises(TooManyVerificationsError, match="not looked up: 2 of this namespace wait"):
            held.enter_context(waiting.place("first"))
