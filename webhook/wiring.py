"""Where adapters meet ports: the one place that knows which registry client, keychain and policy source are used."""

from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Self

from aiohttp import ThreadedResolver
from yarl import URL

from webhook.admission.decide import Decider, Options
from webhook.admission.ports import Namespaces, Policies
from webhook.admission.verification import Verification
from webhook.clock import SystemClock
from webhook.config import EngineConfig, RegistryConfig, TrustConfig
from webhook.errors import ConfigurationError, RegistryUnavailableError
from webhook.policy.book import Book
from webhook.registry import endpoint
from webhook.registry.client import RegistryClient
from webhook.registry.keychain import AnonymousKeychain, DockerConfigKeychain, Keychain
from webhook.registry.settings import RegistrySettings
from webhook.registry.transport import Request, Transport
from webhook.trust import files
from webhook.trust.roots import Observer, TrustRoots
from webhook.trust.upkeep import RootedPolicies, upkeep

VERIFY_THREADS = 2
"""Signature checks are computation: more threads than cores only add latency."""

ONCE_SECONDS = 10.0
"""What a command waits for repositories of trust roots, before it judges without those that did not answer."""


@asynccontextmanager
async def engine(
    config: EngineConfig, policies: Policies, namespaces: Namespaces, observer: Observer | None = None
) -> AsyncIterator[Decider]:
    """What judges by these policies; closes its connections at the end. Raises `ConfigurationError`.

    `observer` is told what becomes of trust roots.
    """

    def named_literally(host: str) -> bool:
        return host in policies.current().literal_registries

    options = Options(cap=config.cap, no_match=config.no_match, pinning=config.pinning)
    async with (
        _trusting(config, policies, observer) as (rooted, trust),
        registry_client(config.registry, named_literally) as registry,
    ):
        with ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify") as pool:
            verification = Verification(registry, trust, SystemClock(), pool)
            try:
                yield Decider(rooted, verification, namespaces, options)
            finally:
                await verification.close()


async def trust_roots(
    config: TrustConfig, registry: RegistryConfig, book: Book | None = None, needed: Iterable[str] = ()
) -> TrustRoots:
    """The trust roots that the policies of a book need, and further ones by name, for a command without an engine.

    Those of repositories were asked for once. Raises `ConfigurationError`.
    """
    book = book or Book(())
    roots = TrustRoots(files.read(config.files), SystemClock())
    await roots.follow(book.needed_trust_roots.union(needed), book.trust_roots)
    async with RepositoryWeb(registry) as web:
        await roots.refresh(web, ONCE_SECONDS)
    return roots


@asynccontextmanager
async def _trusting(
    config: EngineConfig, policies: Policies, observer: Observer | None
) -> AsyncIterator[tuple[Policies, TrustRoots]]:
    """The trust roots that the policies need, and the policies, which come into force with them."""
    trust = config.trust
    given = files.read(trust.files)
    roots = TrustRoots(given, SystemClock(), observer, refresh_public_good=trust.upkeep and trust.refresh_public_good)
    rooted = RootedPolicies(policies, roots)
    await rooted.follow()
    async with RepositoryWeb(config.registry) as web:
        if not trust.upkeep:
            await roots.refresh(web, ONCE_SECONDS)
            yield rooted, roots
            return
        async with upkeep(rooted, roots, web):
            yield rooted, roots


class RepositoryWeb:
    """Fills `webhook.trust.web.Web` with the transport of registries, and what flags say of hosts.

    Whoever writes policies names a repository's host literally: as with a registry, its address may be private. Nothing
    is followed elsewhere.
    """

    def __init__(self, config: RegistryConfig) -> None:
        self._settings = _settings(config, lambda _host: True)
        self._transport: Transport | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._transport is not None:
            await self._transport.close()

    async def get(self, url: str, ceiling: int) -> bytes | None:
        """What lies at the URL, None where the server says that nothing does. Raises `NotFoundOutError`."""
        if self._transport is None:
            self._transport = Transport(self._settings, ThreadedResolver)
        target = URL(url, encoded=True)
        whom = endpoint.of_url(target).authority
        answer = await self._transport.ask(Request(target, whom, ceiling))
        if answer.status == 200:
            return answer.body
        if answer.status in {403, 404}:
            return None
        raise RegistryUnavailableError(f"{whom} answered with status {answer.status}")


@asynccontextmanager
async def registry_client(
    config: RegistryConfig, private_hosts: Callable[[str], bool]
) -> AsyncIterator[RegistryClient]:
    """A client of registries; `private_hosts` says which may have a private address. Raises `ConfigurationError`."""
    async with RegistryClient(_settings(config, private_hosts), _keychain(config)) as client:
        yield client


def _settings(config: RegistryConfig, private_hosts: Callable[[str], bool]) -> RegistrySettings:
    return RegistrySettings(
        insecure_hosts=config.insecure,
        ca_files=dict(config.ca_files),
        allow_addresses=config.allow_addresses,
        private_hosts=private_hosts,
    )


def _keychain(config: RegistryConfig) -> Keychain:
    if config.docker_config is None:
        return AnonymousKeychain()
    try:
        return DockerConfigKeychain(config.docker_config.read_bytes(), str(config.docker_config))
    except OSError as error:
        raise ConfigurationError(f"{config.docker_config}: {error.strerror}") from error
