from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from tests.fakes.network import Authority, FakeResolver
from tests.fakes.registry import FakeRegistry
from webhook import images
from webhook.errors import NotFoundOutError
from webhook.images import ImageReference, PinnedImage
from webhook.registry.client import RegistryClient
from webhook.registry.keychain import Credentials
from webhook.registry.settings import RegistrySettings
from webhook.signatures.evidence import Evidence

Connect = Callable[..., RegistryClient]
Serve = Callable[..., Any]


class FixedKeychain:
    """The same credentials for every image; keeps the images that it was asked for."""

    def __init__(self, credentials: Credentials | None = None) -> None:
        self.asked: list[str] = []
        self._credentials = credentials

    async def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
        self.asked.append(str(image))
        return self._credentials


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as registry:
        yield registry


@pytest.fixture
async def connect(registry: FakeRegistry) -> AsyncIterator[Connect]:
    """Makes clients that may speak to `registry` in plain http, and closes them."""
    clients: list[RegistryClient] = []

    def make(
        credentials: Credentials | None = None,
        *,
        names: Mapping[str, FakeRegistry | str] | None = None,
        resolver: FakeResolver | None = None,
        **settings: Any,
    ) -> RegistryClient:
        settings.setdefault("insecure_hosts", frozenset({registry.host}))
        client = RegistryClient(
            RegistrySettings(**settings),
            FixedKeychain(credentials),
            resolver=lambda: resolver or FakeResolver(names or {}),
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
async def serve(authority: Authority) -> AsyncIterator[Serve]:
    """Starts registries that speak TLS under host names, and stops them."""
    started: list[FakeRegistry] = []

    async def start(*names: str) -> FakeRegistry:
        registry = FakeRegistry()
        await registry.start(authority.context(*names))
        started.append(registry)
        return registry

    yield start
    for registry in started:
        await registry.stop()


@pytest.fixture
def digest(registry: FakeRegistry) -> str:
    """The digest of an image that lies in the registry."""
    return registry.put_image("team/app")


async def evidence(client: RegistryClient, registry: FakeRegistry, digest: str) -> Evidence:
    image = images.parse(f"{registry.host}/team/app@{digest}").pinned()
    assert isinstance(image, PinnedImage)
    return await client.evidence(image)


def tag(digest: str, suffix: str = "") -> str:
    return f"tag {digest.replace(':', '-')}{suffix}"


def manifest_path(reference: str) -> str:
    return f"/v2/team/app/manifests/{reference.replace('tag ', '')}"


def contents(found: Evidence) -> list[bytes]:
    return [attachment.content for attachment in found.attachments]


def reasons(found: Evidence) -> list[tuple[str, str]]:
    return [(unusable.source, unusable.reason) for unusable in found.unusable]


async def resolve(client: RegistryClient, host: str, rest: str = "app:1") -> str:
    """The digest that a tag at a host is resolved to."""
    return str((await client.resolve(images.parse(f"{host}/{rest}"))).digest)


async def failure(client: RegistryClient, host: str) -> NotFoundOutError:
    """The error of resolving a tag at a host."""
    with pytest.raises(NotFoundOutError) as raised:
        await resolve(client, host)
    assert str(raised.value).isascii()
    return raised.value
