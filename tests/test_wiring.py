import base64
import json
import ssl
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from tests.admission.conftest import FixedPolicies, book
from tests.admission.test_decide import SOON, a_pod
from tests.fakes.registry import BasicAuth, FakeRegistry
from tests.kube.api_server import FakeObjects, serving
from webhook import images
from webhook.config import EngineConfig, RegistryConfig
from webhook.errors import (
    AddressNotAllowedError,
    ConfigurationError,
    CredentialsMissingError,
    CredentialsRefusedError,
    CredentialsUnavailableError,
    RegistryUnavailableError,
)
from webhook.kube.namespaces import KnownNamespaces
from webhook.wiring import cluster_pull_secrets, engine, registry_client

LOOPBACK = (ip_network("127.0.0.0/8"),)


def nowhere(_host: str) -> bool:
    return False


async def resolve(config: RegistryConfig, host: str) -> str:
    async with registry_client(config, nowhere) as client:
        return str(await client.resolve(images.parse(f"{host}/app:1")))


async def test_an_address_on_loopback_needs_a_flag_that_names_it() -> None:
    async with FakeRegistry() as registry:
        registry.put_image("app", tag="1")
        with pytest.raises(AddressNotAllowedError):
            await resolve(RegistryConfig(), registry.host)
        assert registry.asked == []
        assert await resolve(RegistryConfig(insecure=frozenset({registry.host})), registry.host)


async def test_the_authorities_of_a_registry_and_allowed_addresses_reach_the_client(tmp_path: Path) -> None:
    authority = trustme.CA()
    file = tmp_path / "ca.crt"
    authority.cert_pem.write_to_path(str(file))
    certificate = authority.issue_cert("127.0.0.1")
    registry = FakeRegistry()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(tls)
    await registry.start(tls)
    try:
        registry.put_image("app", tag="1")
        with pytest.raises(RegistryUnavailableError, match="certificate"):
            await resolve(RegistryConfig(allow_addresses=LOOPBACK), registry.host)
        trusted = RegistryConfig(allow_addresses=LOOPBACK, ca_files=((registry.host, file),))
        assert await resolve(trusted, registry.host)
    finally:
        await registry.stop()


async def test_the_docker_config_reaches_the_client(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    async with FakeRegistry() as registry:
        registry.auth = BasicAuth("robot", "s3cret")
        registry.put_image("app", tag="1")
        insecure = frozenset({registry.host})
        with pytest.raises(CredentialsMissingError):
            await resolve(RegistryConfig(insecure=insecure), registry.host)
        file.write_text(json.dumps({"auths": {registry.host: {"username": "robot", "password": "s3cret"}}}))
        assert await resolve(RegistryConfig(insecure=insecure, docker_config=file), registry.host)


@pytest.mark.parametrize("content", ["[]", '{"auths": {"r.example.com": {"auth": "!"}}}'])
async def test_a_docker_config_that_cannot_be_used_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "config.json"
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=str(file)):
        await resolve(RegistryConfig(docker_config=file), "r.example.com")
    with pytest.raises(ConfigurationError, match="No such file"):
        await resolve(RegistryConfig(docker_config=tmp_path / "missing"), "r.example.com")


DENYING = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: denying}
spec:
  images: {denyDigests: ["sha256:%s"], tags: UnsafeResolved}
"""


async def test_a_private_address_that_no_allowlist_names_is_not_dialled() -> None:
    policies = FixedPolicies(book(DENYING % ("b" * 64)))
    async with engine(EngineConfig(policies=()), policies, KnownNamespaces({})) as decider:
        verdict = await decider.decide(a_pod("10.255.255.1/app:1"), "prod", SOON)
    assert [each.code.value for each in verdict.violations if each.denies] == ["ADDRESS_NOT_ALLOWED"]


ECHOING = """#!/bin/sh
cat > /dev/null
printf '{"apiVersion": "credentialprovider.kubelet.k8s.io/v1", "kind": "CredentialProviderResponse",'
printf '"cacheKeyType": "Registry", "auth": {"%s": {"username": "robot", "password": "s3cret"}}}' "$REGISTRY"
"""


def credential_provider(folder: Path, registry: str) -> tuple[Path, Path]:
    """A CredentialProviderConfig and the folder of its program, which knows one registry."""
    program = folder / "provider"
    program.write_text(ECHOING)
    program.chmod(0o755)
    provider = {
        "name": "provider",
        "matchImages": [registry],
        "defaultCacheDuration": "1h",
        "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
        "env": [{"name": "REGISTRY", "value": registry}],
    }
    file = folder / "providers.json"
    file.write_text(
        json.dumps(
            {"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig", "providers": [provider]}
        )
    )
    return file, folder


async def test_credential_providers_reach_the_client_and_a_docker_config_goes_before(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        registry.auth = BasicAuth("robot", "s3cret")
        registry.put_image("app", tag="1")
        insecure = frozenset({registry.host})
        providers = credential_provider(tmp_path, registry.host)
        assert await resolve(RegistryConfig(insecure=insecure, credential_providers=providers), registry.host)
        file = tmp_path / "config.json"
        file.write_text(json.dumps({"auths": {registry.host: {"username": "other", "password": "s3cret"}}}))
        both = RegistryConfig(insecure=insecure, credential_providers=providers, docker_config=file)
        with pytest.raises(CredentialsRefusedError):
            await resolve(both, registry.host)


async def test_credential_providers_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    file, folder = credential_provider(tmp_path, "r.example.com")
    (folder / "provider").unlink()
    with pytest.raises(ConfigurationError, match="there is no program provider in"):
        await resolve(RegistryConfig(credential_providers=(file, folder)), "r.example.com")


async def test_the_pull_secrets_of_a_pod_are_its_keyring(tmp_path: Path) -> None:
    api = FakeObjects()
    content = base64.b64encode(b'{"auths": {"ghcr.io": {"username": "robot", "password": "s3cret"}}}').decode()
    put = partial(api.put, "Secret", "prod", type="kubernetes.io/dockerconfigjson")
    put("login", data={".dockerconfigjson": content})
    put("hollow", data={".dockerconfigjson": base64.b64encode(b"{}").decode()})
    put("malformed", data={".dockerconfigjson": base64.b64encode(b"[]").decode()})
    image = images.parse("ghcr.io/app")
    async with serving(api, tmp_path) as kubeconfig, cluster_pull_secrets(kubeconfig) as pull_secrets:
        keyring = await pull_secrets.keyring("prod", ("login",), "", SOON)
        assert keyring is not None
        assert keyring.scope(image)
        assert await pull_secrets.keyring("prod", ("hollow",), "", SOON) is None
        with pytest.raises(CredentialsUnavailableError):
            await pull_secrets.keyring("prod", ("malformed",), "", SOON)


async def test_pull_secrets_need_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        async with cluster_pull_secrets(tmp_path / "missing"):
            pass
