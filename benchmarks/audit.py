"""An audit of 10,000 pods, listed in pages by an API server of our own on loopback."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from benchmarks.audited import Audit
from benchmarks.figures import Figure, Goal
from benchmarks.reviews import CONTAINERS, NAMESPACE, review
from benchmarks.stage import Stage

PODS = 10_000
PODS_OF_ONE = 20
NEW_IMAGES = 100
MIB = 2**20

_PODS = "/api/v1/pods"
_FILLING = [{"manager": f"manager-{number}", "fieldsV1": {f"f:{'field' * 20}": {}}} for number in range(24)]
"""What every object has beside what is read of it."""


class PodLists:
    """An API server that has pods of Deployments, each of so many, and what stands behind them."""

    def __init__(self, images: list[str]) -> None:
        self._owners = [f"shop-{number:04}" for number in range(PODS // PODS_OF_ONE)]
        self._replica_sets = [self._replica_set(name) for name in self._owners]
        self._pods = [self._pod(number, images) for number in range(PODS)]

    def _replica_set(self, name: str) -> dict[str, Any]:
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": f"d-{name}", "controller": True}
        metadata = {"name": f"{name}-1", "namespace": NAMESPACE, "uid": f"r-{name}", "ownerReferences": [owner]}
        return {"metadata": {**metadata, "managedFields": _FILLING[:2]}}

    def _pod(self, number: int, images: list[str]) -> bytes:
        name = self._owners[number // PODS_OF_ONE]
        first = (number // PODS_OF_ONE) * CONTAINERS
        named = [images[(first + each) % len(images)] for each in range(CONTAINERS)]
        pod: dict[str, Any] = json.loads(review(number, named))["request"]["object"]
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-1", "uid": f"r-{name}"}
        pod["metadata"] |= {"namespace": NAMESPACE, "uid": f"p-{number}", "managedFields": _FILLING}
        pod["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
        pod["spec"]["nodeName"] = f"node-{number % 100}"
        return msgspec.json.encode(pod)

    async def handle(self, request: web.Request) -> web.Response:
        """A page of a list."""
        first, size = int(request.query.get("continue", "0")), int(request.query.get("limit", "500"))
        if request.path == _PODS:
            more, items = self._page(self._pods, first, size)
            body = b'{"metadata":{"continue":"%s"},"items":[%s]}' % (more.encode(), b",".join(items))
            return web.Response(body=body, content_type="application/json")
        more, found = self._page(self._replica_sets if request.path.endswith("replicasets") else [], first, size)
        return web.json_response({"metadata": {"continue": more}, "items": found})

    @staticmethod
    def _page(every: list[Any], first: int, size: int) -> tuple[str, list[Any]]:
        return str(first + size) if first + size < len(every) else "", every[first : first + size]


@asynccontextmanager
async def _listening(lists: PodLists, folder: Path) -> AsyncIterator[Path]:
    """A kubeconfig that leads to it."""
    application = web.Application()
    application.router.add_get("/{path:.*}", lists.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        kubeconfig = folder / "audit-kubeconfig"
        kubeconfig.write_text(json.dumps(_config(f"http://127.0.0.1:{runner.addresses[0][1]}")), encoding="ascii")
        yield kubeconfig
    finally:
        await runner.cleanup()


def _config(server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }


async def ten_thousand_pods(stage: Stage) -> AsyncIterator[Figure]:
    """Of 500 Deployments and 100 new images; the API server and the registry are part of this process."""
    shop, folder = stage.shop, stage.files.folder
    policies, images = shop.policies(folder / "audit.yaml"), shop.images(NEW_IMAGES)
    requests = shop.registry.requests
    async with _listening(PodLists(images), folder) as kubeconfig:
        found = await _audit(kubeconfig, policies, shop.registry.host)
    assert (found.pods, found.subjects, found.fault) == (PODS, PODS // PODS_OF_ONE, ""), found
    name = f"audit of {PODS:,} pods"
    yield Figure(scenario=name, name="time", value=found.seconds, unit="s", goal=Goal(20))
    yield Figure(scenario=name, name="CPU", value=found.cpu, unit="s")
    yield Figure(scenario=name, name="peak memory", value=found.peak / MIB, unit="MiB", goal=Goal(250))
    each = (shop.registry.requests - requests) / NEW_IMAGES
    yield Figure(scenario=name, name="registry requests for each image", value=each, unit="")


async def _audit(kubeconfig: Path, policies: Path, registry: str) -> Audit:
    arguments = ("-m", "benchmarks.audited", str(kubeconfig), str(policies), registry)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0, "the audit failed; see above"
    return msgspec.json.decode(output, type=Audit)
