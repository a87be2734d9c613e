"""Where adapters meet ports: the one place that knows which registry client, keychain and policy source are used."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from webhook.admission.decide import Decider, Options
from webhook.admission.ports import Namespaces, Policies
from webhook.admission.verification import Verification
from webhook.clock import SystemClock
from webhook.config import EngineConfig, RegistryConfig
from webhook.errors import ConfigurationError
from webhook.registry.client import RegistryClient
from webhook.registry.keychain import AnonymousKeychain, DockerConfigKeychain, Keychain
from webhook.registry.settings import RegistrySettings

VERIFY_THREADS = 2
"""Signature checks are computation: more threads than cores only add latency."""


@asynccontextmanager
async def engine(config: EngineConfig, policies: Policies, namespaces: Namespaces) -> AsyncIterator[Decider]:
    """What judges by these policies; closes its connections at the end. Raises `ConfigurationError`."""

    def named_literally(host: str) -> bool:
        return host in policies.current().literal_registries

    options = Options(cap=config.cap, no_match=config.no_match, pinning=config.pinning)
    async with registry_client(config.registry, named_literally) as registry:
        with ThreadPoolExecutor(VERIFY_THREADS, thread_name_prefix="verify") as pool:
            verification = Verification(registry, SystemClock(), pool)
            try:
                yield Decider(policies, verification, namespaces, options)
            finally:
                await verification.close()


@asynccontextmanager
async def registry_client(
    config: RegistryConfig, private_hosts: Callable[[str], bool]
) -> AsyncIterator[RegistryClient]:
    """A client of registries; `private_hosts` says which may have a private address. Raises `ConfigurationError`."""
    settings = RegistrySettings(
        insecure_hosts=config.insecure,
        ca_files=dict(config.ca_files),
        allow_addresses=config.allow_addresses,
        private_hosts=private_hosts,
    )
    async with RegistryClient(settings, _keychain(config)) as client:
        yield client


def _keychain(config: RegistryConfig) -> Keychain:
    if config.docker_config is None:
        return AnonymousKeychain()
    try:
        return DockerConfigKeychain(config.docker_config.read_bytes(), str(config.docker_config))
    except OSError as error:
        raise ConfigurationError(f"{config.docker_config}: {error.strerror}") from error
