"""`serve --pull-secrets`, from a pod's Secret at an API server to its image at a registry."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.admission.test_reviewer import a_pod, container, review
from tests.fakes.registry import BasicAuth, FakeRegistry
from tests.kube.api_server import FakeObjects, serving
from tests.server.test_program import Output, client, config, write_policy
from webhook.config import RegistryConfig
from webhook.errors import ConfigurationError
from webhook.server.program import running

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
