"""A registry that misbehaves as it is told, over real sockets on loopback.

    async with FakeRegistry() as registry:
        digest = registry.put_image("app", tag="1")
        registry.put_signature("app", digest, [Layer(b"payload", {"annotation": "value"})])
        registry.put_attestation("app", digest, b"a bundle", carrier="referrer")
        registry.replies["/v2/app/blobs/sha256:…"] = answering(500)
        ...
        assert [asked.path for asked in registry.asked] == [...]

What is stored (`StockedRegistry`) is served as `DemoRegistry` does it; `replies` stands in front of it, by exact path,
and `auth` in front of both. Every request is kept in `asked`. A handler is any coroutine from a request to a response.

Handlers for the usual misbehaviour are in `tests.fakes.replies`, host names and TLS in `tests.fakes.network`.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from tests.fakes.documents import (
    BUNDLE,
    ENVELOPE,
    OCI_INDEX,
    OCI_MANIFEST,
    SIMPLE_SIGNING,
    Layer,
    descriptor,
    diff_id,
    index,
    manifest,
)
from tests.fakes.stocked import StockedRegistry
from webhook.cli.demo.registry import Handler, index_answer, missing

__all__ = [
    "BUNDLE",
    "ENVELOPE",
    "OCI_INDEX",
    "OCI_MANIFEST",
    "SIMPLE_SIGNING",
    "TOKEN_PATH",
    "Asked",
    "BasicAuth",
    "FakeRegistry",
    "Layer",
    "TokenAuth",
    "basic",
    "descriptor",
    "diff_id",
    "index",
    "manifest",
]

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


class FakeRegistry(StockedRegistry):
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
