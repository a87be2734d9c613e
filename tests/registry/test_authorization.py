"""From 401 to an answer: who gets which credentials, and how often somebody is asked."""

import asyncio

import pytest
from aiohttp import web

from tests.fakes.clock import FakeClock
from tests.fakes.registry import TOKEN_PATH, BasicAuth, FakeRegistry, TokenAuth
from tests.fakes.replies import stalling
from tests.registry.conftest import Connect, FixedKeychain, failure, resolve
from webhook import images
from webhook.errors import (
    CredentialsMissingError,
    CredentialsRefusedError,
)
from webhook.images import PinnedImage
from webhook.registry.client import RegistryClient
from webhook.registry.keychain import Credentials
from webhook.registry.settings import RegistrySettings

ME = Credentials("me", "pw")
BASIC = "Basic bWU6cHc="
PATH = "/v2/app/manifests/1"


def asked(registry: FakeRegistry) -> list[tuple[str, str | None]]:
    return [(asked.path, asked.authorization) for asked in registry.asked]


async def test_an_anonymous_caller_gets_a_token_and_keeps_it(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app", tag="1")
    registry.auth = TokenAuth()
    client = connect()
    assert await resolve(client, registry.host) == await resolve(client, registry.host) == digest
    assert asked(registry) == [(PATH, None), (TOKEN_PATH, None), (PATH, "Bearer granted"), (PATH, "Bearer granted")]


async def test_the_scope_asked_for_is_our_own(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="1")
    registry.auth = TokenAuth()
    await resolve(connect(), registry.host)
    assert registry.asked[1].query == {"service": "fake", "scope": "repository:app:pull"}


async def test_a_password_is_exchanged_for_a_token(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="1")
    registry.auth = TokenAuth(username="me", password="pw")
    await resolve(connect(ME), registry.host)
    assert asked(registry) == [(PATH, None), (TOKEN_PATH, BASIC), (PATH, "Bearer granted")]


async def test_an_identity_token_is_exchanged_for_a_token(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="1")
    registry.auth = TokenAuth(identity_token="refresh")
    await resolve(connect(Credentials("", "", "refresh")), registry.host)
    assert [(asked.method, asked.form.get("scope")) for asked in registry.asked if asked.path == TOKEN_PATH] == [
        ("POST", "repository:app:pull")
    ]


async def test_a_registry_that_wants_a_password_gets_it_each_time(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="1")
    registry.auth = BasicAuth("me", "pw")
    client = connect(ME)
    await resolve(client, registry.host)
    await resolve(client, registry.host)
    assert asked(registry) == [(PATH, None), (PATH, BASIC), (PATH, BASIC)]


async def test_a_token_serves_one_repository(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="1")
    registry.put_image("other", tag="1")
    registry.auth = auth = TokenAuth()
    client = connect()
    await resolve(client, registry.host)
    await resolve(client, registry.host, "other:1")
    assert auth.given == 2


async def test_a_token_that_ended_is_replaced_before_it_is_sent(registry: FakeRegistry) -> None:
    registry.put_image("app", tag="1")
    registry.auth = auth = TokenAuth(expires_in=60)
    clock = FakeClock()
    settings = RegistrySettings(insecure_hosts=frozenset({registry.host}))
    async with RegistryClient(settings, FixedKeychain(), clock=clock) as client:
        await resolve(client, registry.host)
        clock.advance(60)
        await resolve(client, registry.host)
    assert auth.given == 2
    assert [asked.authorization for asked in registry.asked if asked.path == PATH] == [
        None,
        "Bearer granted",
        None,
        "Bearer granted",
    ]


async def test_a_token_that_was_withdrawn_is_replaced(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="1")
    registry.auth = TokenAuth(token="first")
    client = connect()
    await resolve(client, registry.host)
    registry.auth = TokenAuth(token="second")
    await resolve(client, registry.host)
    assert asked(registry)[-3:] == [(PATH, "Bearer first"), (TOKEN_PATH, None), (PATH, "Bearer second")]


async def test_callers_with_other_credentials_do_not_share_a_token(registry: FakeRegistry) -> None:
    registry.put_image("app", tag="1")
    registry.auth = TokenAuth(username="me", password="pw")

    class Switching(FixedKeychain):
        current: Credentials | None = ME

        async def credentials(self, image: object) -> Credentials | None:
            return self.current

    keychain = Switching()
    async with RegistryClient(RegistrySettings(insecure_hosts=frozenset({registry.host})), keychain) as client:
        await resolve(client, registry.host)
        keychain.current = None
        assert type(await failure(client, registry.host)) is CredentialsMissingError
        keychain.current = Credentials("me", "wrong")
        assert type(await failure(client, registry.host)) is CredentialsRefusedError


async def test_requests_that_start_together_ask_for_one_token(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app", tag="1")
    registry.auth = auth = TokenAuth()
    image = images.parse(f"{registry.host}/app@{digest}").pinned()
    assert isinstance(image, PinnedImage)
    client = connect()
    results = await asyncio.gather(*(client.evidence(image, attestations=False) for _ in range(10)))
    assert all(evidence.complete for evidence in results)
    assert auth.given == 1


async def test_one_who_waits_gets_a_token_though_another_gave_up(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="1")
    registry.auth = TokenAuth()
    reached = asyncio.Event()

    async def hold(request: web.Request) -> web.StreamResponse:
        reached.set()
        return await stalling(registry.released)(request)

    registry.replies[TOKEN_PATH] = hold
    client = connect()
    first = asyncio.create_task(resolve(client, registry.host))
    second = asyncio.create_task(resolve(client, registry.host))
    await reached.wait()
    del registry.replies[TOKEN_PATH]
    first.cancel()
    assert await second
    with pytest.raises(asyncio.CancelledError):
        await first
