"""A fake kube-apiserver that lists and gets pods, and what stands behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.kube.api_server import kubeconfig_for

LISTS = {
    "Pod": "/api/v1/pods",
    "Namespace": "/api/v1/namespaces",
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "Job": "/apis/batch/v1/jobs",
    "ClusterPodPolicy": "/apis/tidewaiter.dev/v1alpha1/clusterpodpolicies",
    "TrustRoot": "/apis/tidewaiter.dev/v1alpha1/trustroots",
}
GROUPS = {"Deployment": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1", "Node": "v1"}


def owned_by(kind: str, name: str, **more: Any) -> dict[str, Any]:
    """An item of ownerReferences; the uid is made of the name."""
    return {"apiVersion": GROUPS[kind], "kind": kind, "name": name, "uid": f"uid-{name}", "controller": True, **more}


def an_object(name: str, namespace: str = "", *owners: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "uid": f"uid-{name}", "ownerReferences": list(owners), **more}
    return {"metadata": {**metadata, "namespace": namespace} if namespace else metadata}


def a_pod(name: str, namespace: str, *owners: dict[str, Any], image: str = "a:1", **spec: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": image}]
    return {**an_object(name, namespace, *owners), "spec": {"containers": containers, **spec}}


class FakeWorkloads:
    """Objects by kind, listed in pages of `page`; `statuses` answers a path in place of content, once or always.

    An object in `unlisted` can be had by its name alone, as what came to be after a list was made.
    """

    def __init__(self) -> None:
        self.objects: dict[str, list[Any]] = {kind: [] for kind in LISTS}
        self.unlisted: dict[str, list[Any]] = {kind: [] for kind in LISTS}
        self.statuses: dict[str, int] = {}
        self.expired: dict[str, Any] | None = None
        self.asked: list[str] = []
        self.accepted: set[tuple[str, str]] = set()
        self.page = 2

    def add(self, kind: str, *written: Any) -> None:
        self.objects[kind].extend(written)

    @asynccontextmanager
    async def listening(self, folder: Path) -> AsyncIterator[Path]:
        """A kubeconfig that leads here."""
        application = web.Application()
        application.router.add_get("/{path:.*}", self.handle)
        async with TestServer(application) as server:
            yield kubeconfig_for(str(server.make_url("/")).rstrip("/"), folder)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if status := self.statuses.get(request.path):
            return web.json_response({"kind": "Status", "code": status, "message": "no"}, status=status)
        if request.path == "/api/v1":
            return web.json_response({"resources": []})
        kind, namespace, name = self._meant(request.path)
        if name:
            return self._one(kind, namespace, name)
        self.accepted.add((kind, request.headers["Accept"]))
        if request.query.get("watch"):
            return await _silence(request)
        if self.expired is not None and "continue" in request.query:
            expired, self.expired = self.expired, None
            return web.json_response(expired, status=410)
        found = [each for each in self.objects[kind] if not namespace or each["metadata"]["namespace"] == namespace]
        first = int(request.query.get("continue", "0"))
        last = first + (min(self.page, int(request.query["limit"])) if "limit" in request.query else len(found))
        metadata = {"resourceVersion": "1", "continue": str(last) if last < len(found) else ""}
        return web.json_response({"metadata": metadata, "items": found[first:last]})

    def _one(self, kind: str, namespace: str, name: str) -> web.Response:
        for each in self.objects[kind] + self.unlisted[kind]:
            if (each["metadata"].get("namespace", ""), each["metadata"]["name"]) == (namespace, name):
                return web.json_response(each)
        return web.json_response({"kind": "Status", "code": 404}, status=404)

    def _meant(self, path: str) -> tuple[str, str, str]:
        """The kind, the namespace and the name of a path; a list has no name."""
        parts = path.strip("/").split("/")
        namespace = ""
        if "namespaces" in parts[:-2]:
            at = parts.index("namespaces")
            namespace = parts[at + 1]
            del parts[at : at + 2]
        for kind, listed in LISTS.items():
            if "/" + "/".join(parts) == listed:
                return kind, namespace, ""
            if "/" + "/".join(parts[:-1]) == listed:
                return kind, namespace, parts[-1]
        raise web.HTTPNotFound


async def _silence(request: web.Request) -> web.StreamResponse:
    """A watch that has nothing to tell."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    return answer
