"""A fake kube-apiserver that lists and watches ClusterPodPolicies and TrustRoots, and hands out Secrets."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.kube.api_server import kubeconfig_for

KINDS = {"clusterpodpolicies": "ClusterPodPolicy", "trustroots": "TrustRoot"}


class FakeResources:
    """Objects by plural and name, and every watch that is open; what is put and deleted is told to those that watch.

    `statuses` answers requests in place of content, by `list` or `watch`; `raw` are lines that watches send first.
    Requests for Secrets wait at the `gate`, which is open at first.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {plural: {} for plural in KINDS}
        self.secrets: dict[str, dict[str, str]] = {}
        self.statuses: dict[str, int] = {}
        self.raw_list: bytes | None = None
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.silent = False
        self.away = False
        self.version = 1
        self.history: list[tuple[int, str, bytes]] = []
        self.changed = asyncio.Condition()
        self.broken: list[bytes] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = self.most_waiting = 0
        self.port = 0

    async def put(self, plural: str, name: str, spec: Any, **more: Any) -> None:
        """Write an object, as a new one or in place of the one before."""
        verb = "MODIFIED" if name in self.objects[plural] else "ADDED"
        written = {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": KINDS[plural], "spec": spec, **more}
        self.objects[plural][name] = written
        await self._tell(plural, verb, name, written)

    async def delete(self, plural: str, name: str) -> None:
        await self._tell(plural, "DELETED", name, self.objects[plural].pop(name))

    async def bookmark(self, plural: str) -> None:
        await self._tell(plural, "BOOKMARK", "", {})

    async def send(self, plural: str, line: bytes) -> None:
        """A line as it is, to whoever watches now."""
        async with self.changed:
            self.version += 1
            self.history.append((self.version, plural, line))
            self.changed.notify_all()

    async def _tell(self, plural: str, verb: str, name: str, written: dict[str, Any]) -> None:
        version = str(self.version + 1)
        metadata = {"name": name, "resourceVersion": version, "uid": "u", "managedFields": [{"manager": "kubectl"}]}
        written["metadata"] = metadata
        await self.send(plural, json.dumps({"type": verb, "object": written}).encode() + b"\n")

    async def break_watches(self) -> None:
        """Close every watch that is open, in the middle of it."""
        await self.send("", b"")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        plural = request.match_info["plural"]
        verb = "watch" if request.query.get("watch") else "list"
        self.asked.append((f"{verb} {plural}", dict(request.query)))
        if self.silent:
            await asyncio.Event().wait()
        if self.away:
            assert request.transport is not None
            request.transport.abort()
        if status := self.statuses.get(verb):
            return web.json_response({"kind": "Status", "code": status}, status=status)
        if verb == "watch":
            return await self._watch(request, plural, int(request.query["resourceVersion"]))
        if self.raw_list is not None:
            return web.Response(body=self.raw_list)
        content = {"metadata": {"resourceVersion": str(self.version)}, "items": list(self.objects[plural].values())}
        return web.json_response(content)

    async def _watch(self, request: web.Request, plural: str, version: int) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            async with self.changed:
                while version >= self.version:
                    await self.changed.wait()
                new, version = [each for each in self.history if each[0] > version], self.version
            for _, kind, line in new:
                if not kind:
                    return answer
                if kind == plural:
                    await answer.write(line)

    async def secret(self, request: web.Request) -> web.Response:
        name = f"{request.match_info['namespace']}/{request.match_info['name']}"
        self.asked.append((f"secret {name}", {}))
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await self.gate.wait()
        self.waiting -= 1
        if status := self.statuses.get("secret", 0 if name in self.secrets else 404):
            return web.json_response({"kind": "Status", "code": status}, status=status)
        data = {key: base64.b64encode(text.encode()).decode() for key, text in self.secrets[name].items()}
        return web.json_response({"kind": "Secret", "data": data})

    @asynccontextmanager
    async def listening(self, folder: Path) -> AsyncIterator[Path]:
        """A kubeconfig that leads here."""
        application = web.Application()
        application.router.add_get("/apis/tidewaiter.dev/v1alpha1/{plural}", self.handle)
        application.router.add_get("/api/v1/namespaces/{namespace}/secrets/{name}", self.secret)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port).start()
            self.port = runner.addresses[0][1]
            yield kubeconfig_for(f"http://127.0.0.1:{self.port}", folder)
        finally:
            await runner.cleanup()
