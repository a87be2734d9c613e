"""Thousands of pods at a real API server, made fast, and kept running by kwok in place of kubelets."""

import asyncio
import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.system.controlplane import ControlPlane
from tests.system.processes import running
from tests.system.tools import source, tool

NODE = "crowded"
_AT_ONCE = 32
_STAGES = ("node/fast/node-initialize.yaml", "pod/fast/pod-ready.yaml")


@contextmanager
def kubelets(cluster: ControlPlane, folder: Path) -> Iterator[None]:
    """One node, ready, whose pods run."""
    stages = source("kwok", "sigs.k8s.io/kwok") / "kustomize" / "stage"
    written = folder / "stages.yaml"
    written.write_text("\n---\n".join((stages / each).read_text(encoding="utf-8") for each in _STAGES), "utf-8")
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "annotations": {"kwok.x-k8s.io/node": "fake"}},
    }
    cluster.kubectl("create", "-f", "-", input=json.dumps(node))
    command: list[str | Path] = [
        tool("kwok"),
        f"--kubeconfig={cluster.kubeconfig}",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=0",
        f"--config={written}",
    ]

    def ready() -> bool:
        conditions = cluster.kubectl(
            "get", "node", NODE, "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        )
        return conditions.stdout == "True"

    with running(command, folder / "kwok.log", ready):
        yield


class Crowd:
    """Deployments with pods, as their controllers would have made them: each pod is a ReplicaSet's."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def make(self, images: Sequence[str], deployments: int, pods_of_each: int) -> None:
        """Deployments of these images in turn."""
        asyncio.run(self._make(images, deployments, pods_of_each))

    async def _make(self, images: Sequence[str], deployments: int, pods_of_each: int) -> None:
        context = ssl.create_default_context(cafile=self._cluster.ca)
        headers = {"Authorization": f"Bearer {self._cluster.admin_token}"}
        connector = aiohttp.TCPConnector(ssl=context, limit=_AT_ONCE)
        turns = asyncio.Semaphore(_AT_ONCE)
        async with aiohttp.ClientSession(self._cluster.server, headers=headers, connector=connector) as session:

            async def post(path: str, written: dict[str, Any]) -> str:
                async with turns, session.post(path, json=written) as answer:
                    made = await answer.json()
                    assert answer.status == 201, made
                    return str(made["metadata"]["uid"])

            async def deployment(number: int) -> None:
                spec = _template(images[number % len(images)], f"d{number}")
                uid = await post(f"/apis/apps/v1/namespaces/{self._namespace}/deployments", _object(f"d{number}", spec))
                owned = _object(f"d{number}-1", spec, _owner("Deployment", f"d{number}", uid))
                uid = await post(f"/apis/apps/v1/namespaces/{self._namespace}/replicasets", owned)
                path = f"/api/v1/namespaces/{self._namespace}/pods"
                pod_spec = {**spec["template"]["spec"], "nodeName": NODE}
                owner = _owner("ReplicaSet", f"d{number}-1", uid)
                pods = (_object(f"d{number}-1-{each}", pod_spec, owner) for each in range(pods_of_each))
                await asyncio.gather(*(post(path, pod) for pod in pods))

            await asyncio.gather(*map(deployment, range(deployments)))

    def running(self) -> int:
        """How many of the pods run."""
        listed = self._cluster.kubectl(
            "get", "pods", "-n", self._namespace, "--field-selector=status.phase=Running", "-o", "name"
        )
        return len(listed.stdout.splitlines())


def _template(image: str, name: str) -> dict[str, Any]:
    labels = {"app": name}
    spec = {"containers": [{"name": "app", "image": image}]}
    return {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}


def _owner(kind: str, name: str, uid: str) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": True}


def _object(name: str, spec: dict[str, Any], *owners: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name, "ownerReferences": list(owners)}, "spec": spec}
