"""What probes and Prometheus ask for, over plain HTTP."""

from typing import cast

from aiohttp import hdrs, web

from webhook.server import answers, metrics
from webhook.server.connection import Connection
from webhook.server.metrics import Metrics
from webhook.server.ports import Readiness


class Health:
    """Handles `GET /livez`, `/readyz` and `/metrics`.

    All three run on the event loop: an answer to `/livez` says that it turns. How late it is, is a metric.
    """

    def __init__(self, ready: Readiness, numbers: Metrics) -> None:
        self.draining = False
        self._ready = ready
        self._metrics = numbers

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request."""
        connection = cast("Connection", request.protocol)
        connection.heard = 0.0
        path = request.raw_path.partition("?")[0]
        if path not in {"/livez", "/readyz", "/metrics"}:
            return answers.text(404, "not found")
        if request.method not in {hdrs.METH_GET, hdrs.METH_HEAD}:
            return answers.text(405, "method not allowed", {hdrs.ALLOW: "GET, HEAD"})
        if path == "/metrics":
            return web.Response(
                body=self._metrics.text(),
                headers={hdrs.CONTENT_TYPE: metrics.CONTENT_TYPE, hdrs.SERVER: answers.SERVER},
            )
        reason = self._reason() if path == "/readyz" else None
        return answers.text(503 if reason else 200, reason or "ok")

    def _reason(self) -> str | None:
        return "draining" if self.draining else self._ready()
