"""What probes and Prometheus ask the controller for, over plain HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from webhook.errors import ConfigurationError

Reason = Callable[[], str | None]
"""Why something is not as it should be, None where it is."""

_KEEPALIVE_SECONDS = 75.0
_MAX_BODY_BYTES = 1024
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health:
    """Answers `GET /livez`, `/readyz` and `/metrics`. All three run on the event loop: an answer says that it turns."""

    def __init__(self, alive: Reason, metrics: Callable[[], bytes]) -> None:
        self._alive = alive
        self._metrics = metrics

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[tuple[str, int]]:
        """Answer at this address inside; an empty host is all interfaces. Raises `ConfigurationError`."""
        application = web.Application(client_max_size=_MAX_BODY_BYTES)
        application.add_routes(
            [web.get("/livez", self._probe), web.get("/readyz", self._probe), web.get("/metrics", self._text)]
        )
        runner = web.AppRunner(
            application,
            handle_signals=False,
            access_log=None,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            shutdown_timeout=0.1,
        )
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, host or None, port).start()
            except OSError as error:
                raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror}") from error
            bound = runner.addresses[0]
            yield bound[0], bound[1]
        finally:
            await runner.cleanup()

    async def _probe(self, _request: web.Request) -> web.Response:
        """A replica that stands by is as ready as the one that works: nobody else asks anything of either."""
        reason = self._alive()
        return web.Response(status=503 if reason else 200, text=f"{reason or 'ok'}\n")

    async def _text(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": _METRICS_TYPE})
