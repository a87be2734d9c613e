"""Our own two kinds of resources, watched by kopf: it says that something changed, and is never asked what.

What is there is listed afresh by whoever is told, so that nothing depends on an event that was missed. kopf runs in a
thread with a loop of its own, since on its exit it cancels every task of its loop that is younger than itself. It is
kept from writing anything: its handlers are of the kind that store nothing and return nothing, Events are off, there is
no peering, and its finalizer, which it would take from any object that has it, has a name that no object has.
"""

import asyncio
import importlib
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

from webhook.errors import TidewaiterError
from webhook.kube.cluster import Kind
from webhook.kube.credentials import Credentials
from webhook.kube.watching import GROUP, VERSION, Tries, backoff
from webhook.policy.model import KIND
from webhook.policy.model_trust_root import KIND as TRUST_ROOT_KIND

POLICIES = Kind(GROUP, VERSION, KIND, "clusterpodpolicies")
TRUST_ROOTS = Kind(GROUP, VERSION, TRUST_ROOT_KIND, "trustroots")

LOGIN_SECONDS = 600.0
"""How long credentials are used before they are asked for again; kubelet renews a token 12 minutes before its end."""

CONNECT_SECONDS, REQUEST_SECONDS, WATCH_SECONDS = 10.0, 30.0, 300
STOP_SECONDS = 1.0
"""What kopf may take to stop: it only reads, and the Lease waits for it."""

SETTLED_SECONDS = 60.0
"""A watch that lasted so long is no failure when it ends."""

_ERROR_BACKOFFS = (0.5, 1.0, 2.0)
_TALKATIVE = {"kopf": logging.WARNING, "kopf._core.reactor.running": logging.ERROR}
"""It logs every event, and that signals are not its own business in a thread."""

_log = logging.getLogger(__name__)


class WatchEndedError(TidewaiterError):
    """kopf came to an end although nobody told it to."""


class ResourceEvents:
    """Watches policies and trust roots for as long as `run` runs, and calls `changed` in its loop at each event.

    `served` says which kinds of the group the API server has: without both there is nothing to watch, and it is asked
    again. `credentials` are asked for in the loop of `run`, each time that kopf logs in.
    """

    def __init__(
        self,
        served: Callable[[], Awaitable[frozenset[str]]],
        credentials: Callable[[], Awaitable[Credentials]],
        changed: Callable[[], None],
        tries: Tries = backoff,
    ) -> None:
        self._served = served
        self._credentials = credentials
        self._changed = changed
        self._tries = tries

    async def run(self) -> None:
        """Watch, for ever."""
        loop, failures, told = asyncio.get_running_loop(), 0, ""
        while True:
            began = loop.time()
            try:
                await self._watch()
            except Exception as error:  # noqa: BLE001 - whatever kopf raises, it is started again
                if loop.time() - began > SETTLED_SECONDS:
                    failures, told = 0, ""
                reason = str(error) if isinstance(error, TidewaiterError) else type(error).__name__
                if reason != told:
                    _log.warning(
                        "policies are not watched, they are looked at once a minute until they are: %s", reason
                    )
                failures, told = failures + 1, reason
            await asyncio.sleep(self._tries(failures))

    async def _watch(self) -> None:
        """Until kopf ends, which is a failure."""
        missing = {POLICIES.plural, TRUST_ROOTS.plural} - await self._served()
        if missing:
            raise WatchEndedError(f"the API server does not know {', '.join(sorted(missing))} of {GROUP}")
        operator = _Operator(asyncio.get_running_loop(), self._credentials, self._changed)
        operator.thread.start()
        try:
            await asyncio.wrap_future(operator.ended)
        finally:
            operator.stop.set()
            await asyncio.shield(asyncio.to_thread(operator.thread.join, STOP_SECONDS))
        raise WatchEndedError("kopf ended")


class _Operator:
    """kopf in a thread. `ended` gets its exception; `stop` ends it."""

    def __init__(
        self,
        home: asyncio.AbstractEventLoop,
        credentials: Callable[[], Awaitable[Credentials]],
        changed: Callable[[], None],
    ) -> None:
        self.stop = threading.Event()
        self.ended: Future[None] = Future()
        self.thread = threading.Thread(target=self._run, name="kopf", daemon=True)
        self._home = home
        self._credentials = credentials
        self._changed = changed

    def _run(self) -> None:
        try:
            asyncio.run(self._operate())
        except BaseException as error:  # noqa: BLE001 - the thread's end is told in the loop that waits for it
            self._end(error)
        else:
            self._end(None)

    def _end(self, error: BaseException | None) -> None:
        if not self.ended.set_running_or_notify_cancel():
            return
        if error is None or isinstance(error, Exception):
            self.ended.set_exception(error or WatchEndedError("kopf ended"))
        else:
            self.ended.set_exception(WatchEndedError(f"kopf ended ({type(error).__name__})"))

    async def _operate(self) -> None:
        kopf = importlib.import_module("kopf")
        for name, level in _TALKATIVE.items():
            logging.getLogger(name).setLevel(level)
        try:
            await kopf.operator(
                registry=self._registry(kopf),
                settings=settings(kopf),
                clusterwide=True,
                standalone=True,
                stop_flag=self.stop,
            )
        finally:
            self.stop.set()  # kopf leaves a thread behind that waits for it

    def _registry(self, kopf: Any) -> Any:
        registry = kopf.OperatorRegistry()
        for kind in (POLICIES, TRUST_ROOTS):
            kopf.on.event(kind.group, kind.version, kind.plural, registry=registry)(self._event)
        kopf.on.login(registry=registry, retries=1)(self._login)
        return registry

    async def _event(self, **_cause: Any) -> None:
        self._home.call_soon_threadsafe(self._changed)

    async def _login(self, **_cause: Any) -> Any:
        kopf = importlib.import_module("kopf")
        asked = asyncio.run_coroutine_threadsafe(_awaited(self._credentials), self._home)
        try:
            found = await asyncio.wrap_future(asked)
        except Exception as error:  # whatever the client raises, there is nobody to log in as
            self.stop.set()  # kopf would wait for credentials for ever
            raise kopf.LoginError(f"no credentials ({type(error).__name__})") from error
        return kopf.ConnectionInfo(
            server=found.server,
            ca_path=found.ca_file,
            certificate_path=found.certificate_file,
            private_key_path=found.key_file,
            scheme=found.scheme,
            token=found.token,
            insecure=found.insecure,
            expiration=datetime.now(UTC) + timedelta(seconds=LOGIN_SECONDS),
        )


def settings(kopf: Any) -> Any:
    """What kopf is told: it writes nothing, and no request waits for ever."""
    made = kopf.OperatorSettings()
    made.posting.enabled = False
    made.scanning.disabled = True
    made.process.ultimate_exiting_timeout = None
    made.persistence.finalizer = f"{GROUP}/on-no-object"
    made.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=f"kopf.{GROUP}")
    made.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=f"kopf.{GROUP}")
    made.networking.connect_timeout = CONNECT_SECONDS
    made.networking.request_timeout = REQUEST_SECONDS
    made.networking.error_backoffs = _ERROR_BACKOFFS
    made.watching.connect_timeout = CONNECT_SECONDS
    made.watching.server_timeout = WATCH_SECONDS
    made.watching.client_timeout = WATCH_SECONDS + REQUEST_SECONDS
    return made


async def _awaited(ask: Callable[[], Awaitable[Credentials]]) -> Credentials:
    return await ask()
