"""`serve --warm` as a whole: a cluster, a registry, and the service that answers in the meantime."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from tests.admission.test_reviewer import review
from tests.kube.pods_api import FakeApiServer, a_pod
from tests.server.serving import until
from tests.server.test_program import POLICY, Output, client, config, write_policy
from webhook.cli.demo.registry import DemoRegistry
from webhook.cli.demo.scenario import Images, make_key, policies, push_images
from webhook.config import RegistryConfig, ServeConfig
from webhook.server.program import running
from webhook.server.run import Service

NAMESPACE = "production"


class Shop(msgspec.Struct, frozen=True):
    """A registry, and a folder with policies for its images."""

    registry: DemoRegistry
    images: Images
    folder: Path

    def config(self, kubeconfig: Path | None) -> ServeConfig:
        reach = RegistryConfig(insecure=frozenset({self.registry.host}))
        return msgspec.structs.replace(config(self.folder, registry=reach), warm=True, kubeconfig=kubeconfig)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    key = make_key()
    async with DemoRegistry() as registry:
        images = push_images(registry, key, make_key())
        write_policy(tmp_path, policies(registry.host, key))
        yield Shop(registry, images, tmp_path)


async def admits(session: aiohttp.ClientSession, service: Service, image: str) -> bool:
    (host, port), _ = service.addresses
    security = {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    pod = {"kind": "Pod", "spec": {"containers": [{"name": "c", "image": image, "securityContext": security}]}}
    body = review(pod, namespace=NAMESPACE)
    url, headers = f"https://{host}:{port}/validate", {"Content-Type": "application/json"}
    async with session.post(url, data=body, headers=headers) as answer:
        return bool((await answer.json())["response"]["allowed"])


async def test_what_runs_already_is_admitted_without_asking_its_registry(shop: Shop) -> None:
    cluster, output = FakeApiServer(), Output()
    cluster.pods = [a_pod(NAMESPACE, shop.images.legacy, shop.images.bundle), a_pod("elsewhere", "nginx:1.29")]
    async with (
        cluster.listening(shop.folder) as kubeconfig,
        running(shop.config(kubeconfig), output) as service,
        client(shop.folder) as session,
    ):
        line = await output.wait_for(lambda line: line["msg"].startswith("warmed up"))
        assert line["msg"] == "warmed up: 3 images judged, 2 of them verified"
        asked = shop.registry.requests
        assert asked > 0
        assert [await admits(session, service, each) for each in (shop.images.legacy, shop.images.bundle)] == [True] * 2
        assert shop.registry.requests == asked
        assert not await admits(session, service, shop.images.unsigned)
        assert shop.registry.requests > asked


async def test_without_a_cluster_it_is_told_and_reviews_are_answered(shop: Shop) -> None:
    output = Output()
    async with running(shop.config(shop.folder / "missing"), output) as service, client(shop.folder) as session:
        line = await output.wait_for(lambda line: line["level"] == "error")
        assert re.fullmatch(r"warming up without all pods: the API server did not list the pods \(.*\)", line["msg"])
        assert await admits(session, service, shop.images.legacy)
        _, (host, port) = service.addresses
        async with session.get(f"http://{host}:{port}/readyz") as answer:
            assert answer.status == 200


async def test_the_end_does_not_wait_for_it(tmp_path: Path) -> None:
    write_policy(tmp_path, POLICY % "Audit")
    cluster, output = FakeApiServer(), Output()
    cluster.gate.clear()
    async with asyncio.timeout(20), cluster.listening(tmp_path) as kubeconfig:
        settings = msgspec.structs.replace(config(tmp_path), warm=True, kubeconfig=kubeconfig)
        async with running(settings, output) as service:
            await until(lambda: bool(cluster.asked))
            assert service.addresses[0][1]
        cluster.gate.set()
    assert not any("warm" in line["msg"] for line in output.lines)
