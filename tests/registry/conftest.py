import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from aiohttp import web

from tests.fakes.clock import FakeClock
from tests.fakes.documents import OCI_CONFIG, compressed, manifest
from tests.fakes.network import Authority, FakeResolver
from tests.fakes.registry import OCI_MANIFEST, FakeRegistry, Layer
from webhook import images
from webhook.cli.demo.registry import Handler
from webhook.errors import NotFoundOutError, RegistryResponseError
from webhook.images import ImageReference, PinnedImage
from webhook.registry.client import RegistryClient
from webhook.registry.keychain import Credentials
from webhook.registry.settings import RegistrySettings
from webhook.registry.transport import TooLongError
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


class Crowd:
    """Answers only when three requests wait for it, and counts how many there were at most."""

    def __init__(self) -> None:
        self.most = 0
        self._under_way = 0
        self._full = asyncio.Barrier(3)

    def answering(self, content: bytes) -> Handler:
        async def answer(_request: web.Request) -> web.StreamResponse:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            await self._full.wait()
            self._under_way -= 1
            return web.Response(body=content, headers={"Content-Type": OCI_MANIFEST})

        return answer


async def at_once(_seconds: float) -> None:
    """In place of the pause before a second try."""


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
        clock: FakeClock | None = None,
        **settings: Any,
    ) -> RegistryClient:
        settings.setdefault("insecure_hosts", frozenset({registry.host}))
        client = RegistryClient(
            RegistrySettings(**settings),
            FixedKeychain(credentials),
            clock=clock,
            resolver=lambda: resolver or FakeResolver(names or {}),
            pause=at_once,
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


async def evidence(
    client: RegistryClient,
    registry: FakeRegistry,
    digest: str,
    *,
    attestations: bool = False,
    repository: str = "team/app",
) -> Evidence:
    return await client.evidence(pinned(registry, digest, repository), attestations=attestations)


def pinned(registry: FakeRegistry, digest: str, repository: str = "team/app") -> PinnedImage:
    image = images.parse(f"{registry.host}/{repository}@{digest}").pinned()
    assert isinstance(image, PinnedImage)
    return image


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


async def failure(client: RegistryClient, host: str, rest: str = "app:1") -> NotFoundOutError:
    """The error of resolving a tag at a host."""
    with pytest.raises(NotFoundOutError) as raised:
        await resolve(client, host, rest)
    assert str(raised.value).isascii()
    return raised.value


async def contents_failure(client: RegistryClient, registry: FakeRegistry, digest: str) -> NotFoundOutError:
    """The error of looking into an image."""
    with pytest.raises(NotFoundOutError) as raised:
        await client.contents(pinned(registry, digest))
    assert str(raised.value).isascii()
    assert str(raised.value).isprintable()
    return raised.value


async def refused_contents(client: RegistryClient, registry: FakeRegistry, digest: str) -> str:
    """Why what was answered about an image cannot be used."""
    error = await contents_failure(client, registry, digest)
    assert type(error) in {RegistryResponseError, TooLongError}
    return str(error)


def put_made_of(registry: FakeRegistry, config: bytes, layers: int = 1) -> str:
    """An image with this config and so many layers."""
    described = registry.put_layer("team/app", Layer(config, media_type=OCI_CONFIG))
    layer = registry.put_layer("team/app", Layer(compressed("base")))
    return registry.put_manifest("team/app", manifest(described, [layer] * layers), OCI_MANIFEST)
