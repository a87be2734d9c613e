"""Resolving tags, and the ways to a registry."""

import pytest

from tests.fakes.network import FakeResolver
from tests.fakes.registry import OCI_MANIFEST, FakeRegistry
from tests.fakes.replies import answering
from tests.registry.conftest import Connect, failure, resolve
from webhook import images
from webhook.errors import (
    ImageNotFoundError,
    NotFoundOutError,
    RegistryRateLimitedError,
    RegistryResponseError,
    RegistryUnavailableError,
)
from webhook.registry.manifests import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX

PATH = "/v2/app/manifests/1"
TYPED = {"Content-Type": OCI_MANIFEST}


async def test_a_tag_is_resolved_to_the_digest_of_what_it_names(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app", tag="1")
    assert await resolve(connect(), registry.host) == digest
    assert registry.paths == [PATH]


async def test_a_reference_without_tag_means_latest(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app", tag="latest")
    assert await resolve(connect(), registry.host, "app") == digest


async def test_a_digest_is_its_own_answer(registry: FakeRegistry, connect: Connect) -> None:
    digest = "sha256:" + "1" * 64
    assert await resolve(connect(), registry.host, f"app:1@{digest}") == digest
    assert registry.asked == []


async def test_all_four_kinds_of_image_are_asked_for_in_plain(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="1")
    await resolve(connect(), registry.host)
    headers = registry.asked[0].headers
    assert set(headers["Accept"].split(", ")) == {OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST}
    assert headers["Accept-Encoding"] == "identity"
    assert headers["User-Agent"] == "tidewaiter"


async def test_reg_15_an_anonymous_request_proves_nothing_to_anybody(registry: FakeRegistry, connect: Connect) -> None:
    registry.put_image("app", tag="1")
    await resolve(connect(), registry.host)
    assert set(registry.asked[0].headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding"}


async def test_a_missing_image_is_said_to_be_missing(registry: FakeRegistry, connect: Connect) -> None:
    error = await failure(connect(), registry.host)
    assert type(error) is ImageNotFoundError
    assert str(error) == f"registry {registry.host} has no image {registry.host}/app:1"


@pytest.mark.parametrize(
    ("status", "expected", "text"),
    [
        (429, RegistryRateLimitedError, "answered that it was asked too often (429)"),
        (500, RegistryUnavailableError, "answered with status 500"),
        (503, RegistryUnavailableError, "answered with status 503"),
        (204, RegistryResponseError, "answered with status 204"),
        (206, RegistryResponseError, "answered with status 206"),
        (400, RegistryResponseError, "answered with status 400"),
        (418, RegistryResponseError, "answered with status 418"),
    ],
)
async def test_reg_09_10_a_status_says_whether_another_try_may_help(
    registry: FakeRegistry, connect: Connect, status: int, expected: type[NotFoundOutError], text: str
) -> None:
    registry.replies[PATH] = answering(status, headers={"Retry-After": "3600"})
    error = await failure(connect(), registry.host)
    assert isinstance(error, expected)
    assert str(error) == f"registry {registry.host} {text}"


async def test_a_registry_that_is_down_is_unavailable(registry: FakeRegistry, connect: Connect) -> None:
    client = connect()
    await registry.stop()
    error = await failure(client, registry.host)
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"the connection to registry {registry.host} failed (ECONNREFUSED)"


async def test_a_name_that_does_not_resolve_is_unavailable(connect: Connect) -> None:
    client = connect(resolver=FakeResolver({}))
    with pytest.raises(
        RegistryUnavailableError, match=r"^the host name of registry gone\.example could not be resolved$"
    ):
        await client.resolve(images.parse("gone.example/app:1"))


async def test_reg_14_the_environment_has_no_say(
    registry: FakeRegistry, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="ascii") as file:  # noqa: PTH123, ASYNC230  a file of one line
        file.write("machine 127.0.0.1 login me password secret-marker\n")
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NETRC", netrc)
    digest = registry.put_image("app", tag="1")
    assert await resolve(connect(), registry.host) == digest
    assert registry.asked[0].authorization is None


async def test_reg_17_cookies_are_not_kept(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[PATH] = answering(404, headers={"Set-Cookie": "tracked=1; Path=/"})
    host = "cookies.example"
    client = connect(names={host: registry}, insecure_hosts=frozenset({host}))
    for _ in range(2):
        await failure(client, host)
    assert ["Cookie" in asked.headers for asked in registry.asked] == [False, False]


async def test_docker_hub_is_asked_where_its_api_is(connect: Connect) -> None:
    resolver = FakeResolver({})
    client = connect(resolver=resolver)
    with pytest.raises(RegistryUnavailableError, match=r"^the host name of registry docker\.io could not be resolved$"):
        await client.resolve(images.parse("nginx"))
    assert set(resolver.asked) == {"registry-1.docker.io"}


async def test_a_client_opens_nothing_before_it_is_asked(connect: Connect) -> None:
    resolver = FakeResolver({})
    async with connect(resolver=resolver):
        pass
    assert resolver.asked == []


async def test_what_a_client_opened_is_closed_with_it(connect: Connect) -> None:
    resolver = FakeResolver({})
    async with connect(resolver=resolver) as client:
        with pytest.raises(RegistryUnavailableError):
            await client.resolve(images.parse("gone.example/app:1"))
        assert not resolver.closed
    assert resolver.closed


async def test_a_client_may_be_closed_and_asked_again(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_image("app", tag="1")
    client = connect()
    for _ in range(2):
        assert await resolve(client, registry.host) == digest
        await client.close()
