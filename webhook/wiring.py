"""Where adapters meet ports: the one place that knows which registry client, keychain and policy source are used."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from yarl import URL

from webhook.admission.decide import Decider, Options
from webhook.admission.ports import Namespaces, Policies, PullSecrets
from webhook.admission.stages import UNWATCHED, Stages
from webhook.admission.verification import Verification
from webhook.cache import Counted
from webhook.clock import SystemClock
from webhook.config import EngineConfig, RegistryConfig, TrustConfig
from webhook.errors import RegistryUnavailableError
from webhook.kube.pull_secrets import ClusterPullSecrets, DockerSecret
from webhook.policy.book import Book
from webhook.registry import endpoint
from webhook.registry.client import RegistryClient
from webhook.registry.credential_providers import configuration
from webhook.registry.credential_providers.keychain import CredentialProviders
from webhook.registry.docker_config_file import DockerConfigFile
from webhook.registry.keychain import Keychain, KeychainChain
from webhook.registry.names import Names
from webhook.registry.observer import NamedRegistries
from webhook.registry.observer import Observer as RegistryObserver
from webhook.registry.pod_keyring import PodKeyring, PullSecret
from webhook.registry.settings import Mirror, RegistrySettings
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
    config: EngineConfig,
    policies: Policies,
    namespaces: Namespaces,
    observer: Observer | None = None,
    pull_secrets: PullSecrets | None = None,
    registry_observer: RegistryObserver | None = None,
    stages: Stages = UNWATCHED,
    follow_caches: Callable[[Mapping[str, Counted]], None] | None = None,
) -> AsyncIterator[Decider]:
    """What judges by these policies; closes its connections at the end. Raises `ConfigurationError`.

    `observer` is told what becomes of trust roots, `registry_observer` how registries answer, `stages` what is looked
    up and verified, `follow_caches` what is remembered. Without `pull_secrets`, those of pods are not used.
    """

    def named_literally(host: str) -> bool:
        return host in policies.current().literal_registries

    options = Options(
        cap=config.cap,
        no_match=config.no_match,
        pinning=config.pinning,
        pod_security_labels=config.pod_security_labels,
    )
    async with (
        _trusting(config, policies, observer) as (rooted, trust),
        registry_client(config.registry, named_literally, registry_observer) as registry,
    ):
        with ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify") as pool:
            verification = Verification(registry, trust, SystemClock(), pool, stages)
            if follow_caches is not None:
                follow_caches(verification.caches)
            try:
                yield Decider(rooted, verification, namespaces, options, pull_secrets, clock=SystemClock())
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
            self._transport = Transport(self._settings, Names)
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
    config: RegistryConfig, private_hosts: Callable[[str], bool], observer: RegistryObserver | None = None
) -> AsyncIterator[RegistryClient]:
    """A client of registries; `private_hosts` says which are named literally, and may have a private address.

    `observer` is told of those, and of those that flags name, by their names. Raises `ConfigurationError`.
    """
    flagged = {*config.insecure, *dict(config.ca_files), *dict(config.mirrors)}
    flagged |= {mirror.registry for _, mirror in config.mirrors}
    named = observer and NamedRegistries(observer, lambda host: host in flagged or private_hosts(host))
    settings = _settings(config, private_hosts)
    async with _keychain(config) as keychain, RegistryClient(settings, keychain, observer=named) as client:
        yield client


def _settings(config: RegistryConfig, private_hosts: Callable[[str], bool]) -> RegistrySettings:
    mirrors: dict[str, tuple[Mirror, ...]] = {}
    for host, mirror in config.mirrors:
        mirrors[host] = (*mirrors.get(host, ()), mirror)
    named = frozenset(mirror.registry for _, mirror in config.mirrors)
    return RegistrySettings(
        insecure_hosts=config.insecure,
        ca_files=dict(config.ca_files),
        allow_addresses=config.allow_addresses,
        private_hosts=lambda host: host in named or private_hosts(host),
        mirrors=mirrors,
        proxy=config.proxy,
    )


@asynccontextmanager
async def _keychain(config: RegistryConfig) -> AsyncIterator[Keychain]:
    """Who the operator says that we are: a file goes before programs, as on kubelet's nodes."""
    clock = SystemClock().monotonic
    keychains: list[Keychain] = []
    if config.docker_config is not None:
        keychains.append(DockerConfigFile(config.docker_config, clock))
    programs = config.credential_providers
    providers = CredentialProviders(() if programs is None else configuration.load(*programs), clock)
    try:
        yield KeychainChain([*keychains, providers])
    finally:
        await providers.close()


@asynccontextmanager
async def cluster_pull_secrets(kubeconfig: Path | None) -> AsyncIterator[PullSecrets]:
    """The pull secrets of pods, from the API server. Raises `ConfigurationError` where there is no cluster to ask."""
    pull_secrets = ClusterPullSecrets(SystemClock(), _pod_keyring, kubeconfig)
    try:
        await pull_secrets.connect()
        yield pull_secrets
    finally:
        await pull_secrets.close()


def _pod_keyring(secrets: Iterable[DockerSecret]) -> PodKeyring | None:
    """None where the secrets hold no credentials. Raises ValueError where one is malformed."""
    keyring = PodKeyring(PullSecret(secret.content, legacy=secret.legacy) for secret in secrets)
    return keyring or None
