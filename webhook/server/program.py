"""`serve` put together: policies that reload, the engine, the reviewer, and the service that answers with it."""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from webhook import __version__
from webhook.admission.patch import Pins
from webhook.admission.reviewer import Reviewer
from webhook.clock import Clock, SystemClock
from webhook.config import ServeConfig
from webhook.errors import ConfigurationError
from webhook.kube.namespaces import ClusterNamespaces
from webhook.kube.running_pods import RunningPods
from webhook.policy_files import PolicyFiles, Reload
from webhook.server import logs
from webhook.server.decision_log import DecisionLog
from webhook.server.metrics import Metrics
from webhook.server.run import SIGNALS, Service
from webhook.server.settings import ServeSettings, TlsFiles
from webhook.server.sink import Output
from webhook.server.warming import WarmUp
from webhook.verdict import Mode
from webhook.wiring import cluster_pull_secrets, engine

_log = logging.getLogger(__name__)


async def run(config: ServeConfig) -> None:
    """Answer reviews until SIGTERM or SIGINT, then drain. Raises `ConfigurationError` where it cannot start."""
    loop = asyncio.get_running_loop()
    async with running(config, sys.stdout.buffer) as service:
        for each in SIGNALS:
            loop.add_signal_handler(each, service.end)
        await service.wait()


@asynccontextmanager
async def running(config: ServeConfig, output: Output) -> AsyncIterator[Service]:
    """The service, listening. Everything that is logged in the process goes to `output` as JSON lines."""
    clock = SystemClock()
    metrics = Metrics(__version__)
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(logs.logging_to(output, metrics.log_lines_dropped))
        policies = PolicyFiles(config.engine.policies, config.engine.trust.names)
        namespaces = ClusterNamespaces(clock, config.kubeconfig)
        stack.push_async_callback(namespaces.close)
        told = _Reloads(metrics, clock, namespaces)
        told(Reload(policies.current()))
        if policies.current().needs_labels:
            await namespaces.connect()
        pull_secrets = None
        if config.pull_secrets:
            pull_secrets = await stack.enter_async_context(cluster_pull_secrets(config.kubeconfig))
        decider = await stack.enter_async_context(engine(config.engine, policies, namespaces, metrics, pull_secrets))
        reviewer = Reviewer(decider, config.workloads, pinning=config.pinning)
        pins = Pins(decider.pinner() if config.pinning else None, audit=config.engine.cap is Mode.AUDIT)
        service = Service(_settings(config), reviewer, lambda: None, metrics, DecisionLog(sink, clock), pins)
        watching = asyncio.create_task(policies.watch(config.policy_poll_seconds, told))
        stack.push_async_callback(_cancel, watching)
        await stack.enter_async_context(service)
        if config.warm:
            warming = asyncio.create_task(WarmUp(RunningPods(config.kubeconfig), decider, lambda: service.busy).run())
            stack.push_async_callback(_cancel, warming)
        yield service


class _Reloads:
    """Says in log and metrics what became of each attempt to load policies, and readies what new ones need."""

    def __init__(self, metrics: Metrics, clock: Clock, namespaces: ClusterNamespaces) -> None:
        self._metrics = metrics
        self._clock = clock
        self._namespaces = namespaces
        self._connecting: asyncio.Task[None] | None = None

    def __call__(self, reload: Reload) -> None:
        if reload.book is None:
            self._metrics.policies_failed()
            for fault in reload.faults:
                _log.error("policies not loaded, those before stay in force: %s", fault)
            return
        by_mode = Counter(policy.mode for policy in reload.book.policies)
        self._metrics.policies_loaded(by_mode, self._clock.now().timestamp())
        counts = ", ".join(f"{by_mode[mode]} {mode.value}" for mode in Mode)
        _log.info("policies in force: %s, generation %s", counts, reload.book.generation)
        if reload.book.needs_labels:
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        """Load the Kubernetes client before a review has to wait for it."""
        try:
            await self._namespaces.connect()
        except ConfigurationError as error:
            _log.error("%s", error)


def _settings(config: ServeConfig) -> ServeSettings:
    return ServeSettings(
        bind=config.bind,
        health_bind=config.health_bind,
        tls=TlsFiles(
            cert=config.tls_cert,
            key=config.tls_key,
            client_ca=config.client_ca,
            client_names=config.client_names,
        ),
        audit=config.engine.cap is Mode.AUDIT,
        drain_seconds=config.drain_seconds,
    )


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
