"""A fake kube-apiserver that lists pods."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


def a_pod(namespace: str, *images: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"metadata": {"name": "web", "namespace": namespace}, "spec": {"containers": containers, **spec}}


class FakeApiServer:
    """Lists pods as kube-apiserver does: pages of two at most, or of the limit where that is less."""

    def __init__(self) -> None:
        self.pods: list[Any] = []
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.raw: bytes | None = None
        self.endless = False
        self.gate = asyncio.Event()
        self.gate.set()

    @asynccontextmanager
    async def listening(self, folder: Path) -> AsyncIterator[Path]:
        """A kubeconfig that leads here."""
        application = web.Application()
        application.router.add_get("/api/v1/pods", self.handle)
        async with TestServer(application) as server:
            cluster = {"server": str(server.make_url("/")).rstrip("/")}
            content = {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": {"token": "t-1"}}],
            }
            (folder / "kubeconfig").write_text(json.dumps(content))
            yield folder / "kubeconfig"

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        await self.gate.wait()
        if self.status != 200:
            return web.json_response({"kind": "Status", "code": self.status}, status=self.status)
        if self.raw is not None:
            return web.Response(body=self.raw, content_type="application/json")
        first = int(request.query.get("continue", "0"))
        last = first + min(2, int(request.query["limit"]))
        more = str(last) if self.endless or last < len(self.pods) else ""
        items = [] if self.endless else self.pods[first:last]
        return web.json_response({"kind": "PodList", "metadata": {"continue": more}, "items": items})
