"""The background audit: the engine that `serve` has, over what runs, now and then and after policies changed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from webhook.admission.ports import Policies
from webhook.admission.report import plain
from webhook.audit.background import BackgroundAudit
from webhook.audit.results import Scan
from webhook.audit.scan import Scanner
from webhook.config import ControllerConfig
from webhook.errors import ConfigurationError
from webhook.kube.workloads import ClusterWorkloads
from webhook.policy_files import PolicyFiles, Reload
from webhook.wiring import cluster_pull_secrets, engine

AGAIN_SECONDS = 60.0
"""After the engine could not be put together."""

POLL_SECONDS = 10.0
"""Between looks at files of policies."""

_log = logging.getLogger(__name__)

OnScan = Callable[[Scan], Awaitable[None]]
Background = Callable[..., BackgroundAudit]
"""Makes one of a scanner, whom to tell and the period."""


class Auditing:
    """A part of the controller. `on_scan` are told of each scan, one after the other, whatever becomes of those before.

    `policies` are the cluster's; None where they come from files. No scan begins before they were read: `changed` says
    that they are there, and that they are others. `seconds` are those after a failure, and between looks at files.
    """

    def __init__(
        self,
        config: ControllerConfig,
        policies: Policies | None,
        on_scan: tuple[OnScan, ...],
        *,
        background: Background = BackgroundAudit,
        seconds: tuple[float, float] = (AGAIN_SECONDS, POLL_SECONDS),
    ) -> None:
        self._config = config
        self._policies = policies
        self._on_scan = on_scan
        self._make = background
        self._again, self._poll = seconds
        self._read = asyncio.Event()
        self._background: BackgroundAudit | None = None

    def changed(self, _policies: object = None) -> None:
        """Policies are read, or changed: scan soon."""
        self._read.set()
        if self._background is not None:
            self._background.ask()

    async def run(self) -> None:
        """For ever. What keeps it from auditing is told once, and tried again."""
        told = ""
        while True:
            try:
                await self._audit()
            except ConfigurationError as error:
                if told != (told := str(error)):
                    _log.error("nothing is audited: %s", plain(told))
            except Exception as error:  # noqa: BLE001 - whatever it is, the other parts go on
                if told != (told := type(error).__name__):
                    _log.exception("nothing is audited")
            await asyncio.sleep(self._again)

    async def _audit(self) -> None:
        config = self._config
        async with AsyncExitStack() as stack:
            policies = self._policies
            if policies is None:
                policies = await stack.enter_async_context(self._files())
            await self._read.wait()
            workloads = ClusterWorkloads(config.kubeconfig, exempt=config.exempt_namespaces)
            stack.push_async_callback(workloads.close)
            pull_secrets = None
            if config.pull_secrets:
                pull_secrets = await stack.enter_async_context(cluster_pull_secrets(config.kubeconfig))
            decider = await stack.enter_async_context(
                engine(config.engine, policies, workloads, pull_secrets=pull_secrets)
            )
            self._background = self._make(Scanner(workloads, decider), self._tell, period=config.audit_seconds)
            await self._background.run()

    async def _tell(self, scan: Scan) -> None:
        for told in self._on_scan:
            try:
                await told(scan)
            except Exception:  # noqa: BLE001 - the others learn of it all the same
                _log.exception("what a scan found could not be told")

    @asynccontextmanager
    async def _files(self) -> AsyncIterator[Policies]:
        """The policies of files, looked at inside. Raises `ConfigurationError` where they have faults at first."""
        files = await asyncio.to_thread(PolicyFiles, self._config.engine.policies, self._config.engine.trust.names)
        self._read.set()
        watching = asyncio.create_task(files.watch(self._poll, self._reloaded))
        try:
            yield files
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    def _reloaded(self, reload: Reload) -> None:
        for fault in reload.faults:
            _log.error("policies not loaded, it is audited by those before: %s", plain(str(fault)))
        if reload.book is not None:
            self.changed()
