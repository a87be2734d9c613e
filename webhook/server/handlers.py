"""From HTTP to the reviewer and back.

A decision is always an answer with status 200, whatever went wrong. Any other status says that there was no review to
decide about, or no room to take it: kube-apiserver repeats 503 with `Retry-After` within the same call
(`k8s.io/client-go/rest/with_retry.go`). A server in audit mode waits for room instead.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import lru_cache
from time import perf_counter
from types import MappingProxyType
from typing import cast

from aiohttp import hdrs, web

from webhook.admission.review import Answer, ReviewError
from webhook.codes import Code
from webhook.server import answers, deadline
from webhook.server.answers import Heads, JsonAnswer
from webhook.server.bodies import OVERHEAD, Bodies, Peer
from webhook.server.connection import Connection
from webhook.server.decision_log import DecisionLog
from webhook.server.metrics import Metrics
from webhook.server.routes import Route, Routes
from webhook.server.settings import Limits
from webhook.verdict import Mode, Violation

_log = logging.getLogger(__name__)

JSON = "application/json"
TOO_MANY = "too many reviews at once"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Refusal(Exception):  # noqa: N818 - no error of ours: an answer to a request that is none
    """A request that gets another status than 200."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.headers = headers


class Admission:
    """Handles `POST` requests by the route of their path. While `draining`, each answer ends its connection."""

    def __init__(
        self, routes: Routes, numbers: Metrics, log: DecisionLog, limits: Limits, *, audit: bool = False
    ) -> None:
        self.draining = False
        self._routes = routes
        self._metrics = numbers
        self._decisions = log
        self._limits = limits
        self._audit = audit
        self._bodies = Bodies(limits.bodies, limits.reviews, limits.waiting_reviews)
        self._heads = Heads()

    @property
    def in_progress(self) -> int:
        """How many reviews are read or judged now."""
        return self._bodies.reviews

    @property
    def waiting(self) -> int:
        """How many reviews wait for room."""
        return self._bodies.waiting

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request."""
        started = perf_counter()
        connection = cast("Connection", request.protocol)
        connection.busy = True
        connection.heard = 0.0
        try:
            return await self._decide(request, connection, started)
        except Refusal as refusal:
            return self._refuse(refusal, unread=not request.content.is_eof())
        finally:
            connection.busy = False

    async def _decide(self, request: web.BaseRequest, connection: Connection, started: float) -> web.StreamResponse:
        path, budget = _target(request.raw_path)
        route = self._routes.get(path)
        headers = request.headers
        if (
            route is None
            or request.method != hdrs.METH_POST
            or headers.get(hdrs.CONTENT_TYPE) != JSON
            or hdrs.CONTENT_ENCODING in headers
            or not connection.permitted
        ):
            route = _checked(request, connection, route)
        complete = request.content.is_eof()
        size = request.content.total_bytes if complete else self._declared(request)
        if size > self._limits.body:
            raise Refusal(413, f"a review may have {self._limits.body} bytes")
        peer = connection.peer
        charge = size + OVERHEAD
        if not self._bodies.take(peer, charge) and not await self._room(peer, charge, budget):
            return self._unjudged(route, request, started)
        try:
            body = request.content.read_nowait() if complete else await self._read(request)
            return await self._answer(route, body, budget, started)
        finally:
            self._bodies.give(peer, charge)

    async def _answer(self, route: Route, body: bytes, budget: float, started: float) -> web.StreamResponse:
        left = max(0.0, budget - (perf_counter() - started))
        try:
            answer = await route.reviews.review(body, left)
        except ReviewError as error:
            raise Refusal(400, str(error)) from error
        except Exception as error:  # noqa: BLE001 - whatever went wrong, a request that can be named gets a decision
            answer = self._last_resort(route, body, error)
        return self._send(answer, started)

    def _send(self, answer: Answer, started: float) -> web.StreamResponse:
        try:
            seconds = perf_counter() - started
            self._metrics.decided(answer.record, seconds)
            self._decisions.write(answer.record, seconds)
        except Exception:  # noqa: BLE001 - a decision is answered, recorded or not
            _log.exception("a decision could not be recorded")
        return JsonAnswer(self._heads, answer.body, close=self.draining, patience=self._limits.write_seconds)

    def _declared(self, request: web.BaseRequest) -> int:
        """The size of a body that is still on its way; the largest one for a body that does not tell."""
        length = request.content_length
        return self._limits.body if length is None else length

    async def _room(self, peer: Peer, charge: int, budget: float) -> bool:
        """Whether there is room for a review after a while. Raises `Refusal`, except in audit mode."""
        limits = self._limits
        seconds = limits.audit_waiting_seconds if self._audit else limits.waiting_seconds
        if await self._bodies.wait(peer, charge, min(seconds, budget)):
            return True
        if not self._audit:
            raise Refusal(503, TOO_MANY, {hdrs.RETRY_AFTER: "1"})
        return False

    def _unjudged(self, route: Route, request: web.BaseRequest, started: float) -> web.StreamResponse:
        """Let a request pass that there is no room to judge: an audit stands in nobody's way.

        There is no room either for a body that is still on its way, and without it no answer.
        """
        if not request.content.is_eof():
            raise Refusal(429, TOO_MANY)
        found = Violation(code=Code.TOO_MANY_VERIFICATIONS, path="", message=f"not judged: {TOO_MANY}", mode=Mode.AUDIT)
        return self._send(self._undecided(route, request.content.read_nowait(), found), started)

    async def _read(self, request: web.BaseRequest) -> bytes:
        """The body, as it comes in. A client that asked leave to send it gets it (RFC 9110, 10.1.1)."""
        if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while chunk := await request.content.readany():
                    body += chunk
                    if len(body) > self._limits.body:
                        raise Refusal(413, f"a review may have {self._limits.body} bytes")
        except TimeoutError:
            raise Refusal(408, "the body took too long") from None
        except (web.RequestPayloadError, OSError):
            raise Refusal(400, "the body is incomplete") from None
        return bytes(body)

    def _last_resort(self, route: Route, body: bytes, error: Exception) -> Answer:
        """A decision without a reviewer: no, or yes where that is harmless. It logs the error it is called for."""
        mode = Mode.AUDIT if self._audit or route.harmless else Mode.ENFORCE
        found = Violation(code=Code.INTERNAL_ERROR, path="", message="tidewaiter failed; its log has why", mode=mode)
        uid = None
        try:
            answer = self._undecided(route, body, found)
            uid = answer.record.uid
        finally:
            _log.error("request %s failed outside of its reviewer", uid, exc_info=error)
        return answer

    def _undecided(self, route: Route, body: bytes, found: Violation) -> Answer:
        """The route's own answer. Raises `Refusal` where the body is not even a review."""
        try:
            return route.undecided(body, found, audit=self._audit)
        except ReviewError as error:
            raise Refusal(400, str(error)) from error

    def _refuse(self, refusal: Refusal, *, unread: bool) -> web.Response:
        """The answer; a connection with the rest of a body on its way is of no use any more."""
        self._metrics.refused(refusal.status)
        response = answers.text(refusal.status, refusal.text, refusal.headers)
        if self.draining or unread:
            response.force_close()
        return response


@lru_cache(maxsize=256)
def _target(target: str) -> tuple[str, float]:
    """The path of a request's target, and the seconds that it allows. The API server has few different ones."""
    path, _, query = target.partition("?")
    return path, deadline.budget(query)


def _checked(request: web.BaseRequest, connection: Connection, route: Route | None) -> Route:
    """Who answers the request, when its head is as it must be after all. Raises `Refusal`."""
    if not connection.permitted:
        raise Refusal(403, "the client's certificate bears none of the accepted names")
    if route is None:
        raise Refusal(404, "not found")
    if request.method != hdrs.METH_POST:
        raise Refusal(405, "method not allowed", {hdrs.ALLOW: hdrs.METH_POST})
    if request.headers.get(hdrs.CONTENT_TYPE, "").partition(";")[0].strip().lower() != JSON:
        raise Refusal(415, f"expected Content-Type: {JSON}")
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise Refusal(415, "expected no Content-Encoding")
    return route
