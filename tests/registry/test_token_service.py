"""Token services: which are asked, and what they answer."""

from ipaddress import ip_network

import pytest

from tests.fakes.network import Authority
from tests.fakes.registry import TOKEN_PATH, FakeRegistry, TokenAuth
from tests.fakes.replies import answering, endless, redirecting, stalling
from tests.registry.conftest import Connect, Serve, failure, resolve
from webhook import images
from webhook.errors import (
    NotFoundOutError,
    RegistryRateLimitedError,
    RegistryResponseError,
    RegistryUnavailableError,
)
from webhook.registry.keychain import Credentials
from webhook.registry.settings import Limits

ME = Credentials("me", "pw")
BASIC = "Basic bWU6cHc="
PATH = "/v2/app/manifests/1"


@pytest.mark.parametrize(
    ("status", "expected", "text"),
    [
        (429, RegistryRateLimitedError, "answered that it was asked too often (429)"),
        (503, RegistryUnavailableError, "answered with status 503"),
        (404, RegistryResponseError, "answered with status 404"),
        (400, RegistryResponseError, "answered with status 400"),
    ],
)
async def test_a_token_services_failure_is_told_from_its_registrys(
    registry: FakeRegistry, connect: Connect, status: int, expected: type[NotFoundOutError], text: str
) -> None:
    registry.auth = TokenAuth()
    registry.replies[TOKEN_PATH] = answering(status)
    error = await failure(connect(ME), registry.host)
    assert isinstance(error, expected)
    assert str(error) == f"the token service of registry {registry.host} {text}"


async def test_a_token_service_is_not_followed_elsewhere(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[TOKEN_PATH] = redirecting("/elsewhere")
    registry.auth = TokenAuth()
    error = await failure(connect(ME), registry.host)
    assert type(error) is RegistryResponseError
    assert registry.paths == [PATH, TOKEN_PATH]


@pytest.mark.parametrize("body", [b"<html>", b'{"token": "a\\r\\nb"}', b'{"token": "x", "expires_in": -1}'])
async def test_reg_12_a_token_that_is_none_is_refused(registry: FakeRegistry, connect: Connect, body: bytes) -> None:
    registry.auth = TokenAuth(answer=body)
    error = await failure(connect(), registry.host)
    assert type(error) is RegistryResponseError
    assert str(error).startswith(f"registry {registry.host} cannot be asked: its token service answered with ")


async def test_reg_12_an_endless_token_is_cut_off(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[TOKEN_PATH] = endless()
    registry.auth = TokenAuth()
    error = await failure(connect(), registry.host)
    assert str(error) == f"the token service of registry {registry.host} answered with more than 65536 bytes"


async def test_a_token_service_shares_the_deadline_of_the_question(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies[TOKEN_PATH] = stalling(registry.released)
    registry.auth = TokenAuth()
    error = await failure(connect(limits=Limits(request_seconds=0.2)), registry.host)
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"registry {registry.host} did not answer within 0.2 s"


async def test_a_sibling_is_asked_for_a_token_and_a_stranger_is_not(
    connect: Connect, serve: Serve, authority: Authority
) -> None:
    registry: FakeRegistry = await serve("registry.example.com")
    service: FakeRegistry = await serve("auth.example.com", "attacker.example.net")
    digest = registry.put_image("app", tag="1")
    registry.auth = TokenAuth(username="me", password="pw", realm="https://auth.example.com/token")
    service.auth = TokenAuth(username="me", password="pw")
    hosts = ("registry.example.com", "auth.example.com", "attacker.example.net")
    client = connect(
        ME,
        names={"registry.example.com": registry, "auth.example.com": service, "attacker.example.net": service},
        ca_files=dict.fromkeys(hosts, authority.pem),
        allow_addresses=(ip_network("127.0.0.1/32"),),
    )
    assert await resolve(client, "registry.example.com") == digest
    assert [(asked.host, asked.authorization) for asked in service.asked] == [("auth.example.com", BASIC)]
    assert BASIC not in [asked.authorization for asked in registry.asked]

    service.asked.clear()
    registry.auth = TokenAuth(realm="https://attacker.example.net/token", token="new")
    error = await failure(client, "registry.example.com")
    assert type(error) is RegistryResponseError
    assert service.asked == []


async def test_reg_03_a_sibling_at_an_inner_address_is_not_asked(
    connect: Connect, serve: Serve, authority: Authority
) -> None:
    registry: FakeRegistry = await serve("registry.example.com")
    registry.auth = TokenAuth(realm="https://auth.example.com/token")
    client = connect(
        names={"registry.example.com": registry, "auth.example.com": "169.254.169.254"},
        ca_files={"registry.example.com": authority.pem},
        allow_addresses=(ip_network("127.0.0.1/32"),),
    )
    error = await failure(client, "registry.example.com")
    assert type(error) is RegistryResponseError
    assert str(error) == (
        "the token service of registry registry.example.com names a host that has a metadata address,"
        " which may not be dialled"
    )


async def test_docker_hub_is_asked_at_its_api_and_its_token_service(
    connect: Connect, serve: Serve, authority: Authority
) -> None:
    hub: FakeRegistry = await serve("registry-1.docker.io", "auth.docker.io")
    digest = hub.put_image("library/nginx", tag="latest")
    hub.auth = TokenAuth("me", "pw", realm="https://auth.docker.io/token", service="registry.docker.io")
    client = connect(
        ME,
        names={"registry-1.docker.io": hub, "auth.docker.io": hub},
        ca_files=dict.fromkeys(("docker.io", "auth.docker.io"), authority.pem),
        allow_addresses=(ip_network("127.0.0.1/32"),),
    )
    assert str(await client.resolve(images.parse("nginx"))) == f"docker.io/library/nginx@{digest}"
    assert [(asked.host, asked.path, asked.authorization) for asked in hub.asked] == [
        ("registry-1.docker.io", "/v2/library/nginx/manifests/latest", None),
        ("auth.docker.io", "/token", BASIC),
        ("registry-1.docker.io", "/v2/library/nginx/manifests/latest", "Bearer granted"),
    ]
