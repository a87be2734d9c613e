"""A registry in trouble, and the signed images that it has or had."""

import asyncio
from collections.abc import Iterator
from itertools import repeat
from typing import Any

from aiohttp import web

from tests.fakes.images import key, pem, signature
from tests.fakes.registry import FakeRegistry, Layer
from tests.system import policies
from webhook.cli.demo.registry import Handler

_RELEASE = key()


class TroubledRegistry(FakeRegistry):
    """`trouble` answers in its place whatever is not spared. While `gate` is closed nothing is answered at all.

    `most` is how many requests it had under way at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trouble: Handler | None = None
        self.spared: Iterator[bool] = repeat(False)
        self.gate = asyncio.Event()
        self.gate.set()
        self.most = 0
        self.under_way = 0

    async def stop(self) -> None:
        self.gate.set()
        await super().stop()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await self._answer(request)
        finally:
            self.under_way -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        answer = await super().handle(request)
        await self.gate.wait()
        return answer if self.trouble is None or next(self.spared) else await self.trouble(request)

    def image(self, repository: str, *, signed: bool = True, tag: str | None = None) -> str:
        """A new image below `team/`, by digest or by the tag that is given."""
        name = f"{self.host}/team/{repository}"
        digest = self.put_image(f"team/{repository}", content=repository, tag=tag)
        if signed:
            found = signature(_RELEASE, f"{name}@{digest}")
            self.put_signature(f"team/{repository}", digest, [Layer(found.content, found.annotations)])
        return f"{name}@{digest}" if tag is None else f"{name}:{tag}"

    @property
    def questions(self) -> list[tuple[str, str | None]]:
        """The paths that were asked for, and the kind of referrers of those that list them, in order."""
        return [(asked.path, asked.query.get("artifactType")) for asked in self.asked]

    @property
    def repositories_asked(self) -> list[str]:
        """The repositories that were asked for anything, in order of the first question."""
        return list(dict.fromkeys(path.split("/")[3] for path in self.paths))


def rules(*hosts: str) -> dict[str, Any]:
    """Images from below `team/` of these registries, signed by who signs those of `TroubledRegistry`."""
    images = [f"{host}/team/**" for host in hosts]
    verify = {"name": "ours", "images": images, "signatures": {"minimum": 1}}
    vouching = [policies.authority("release", pem(_RELEASE))]
    return {"allow": images, "tags": "UnsafeResolved", "authorities": vouching, "verify": [verify]}
