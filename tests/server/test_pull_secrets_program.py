"""`serve --pull-secrets`, from a pod's Secret at an API server to its image at a registry."""

import asyncio
import base64
import json
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import trustme

from tests.admission.test_reviewer import a_pod, container, review
from tests.fakes.registry import BasicAuth, FakeRegistry
from tests.kube.api_server import FakeObjects, serving
from tests.server.test_program import Output, client, config, write_policy
from webhook.config import RegistryConfig
from webhook.errors import ConfigurationError
from webhook.server.program import ANYBODY_ASKS, running

CANARY = "hunter2-canary"
JSON = {"Content-Type": "application/json"}
POLICY = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: resolved}
spec:
  images: {denyDigests: ["sha256:%s"], tags: UnsafeResolved}
"""


def put_login(api: FakeObjects, name: str, content: str) -> None:
    data = {".dockerconfigjson": base64.b64encode(content.encode()).decode()}
    api.put("Secret", "prod", name, type="kubernetes.io/dockerconfigjson", data=data)


def review_of(image: str, *secrets: str) -> bytes:
    pod = a_pod(container(image=image), imagePullSecrets=[{"name": name} for name in secrets])
    return review(pod)


async def answers(folder: Path, registry: FakeRegistry, api: FakeObjects, *reviews: bytes) -> tuple[list[Any], Output]:
    output = Output()
    write_policy(folder, POLICY % ("b" * 64))
    reach = RegistryConfig(insecure=frozenset({registry.host}))
    async with asyncio.timeout(60), serving(api, folder) as kubeconfig:
        settings = msgspec.structs.replace(config(folder, registry=reach), pull_secrets=True, kubeconfig=kubeconfig)
        async with running(settings, output) as service, client(folder) as session:
            (host, port), _ = service.addresses
            url = f"https://{host}:{port}/validate?timeout=20s"
            found = []
            for body in reviews:
                async with session.post(url, data=body, headers=JSON) as answer:
                    found.append((await answer.json())["response"])
    return found, output


async def test_a_pod_is_judged_with_its_own_secrets_and_nothing_of_them_is_told(tmp_path: Path) -> None:
    api = FakeObjects()
    async with FakeRegistry() as registry:
        registry.auth = BasicAuth("robot", CANARY)
        registry.put_image("app", tag="1")
        entry = {"username": "robot", "password": CANARY}
        put_login(api, "login", json.dumps({"auths": {registry.host: entry}}))
        put_login(api, "malformed", json.dumps({"auths": {registry.host: {"auth": CANARY}}}))
        image = f"{registry.host}/app:1"
        reviews = [review_of(image, names) for names in ("login", "missing", "malformed")]
        found, output = await answers(tmp_path, registry, api, *reviews)
    assert [answer["allowed"] for answer in found] == [True, False, False]
    assert "CREDENTIALS_MISSING" in found[1]["status"]["message"]
    assert "CREDENTIALS_UNAVAILABLE" in found[2]["status"]["message"]
    assert CANARY not in json.dumps([found, output.lines])


async def test_without_a_cluster_it_does_not_start(tmp_path: Path) -> None:
    write_policy(tmp_path, POLICY % ("b" * 64))
    settings = msgspec.structs.replace(config(tmp_path), pull_secrets=True, kubeconfig=tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        async with running(settings, Output()):
            pass


PINNED = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: pinned}
spec:
  images: {tags: Pinned}
"""


async def pinning(folder: Path, registry: FakeRegistry, *, authority: trustme.CA | None) -> tuple[list[Any], Output]:
    """What `/pin` and `/validate` answer about a pod whose secret opens its image, and what was logged.

    With an authority, the program lets in only who has a certificate of it, as we have.
    """
    output, api = Output(), FakeObjects()
    put_login(api, "login", json.dumps({"auths": {registry.host: {"username": "robot", "password": CANARY}}}))
    write_policy(folder, PINNED)
    reach = RegistryConfig(insecure=frozenset({registry.host}))
    settings = msgspec.structs.replace(config(folder, registry=reach), pull_secrets=True, pinning=True)
    tls = ssl.create_default_context(cafile=str(folder / "tls.crt"))
    if authority is not None:
        authority.cert_pem.write_to_path(str(folder / "client-ca.crt"))
        authority.issue_cert(common_name="kube-apiserver").configure_cert(tls)
        settings = msgspec.structs.replace(
            settings, client_ca=folder / "client-ca.crt", client_names=frozenset({"kube-apiserver"})
        )
    async with asyncio.timeout(60), serving(api, folder) as kubeconfig:
        settings = msgspec.structs.replace(settings, kubeconfig=kubeconfig)
        connector = aiohttp.TCPConnector(ssl=tls)
        async with running(settings, output) as service, aiohttp.ClientSession(connector=connector) as session:
            (host, port), _ = service.addresses
            found = []
            for path in ("pin", "validate"):
                body = review_of(f"{registry.host}/app:1", "login")
                async with session.post(f"https://{host}:{port}/{path}?timeout=20s", data=body, headers=JSON) as answer:
                    found.append((await answer.json())["response"])
    return found, output


async def test_digests_that_a_pull_secret_opens_are_told_to_clients_that_are_known(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        registry.auth = BasicAuth("robot", CANARY)
        digest = registry.put_image("app", tag="1")
        (pinned, _), output = await pinning(tmp_path, registry, authority=trustme.CA())
    [operation] = json.loads(base64.b64decode(pinned["patch"]))
    assert operation["value"] == f"{registry.host}/app:1@{digest}"
    assert ANYBODY_ASKS not in [line["msg"] for line in output.lines]


async def test_where_anybody_may_ask_no_digest_is_told_and_the_log_says_so_at_start(tmp_path: Path) -> None:
    async with FakeRegistry() as registry:
        registry.auth = BasicAuth("robot", CANARY)
        digest = str(registry.put_image("app", tag="1"))
        (pinned, judged), output = await pinning(tmp_path, registry, authority=None)
    assert pinned["allowed"] is True
    assert "patch" not in pinned
    [warning] = pinned["warnings"]
    assert "CREDENTIALS_MISSING" in warning
    assert "let only the API server in (--client-ca)" in warning
    assert judged["allowed"] is False
    assert "TAG_NOT_PINNED" in judged["status"]["message"]
    assert digest not in json.dumps([pinned, judged])
    assert [line["level"] for line in output.lines if line["msg"] == ANYBODY_ASKS] == ["warning"]
