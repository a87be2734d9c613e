"""A small OCI registry in memory, on loopback: what `tidewaiter demo` pulls from, and what tests build on.

It serves what distribution-spec 1.1 says about pulling, the Referrers API included; content is put by method calls.
"""

import hashlib
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

OCI_INDEX = "application/vnd.oci.image.index.v1+json"

_STOP_SECONDS = 1.0  # for answers under way

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it was put."""

    content: bytes
    media_type: str


@dataclass(slots=True)
class StoredRepository:
    """One repository: tags are names of digests, manifests and blobs lie under theirs."""

    tags: dict[str, str] = field(default_factory=dict)
    manifests: dict[str, StoredManifest] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)


class DemoRegistry:
    """Listens on a free port of 127.0.0.1 from `start` to `stop`, or as an async context manager.

    `requests` counts what it was asked. `handle` answers one request, and is what a subclass changes.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.repositories: dict[str, StoredRepository] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def host(self) -> str:
        """`host:port`, as the first part of an image reference."""
        return f"127.0.0.1:{self._port}"

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Begin to listen, in plain http unless a context for TLS is given."""
        application = web.Application()
        application.router.add_get("/{path:.*}", self._count)
        application.router.add_post("/{path:.*}", self._count)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_STOP_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=tls).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop to listen and drop all connections."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    def put_blob(self, repository: str, content: bytes) -> str:
        """Keep a blob; its digest."""
        digest = _digest(content)
        self._repository(repository).blobs[digest] = content
        return digest

    def put_manifest(self, repository: str, content: bytes, media_type: str, tag: str | None = None) -> str:
        """Keep a manifest or an index, under a tag too where one is given; its digest."""
        digest = _digest(content)
        stored = self._repository(repository)
        stored.manifests[digest] = StoredManifest(content, media_type)
        if tag is not None:
            stored.tags[tag] = digest
        return digest

    def referrers(self, repository: str, subject: str, artifact_type: str | None = None) -> list[dict[str, Any]]:
        """Descriptors of the manifests that refer to a digest, of one type or of all."""
        stored = self.repositories.get(repository, StoredRepository())
        entries = (_referrer(digest, manifest, subject) for digest, manifest in stored.manifests.items())
        return [entry for entry in entries if entry and artifact_type in {None, entry["artifactType"]}]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The answer to one request."""
        repository, _, rest = request.path.removeprefix("/v2/").rpartition("/")
        repository, _, kind = repository.rpartition("/")
        stored = self.repositories.get(repository)
        if request.path == "/v2/":
            return web.json_response({})
        if stored is None:
            return missing()
        match kind:
            case "manifests":
                return self._manifest(stored, rest)
            case "blobs" if rest in stored.blobs:
                return web.Response(body=stored.blobs[rest], content_type="application/octet-stream")
            case "referrers":
                return self.referrers_answer(request, repository, rest)
            case _:
                return missing()

    def referrers_answer(self, request: web.Request, repository: str, subject: str) -> web.Response:
        """The whole list of referrers, filtered if the request asks for that."""
        artifact_type = request.query.get("artifactType")
        headers = {"OCI-Filters-Applied": "artifactType"} if artifact_type is not None else {}
        return index_answer(self.referrers(repository, subject, artifact_type), headers)

    def _manifest(self, stored: StoredRepository, reference: str) -> web.Response:
        digest = stored.tags.get(reference, reference)
        manifest = stored.manifests.get(digest)
        if manifest is None:
            return missing()
        headers = {"Content-Type": manifest.media_type, "Docker-Content-Digest": digest}
        return web.Response(body=manifest.content, headers=headers)

    async def _count(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        return await self.handle(request)

    def _repository(self, name: str) -> StoredRepository:
        return self.repositories.setdefault(name, StoredRepository())


def missing() -> web.Response:
    """404, in the form of distribution-spec."""
    return web.json_response({"errors": [{"code": "NOT_FOUND", "message": "not found"}]}, status=404)


def index_answer(entries: list[dict[str, Any]], headers: Mapping[str, str]) -> web.Response:
    """An OCI index of these descriptors."""
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return web.Response(body=json.dumps(index).encode(), headers={"Content-Type": OCI_INDEX, **headers})


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _referrer(digest: str, manifest: StoredManifest, subject: str) -> dict[str, Any] | None:
    try:
        document = json.loads(manifest.content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or (document.get("subject") or {}).get("digest") != subject:
        return None
    return {
        "mediaType": manifest.media_type,
        "digest": digest,
        "size": len(manifest.content),
        "artifactType": document.get("artifactType") or document.get("config", {}).get("mediaType", ""),
        "annotations": document.get("annotations", {}),
    }
