"""An API server that knows what it is told, over a real socket on loopback, and a kubeconfig that leads to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


class FakeObjects:
    """Answers GET for objects by their path, as kube-apiserver does; keeps the paths that were asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.statuses: dict[str, int] = {}
        self.silent = False
        self.asked: list[str] = []

    def put(self, kind: str, namespace: str, name: str, **content: Any) -> None:
        plural = f"{kind.lower()}s"
        self.objects[f"/api/v1/namespaces/{namespace}/{plural}/{name}"] = {
            "apiVersion": "v1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            **content,
        }

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if self.silent:
            await asyncio.Event().wait()
        status = self.statuses.get(request.path, 200 if request.path in self.objects else 404)
        if status != 200:
            return web.json_response({"kind": "Status", "code": status}, status=status)
        return web.json_response(self.objects[request.path])


@asynccontextmanager
async def serving(objects: FakeObjects, folder: Path) -> AsyncIterator[Path]:
    """A kubeconfig that leads to the objects."""
    application = web.Application()
    application.router.add_get("/{path:.*}", objects.handle)
    async with TestServer(application) as server:
        yield kubeconfig_for(str(server.make_url("/")).rstrip("/"), folder)


def kubeconfig_for(server: str, folder: Path) -> Path:
    """A kubeconfig in the folder that leads to the server."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t-1"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(content))
    return folder / "kubeconfig"
