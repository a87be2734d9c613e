"""A registry that misbehaves as it is told, over real sockets on loopback.

    async with FakeRegistry() as registry:
        digest = registry.put_image("app", tag="1")
        registry.put_signature("app", digest, [Layer(b"payload", {"annotation": "value"})])
        registry.replies["/v2/app/blobs/sha256:…"] = answering(500)
        ...
        assert [asked.path for asked in registry.asked] == [...]

What is stored is served as `DemoRegistry` does it; `replies` stands in front of it, by exact path, and `auth` in front
of both. Every request is kept in `asked`. A handler is any coroutine from a request to a response.

Handlers for the usual misbehaviour are in `tests.fakes.replies`, host names and TLS in `tests.fakes.network`.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from webhook.cli.demo.registry import DemoRegistry, Handler, index_answer, missing

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
TOKEN_PATH = "/token"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came; `host` is its Host header."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]

    @property
    def authorization(self) -> str | None:
        return self.headers.get("Authorization")


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer to be stored; its descriptor gets the annotations."""

    content: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)
    media_type: str = SIMPLE_SIGNING


@dataclass(slots=True)
class BasicAuth:
    """Everything but `/token` needs this user's password."""

    username: str
    password: str

    def challenge(self, _origin: str) -> str:
        return 'Basic realm="fake"'

    def accepts(self, authorization: str | None) -> bool:
        return authorization == basic(self.username, self.password)


@dataclass(slots=True)
class TokenAuth:
    """Everything but `/token` needs the token, which `/token` gives to whom it is for.

    Without `username` and `identity_token` that is anybody. `realm` is the fake's own `/token` unless set; `answer`
    replaces the whole token document.
    """

    username: str | None = None
    password: str = ""
    identity_token: str | None = None
    realm: str | None = None
    service: str = "fake"
    token: str = "granted"
    expires_in: float | None = 300
    answer: bytes | None = None
    given: int = 0

    def challenge(self, origin: str) -> str:
        realm = f"{origin}{TOKEN_PATH}" if self.realm is None else self.realm
        return f'Bearer realm="{realm}",service="{self.service}",scope="repository:whatever:pull,push"'

    def accepts(self, authorization: str | None) -> bool:
        return authorization == f"Bearer {self.token}"

    def answer_to(self, asked: Asked) -> web.Response:
        if self.identity_token is not None and asked.form.get("refresh_token") != self.identity_token:
            return web.Response(status=400)
        if self.username is not None and asked.authorization != basic(self.username, self.password):
            return web.Response(status=401)
        self.given += 1
        if self.answer is not None:
            return web.Response(body=self.answer)
        document = {"token": self.token} | ({} if self.expires_in is None else {"expires_in": self.expires_in})
        return web.Response(body=json.dumps(document).encode(), content_type="application/json")


class FakeRegistry(DemoRegistry):
    """See the module. The switches may be changed at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Asked] = []
        self.replies: dict[str, Handler] = {}
        self.auth: BasicAuth | TokenAuth | None = None
        self.referrers_api = True
        self.filters = True
        self.artifact_types = True
        self.page_size: int | None = None
        self.released = asyncio.Event()
        self._scheme = "http"

    @property
    def origin(self) -> str:
        return f"{self._scheme}://{self.host}"

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])

    @property
    def paths(self) -> list[str]:
        """The paths asked so far, in order."""
        return [asked.path for asked in self.asked]

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        self._scheme = "http" if tls is None else "https"
        await super().start(tls)

    async def stop(self) -> None:
        self.released.set()
        await super().stop()

    def put_image(self, repository: str, *, tag: str | None = None, content: str = "an image") -> str:
        """Store an image whose manifest differs by `content`; its digest."""
        config = self.put_blob(repository, content.encode())
        layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": config, "size": len(content)}]
        return self.put_manifest(repository, manifest(config, layers), OCI_MANIFEST, tag)

    def put_signature(self, repository: str, digest: str, layers: Sequence[Layer]) -> str:
        """Store layers under the tag `sha256-….sig`, as cosign's legacy format has them; the manifest's digest."""
        config = self.put_blob(repository, b"{}")
        content = manifest(config, [self.put_layer(repository, layer) for layer in layers])
        return self.put_manifest(repository, content, OCI_MANIFEST, f"{digest.replace(':', '-')}.sig")

    def put_referrer(self, repository: str, subject: str, layers: Sequence[Layer], artifact_type: str = BUNDLE) -> str:
        """Store a manifest that refers to a subject; its digest."""
        config = self.put_blob(repository, b"{}")
        described = [self.put_layer(repository, layer) for layer in layers]
        content = manifest(config, described, artifactType=artifact_type, subject=descriptor(OCI_MANIFEST, subject))
        return self.put_manifest(repository, content, OCI_MANIFEST)

    def put_bundle(self, repository: str, subject: str, bundle: bytes) -> str:
        """Store a Sigstore bundle as a referrer; the manifest's digest."""
        return self.put_referrer(repository, subject, [Layer(bundle, media_type=BUNDLE)])

    def put_fallback_tag(self, repository: str, subject: str, entries: Sequence[Mapping[str, Any]]) -> str:
        """Store an index under the tag `sha256-…`, where clients list referrers for registries without the API."""
        return self.put_manifest(repository, index(entries), OCI_INDEX, subject.replace(":", "-"))

    def put_layer(self, repository: str, layer: Layer) -> dict[str, Any]:
        """Store a layer; its descriptor."""
        digest = self.put_blob(repository, layer.content)
        return descriptor(layer.media_type, digest, len(layer.content), annotations=dict(layer.annotations))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked = Asked(request.method, request.host, request.path, dict(request.query), dict(request.headers), form)
        self.asked.append(asked)
        reply = self.replies.get(request.path)
        if request.path == TOKEN_PATH and reply is None and isinstance(self.auth, TokenAuth):
            return self.auth.answer_to(asked)
        if self.auth is not None and request.path != TOKEN_PATH and not self.auth.accepts(asked.authorization):
            challenge = self.auth.challenge(f"{self._scheme}://{request.host}")
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return await (super().handle(request) if reply is None else reply(request))

    def referrers_answer(self, request: web.Request, repository: str, subject: str) -> web.Response:
        if not self.referrers_api:
            return missing()
        wanted = request.query.get("artifactType") if self.filters else None
        entries = self.referrers(repository, subject, wanted)
        if not self.artifact_types:
            entries = [{name: value for name, value in entry.items() if name != "artifactType"} for entry in entries]
        headers = {} if wanted is None else {"OCI-Filters-Applied": "artifactType"}
        if self.page_size is None:
            return index_answer(entries, headers)
        start = int(request.query.get("last", "0"))
        end = start + self.page_size
        if end < len(entries):
            headers["Link"] = f'<{request.rel_url.update_query(last=str(end))}>; rel="next"'
        return index_answer(entries[start:end], headers)


def basic(username: str, password: str) -> str:
    """The value of `Authorization` for a user."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def descriptor(media_type: str, digest: str, size: int = 100, **more: Any) -> dict[str, Any]:
    """A descriptor."""
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


def manifest(config: str, layers: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    """An OCI manifest."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(EMPTY_CONFIG, config, 2),
        "layers": list(layers),
        **more,
    }
    return json.dumps(document).encode()


def index(entries: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    """An OCI index."""
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries), **more}).encode()
