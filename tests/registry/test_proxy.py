"""A proxy that a flag names, and the environment never."""

import pytest
from yarl import URL

from tests.fakes.network import Authority, FakeResolver
from tests.fakes.proxy import FakeProxy
from tests.fakes.registry import FakeRegistry, TokenAuth, basic
from tests.registry.conftest import Connect, Serve, failure, resolve
from webhook import images
from webhook.errors import AddressNotAllowedError, ImageNotFoundError, NotFoundOutError, RegistryUnavailableError
from webhook.registry.settings import Limits, Proxy

HOST = "registry.example.com"
CONNECT = f"CONNECT {HOST}:443"


async def test_a_registry_is_reached_through_the_proxy_and_its_name_resolved_there(
    connect: Connect, serve: Serve, authority: Authority
) -> None:
    registry: FakeRegistry = await serve(HOST)
    registry.auth = TokenAuth()
    digest = registry.put_image("app", tag="1")
    resolver = FakeResolver({})
    async with FakeProxy({HOST: registry}) as proxy:
        client = connect(proxy=Proxy(URL(proxy.url)), resolver=resolver, ca_files={HOST: authority.pem})
        assert await resolve(client, HOST) == digest
        await client.close()
    assert set(proxy.asked) == {CONNECT}
    assert not any("authorization" in field.lower() for fields in proxy.fields for field in fields)
    assert resolver.asked == []


async def test_the_proxys_credentials_go_to_the_proxy_alone(
    connect: Connect, serve: Serve, authority: Authority
) -> None:
    registry: FakeRegistry = await serve(HOST)
    registry.put_image("app", tag="1")
    async with FakeProxy({HOST: registry}) as proxy:
        url = URL(proxy.url).with_user("me").with_password("pw")
        client = connect(proxy=Proxy(url), ca_files={HOST: authority.pem})
        await resolve(client, HOST)
        await client.close()
    assert f"Proxy-Authorization: {basic('me', 'pw')}" in proxy.fields[0]
    assert not any(name.lower().endswith("authorization") for name in registry.asked[0].headers)
    assert "pw" not in repr(Proxy(url))


async def test_a_proxy_is_resolved_and_may_have_any_address_since_a_flag_names_it(
    connect: Connect, serve: Serve, authority: Authority
) -> None:
    registry: FakeRegistry = await serve(HOST)
    digest = registry.put_image("app", tag="1")
    resolver = FakeResolver({"proxy.corp": "127.0.0.1"})
    async with FakeProxy({HOST: registry}) as proxy:
        settings = Proxy(URL(f"http://proxy.corp:{proxy.port}"))
        client = connect(proxy=settings, resolver=resolver, ca_files={HOST: authority.pem})
        assert await resolve(client, HOST) == digest
        await client.close()
    assert resolver.asked == ["proxy.corp"]


async def test_what_needs_no_proxy_is_dialled_here_and_its_address_judged(
    registry: FakeRegistry, connect: Connect
) -> None:
    digest = registry.put_image("app", tag="1")
    async with FakeProxy({}) as proxy:
        direct = Proxy(URL(proxy.url), frozenset({"127.0.0.1", ".corp"}))
        client = connect(proxy=direct, names={"inner.corp": "127.0.0.1"})
        assert await resolve(client, registry.host) == digest
        assert type(await failure(client, "inner.corp")) is AddressNotAllowedError
    assert proxy.asked == []


async def test_plain_http_goes_through_the_proxy_too(connect: Connect) -> None:
    async with FakeProxy({}) as proxy:
        client = connect(proxy=Proxy(URL(proxy.url)), insecure_hosts=frozenset({HOST}))
        assert type(await failure(client, HOST)) is ImageNotFoundError
        await client.close()
    assert proxy.asked == [f"GET http://{HOST}/v2/app/manifests/1"]


@pytest.mark.parametrize("host", ["169.254.169.254", "127.0.0.1", "127.1", "[64:ff9b::a9fe:a9fe]"])
async def test_literal_addresses_are_judged_before_a_proxy_is_asked(connect: Connect, host: str) -> None:
    async with FakeProxy({}) as proxy:
        client = connect(proxy=Proxy(URL(proxy.url)), insecure_hosts=frozenset())
        with pytest.raises(NotFoundOutError):
            await client.resolve(images.parse(f"{host}/app:1"))
    assert proxy.asked == []


@pytest.mark.parametrize("status", [403, 407, 502, 503])
async def test_a_proxy_that_does_not_connect_makes_a_registry_unavailable(connect: Connect, status: int) -> None:
    async with FakeProxy({}, status=status) as proxy:
        client = connect(proxy=Proxy(URL(proxy.url)), limits=Limits(failures=1))
        error = await failure(client, HOST)
        again = await failure(client, HOST)
        await client.close()
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"the proxy did not connect to registry {HOST} (status {status})"
    assert str(again).endswith("is left alone for a moment")
    assert proxy.asked == [CONNECT, CONNECT]


async def test_a_proxy_that_is_down_is_told_as_such(connect: Connect) -> None:
    async with FakeProxy({}) as proxy:
        url = URL(proxy.url).with_user("me").with_password("pw")
    error = await failure(connect(proxy=Proxy(url)), HOST)
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"the connection to the proxy for registry {HOST} failed (ECONNREFUSED)"


@pytest.mark.parametrize(
    ("host", "through"),
    [("ghcr.io", True), ("corp", True), ("a.corp", False), ("a.b.corp", False), ("registry.local", False)],
)
def test_hosts_and_domains_are_reached_without_it(host: str, through: bool) -> None:
    assert Proxy(URL("http://proxy:3128"), frozenset({".corp", "registry.local"})).is_for(host) is through
