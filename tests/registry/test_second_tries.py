"""What is asked once more, what is not, and who is left alone after it."""

import asyncio
import socket
from ipaddress import ip_network

import pytest
from aiohttp import web

from tests.fakes.clock import FakeClock
from tests.fakes.network import FakeResolver
from tests.fakes.registry import TOKEN_PATH, FakeRegistry, TokenAuth
from tests.fakes.replies import answering, in_turn, raw, resetting
from tests.registry.conftest import Connect, evidence, failure, pinned, resolve
from webhook import images
from webhook.clock import SystemClock
from webhook.codes import Code
from webhook.errors import (
    AddressNotAllowedError,
    NotFoundOutError,
    RegistryRateLimitedError,
    RegistryResponseError,
    RegistryUnavailableError,
)
from webhook.registry.client import RegistryClient
from webhook.registry.keychain import KeychainChain
from webhook.registry.outages import UnreachableError
from webhook.registry.settings import Limits, RegistrySettings

PATH = "/v2/app/manifests/1"
LOOPBACK = (ip_network("127.0.0.0/8"),)
CUT_OFF = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"
OPEN = "failed several times in a row, and is left alone for a moment"


@pytest.mark.parametrize(
    "hiccup", [answering(502), answering(503), answering(504), raw(b""), raw(CUT_OFF), resetting()]
)
async def test_reg_10_a_hiccup_is_asked_over(registry: FakeRegistry, connect: Connect, hiccup: object) -> None:
    digest = registry.put_image("app", tag="1")
    real = in_turn(hiccup, super(FakeRegistry, registry).handle)  # type: ignore[arg-type]
    registry.replies[PATH] = real
    assert await resolve(connect(), registry.host) == digest
    assert registry.paths == [PATH, PATH]


@pytest.mark.parametrize(
    ("status", "headers", "asked"),
    [
        (502, {}, 2),
        (503, {}, 2),
        (504, {}, 2),
        (503, {"Retry-After": "1"}, 1),
        (500, {}, 1),
        (501, {}, 1),
        (404, {}, 1),
    ],
)
async def test_reg_10_nothing_is_asked_a_third_time(
    registry: FakeRegistry, connect: Connect, status: int, headers: dict[str, str], asked: int
) -> None:
    registry.replies[PATH] = answering(status, headers=headers)
    await failure(connect(), registry.host)
    assert registry.paths == [PATH] * asked


async def test_reg_10_an_answer_that_breaks_off_is_not_asked_for_a_third_time(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.replies[PATH] = raw(CUT_OFF)
    error = await failure(connect(), registry.host)
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"the connection to registry {registry.host} broke"
    assert registry.paths == [PATH, PATH]


@pytest.mark.parametrize(("status", "asked"), [(503, 2), (500, 1)])
async def test_a_token_services_hiccup_is_asked_over_too(
    registry: FakeRegistry, connect: Connect, status: int, asked: int
) -> None:
    registry.auth = TokenAuth()
    registry.replies[TOKEN_PATH] = answering(status)
    error = await failure(connect(), registry.host)
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"the token service of registry {registry.host} answered with status {status}"
    assert registry.paths == [PATH, TOKEN_PATH] * asked


async def test_reg_10_a_connection_that_is_reset_is_told_as_such(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[PATH] = resetting()
    error = await failure(connect(), registry.host)
    assert type(error) is RegistryUnavailableError
    assert str(error) == f"the connection to registry {registry.host} failed (ECONNRESET)"
    assert registry.paths == [PATH, PATH]


async def test_the_pause_before_a_second_try_is_short_and_never_the_same(registry: FakeRegistry) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    registry.replies[PATH] = answering(503)
    settings = RegistrySettings(insecure_hosts=frozenset({registry.host}), limits=Limits(failures=100))
    async with RegistryClient(settings, KeychainChain([]), pause=pause) as client:
        for _ in range(20):
            await failure(client, registry.host)
    assert len(set(pauses)) > 1
    assert all(0.1 <= seconds <= 0.2 for seconds in pauses)


async def test_both_tries_are_within_one_deadline(registry: FakeRegistry) -> None:
    async def pause(_seconds: float) -> None:
        await asyncio.Event().wait()

    registry.replies[PATH] = answering(503)
    settings = RegistrySettings(insecure_hosts=frozenset({registry.host}), limits=Limits(request_seconds=0.05))
    async with RegistryClient(settings, KeychainChain([]), pause=pause) as client:
        error = await failure(client, registry.host)
    assert str(error) == f"registry {registry.host} did not answer within 0.05 s"
    assert registry.paths == [PATH]


async def test_f_02_a_registry_that_fails_is_left_alone_and_used_again_when_it_is_back(
    registry: FakeRegistry, connect: Connect
) -> None:
    clock = FakeClock()
    client = connect(clock=clock, limits=Limits(failures=3))
    digest = registry.put_image("app", tag="1")
    registry.replies[PATH] = answering(500)
    for _ in range(3):
        assert str(await failure(client, registry.host)).endswith("answered with status 500")
    assert str(await failure(client, registry.host)) == f"registry {registry.host} {OPEN}"
    assert len(registry.asked) == 3
    clock.advance(1.0)
    registry.replies[PATH] = answering(503)
    assert str(await failure(client, registry.host)).endswith("answered with status 503")
    assert len(registry.asked) == 4
    assert str(await failure(client, registry.host)).endswith(OPEN)
    del registry.replies[PATH]
    clock.advance(2.0)
    for _ in range(2):
        assert await resolve(client, registry.host) == digest


async def test_f_01_a_registry_that_is_down_is_not_dialled_for_a_while_and_others_are(
    registry: FakeRegistry, connect: Connect
) -> None:
    clock = FakeClock()
    resolver = FakeResolver({})
    client = connect(clock=clock, resolver=resolver, limits=Limits(failures=3))
    for number in range(5):
        with pytest.raises(RegistryUnavailableError):
            await client.resolve(images.parse(f"gone.example/app{number}:1"))
    assert resolver.asked == ["gone.example"] * 6
    digest = registry.put_image("app", tag="1")
    assert await resolve(client, registry.host) == digest


async def test_f_01_a_registry_that_takes_no_connection_in_time_is_unavailable(connect: Connect) -> None:
    with socket.socket() as deaf:  # the kernel connects, and nobody answers the TLS handshake
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        host = f"127.0.0.1:{deaf.getsockname()[1]}"
        limits = Limits(connect_seconds=0.05)
        error = await failure(connect(insecure_hosts=frozenset(), allow_addresses=LOOPBACK, limits=limits), host)
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"registry {host} did not take a connection in time"


async def test_failing_at_once_is_told_as_a_place_without_answer(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    clock = FakeClock()
    client = connect(clock=clock, limits=Limits(failures=3))
    registry.put_bundle("team/app", digest, b"bundle")
    await registry.stop()
    first, second = [await evidence(client, registry, digest) for _ in range(2)]
    for found in (first, second):
        assert not found.complete
        assert (found.attachments, found.unusable) == ((), ())
        assert {each.code for each in found.unanswered} == {Code.REGISTRY_UNAVAILABLE}
    assert all("ECONNREFUSED" in each.reason for each in first.unanswered)
    assert all(each.reason.endswith(OPEN) for each in second.unanswered)
    with pytest.raises(RegistryUnavailableError, match=OPEN):
        await client.contents(pinned(registry, digest))


async def test_an_answer_that_cannot_be_used_is_an_answer(registry: FakeRegistry, connect: Connect) -> None:
    client = connect(limits=Limits(failures=1))
    registry.replies[PATH] = answering(200, b"<html>")
    for _ in range(3):
        assert type(await failure(client, registry.host)) is RegistryResponseError
    registry.replies[PATH] = answering(401)
    for _ in range(3):
        assert "credentials" in str(await failure(client, registry.host))
    assert len(registry.asked) == 6


async def test_an_address_that_is_refused_says_nothing_about_a_registry(connect: Connect) -> None:
    client = connect(limits=Limits(failures=1), names={"inner.example": "10.0.0.1"})
    for _ in range(3):
        assert type(await failure(client, "inner.example")) is AddressNotAllowedError


async def test_an_address_that_is_refused_neither_closes_nor_opens_a_circuit(connect: Connect) -> None:
    hosts: dict[str, FakeRegistry | str] = {}
    client = connect(limits=Limits(failures=3), resolver=FakeResolver(hosts))
    for address in (None, None, "10.0.0.1", "10.0.0.1"):
        if address:
            hosts["inner.example"] = address
        expected = AddressNotAllowedError if address else UnreachableError
        assert type(await failure(client, "inner.example")) is expected
    hosts.clear()
    assert type(await failure(client, "inner.example")) is UnreachableError
    assert str(await failure(client, "inner.example")).endswith(OPEN)


async def test_reg_09_a_rate_limit_is_an_answer_and_opens_no_circuit(registry: FakeRegistry, connect: Connect) -> None:
    clock = FakeClock()
    client = connect(clock=clock, limits=Limits(failures=2))
    digest = registry.put_image("app", tag="1")
    for status in (500, 429, 429, 429, 500):
        registry.replies[PATH] = answering(status, headers={"Retry-After": "1"})
        assert f"{status}" in str(await failure(client, registry.host))
        clock.advance(1.0)
    del registry.replies[PATH]
    assert await resolve(client, registry.host) == digest
    assert registry.paths == [PATH] * 6


async def test_a_storage_that_is_down_costs_its_repository_alone(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("other", tag="1")
    registry.replies[PATH] = answering(307, headers={"Location": "https://storage.example/blob"})
    client = connect(limits=Limits(failures=1))
    await failure(client, registry.host)
    assert str(await failure(client, registry.host)).endswith(OPEN)
    assert await resolve(client, registry.host, "other:1") == digest


async def test_a_question_that_is_given_up_counts_for_nothing(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app", tag="1")
    client = connect(limits=Limits(failures=1))
    arrived = asyncio.Event()

    async def stuck(_request: web.Request) -> web.StreamResponse:
        arrived.set()
        await registry.released.wait()
        return web.Response()

    registry.replies[PATH] = stuck
    question = asyncio.create_task(resolve(client, registry.host))
    await arrived.wait()
    question.cancel()
    with pytest.raises(asyncio.CancelledError):
        await question
    del registry.replies[PATH]
    assert await resolve(client, registry.host) == digest


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("30", 30.0),
        ("3600", 60.0),
        ("-1", 5.0),
        ("1e400", 5.0),
        (None, 5.0),
        ("Thu, 01 Jan 2026 00:16:50 GMT", 10.0),  # the fake clock's start is 00:16:40
    ],
)
async def test_reg_09_a_registry_that_was_asked_too_often_is_not_asked_before_it_says(
    registry: FakeRegistry, connect: Connect, told: str | None, seconds: float
) -> None:
    clock = FakeClock()
    client = connect(clock=clock)
    digest = registry.put_image("app", tag="1")
    registry.replies[PATH] = answering(429, headers={} if told is None else {"Retry-After": told})
    await failure(client, registry.host)
    del registry.replies[PATH]
    for passing in (0.0, seconds - 0.5):
        clock.advance(passing)
        error = await failure(client, registry.host)
        assert type(error) is RegistryRateLimitedError
        assert str(error).endswith("answered that it was asked too often (429), and is left alone")
    assert len(registry.asked) == 1
    clock.advance(0.5)
    assert await resolve(client, registry.host) == digest


async def test_reg_09_a_token_service_that_was_asked_too_often_is_not_asked_either(
    registry: FakeRegistry, connect: Connect
) -> None:
    clock = FakeClock()
    registry.auth = TokenAuth()
    registry.replies[TOKEN_PATH] = answering(429, headers={"Retry-After": "20"})
    client = connect(clock=clock)
    errors: list[NotFoundOutError] = [await failure(client, registry.host) for _ in range(3)]
    assert {error.code for error in errors} == {Code.REGISTRY_RATE_LIMITED}
    assert registry.paths == [PATH, TOKEN_PATH]
    clock.advance(20.0)
    del registry.replies[TOKEN_PATH]
    digest = registry.put_image("app", tag="1")
    assert await resolve(client, registry.host) == digest


async def test_a_client_without_a_clock_uses_the_machines(registry: FakeRegistry) -> None:
    settings = RegistrySettings(insecure_hosts=frozenset({registry.host}))
    async with RegistryClient(settings, KeychainChain([]), clock=SystemClock()) as client:
        registry.replies[PATH] = answering(429, headers={"Retry-After": "60"})
        await failure(client, registry.host)
        assert str(await failure(client, registry.host)).endswith("is left alone")
