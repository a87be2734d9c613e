"""`serve` put together: policies that reload, the engine, the reviewer, and the service that answers with it."""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from webhook import __version__
from webhook.admission.guard import Guard
from webhook.admission.image_reviewer import ImageReviewer
from webhook.admission.patch import Pins
from webhook.admission.reviewer import Reviewer
from webhook.admission.stages import AllStages
from webhook.clock import Clock, SystemClock
from webhook.config import ServeConfig
from webhook.errors import ConfigurationError
from webhook.kube.authorization import ClusterAuthorization
from webhook.kube.namespaces import ClusterNamespaces
from webhook.kube.running_pods import RunningPods
from webhook.policy.unusable import is_usable
from webhook.policy_files import Reload
from webhook.server import undecided
from webhook.server.decision_log import DecisionLog
from webhook.server.exemption_ends import ExemptionEnds
from webhook.server.metrics import Metrics
from webhook.server.policy_sources import policy_source
from webhook.server.routes import GUARD, IMAGE_POLICY, PIN, VALIDATE, Route
from webhook.server.run import SIGNALS, Service
from webhook.server.settings import ServeSettings, TlsFiles
from webhook.server.warming import WarmUp
from webhook.telemetry import logs
from webhook.telemetry.sink import Output
from webhook.verdict import Mode
from webhook.wiring import cluster_pull_secrets, engine

if TYPE_CHECKING:
    from webhook.server.tracing import Tracing

_log = logging.getLogger(__name__)

ANYBODY_ASKS = (
    "pull secrets of pods are used, and whoever reaches the port may ask in the name of any namespace: tags of images"
    " that only a pull secret opens are not replaced by digests; let only the API server in, with --client-ca and"
    " --client-name"
)
"""Logged at start."""

NO_IMAGE_POLICY = "/image-policy is not answered: it needs --client-ca and --client-name"
"""Logged at start. Whoever asks there learns what runs where, and what is in registries: it is for the API server."""


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
        namespaces = ClusterNamespaces(clock, config.kubeconfig)
        stack.push_async_callback(namespaces.close)
        metrics.caches.follow({"namespaces": namespaces.kept})
        ends = ExemptionEnds(metrics, clock)
        told = _Reloads(metrics, clock, namespaces, ends)
        source = await stack.enter_async_context(policy_source(config, clock, metrics, told))
        policies = source.policies
        if policies.current().needs_labels or config.engine.pod_security_labels:
            await namespaces.connect()
        pull_secrets = None
        if config.pull_secrets:
            if config.client_ca is None:
                _log.warning("%s", ANYBODY_ASKS)
            pull_secrets = await stack.enter_async_context(cluster_pull_secrets(config.kubeconfig))
        tracing = None
        if config.otlp_endpoint is not None:
            tracing = _tracing(config.otlp_endpoint)
            stack.push_async_callback(tracing.close)
        decider = await stack.enter_async_context(
            engine(
                config.engine,
                policies,
                namespaces,
                metrics,
                pull_secrets,
                registry_observer=metrics.registries,
                stages=metrics.verifications if tracing is None else AllStages((metrics.verifications, tracing)),
                follow_caches=metrics.caches.follow,
            )
        )
        reviewer = Reviewer(decider, config.workloads, pinning=config.pinning, kinds=config.workload_kinds)
        pinner = decider.pinner(anybody=config.client_ca is None) if config.pinning else None
        pins = Pins(pinner, audit=config.engine.cap is Mode.AUDIT)

        def ready() -> str | None:
            return source.unready(decider.generation)

        routes = {VALIDATE: Route(reviews=reviewer), PIN: Route(reviews=pins, harmless=True)}
        if config.client_ca is None:
            _log.info("%s", NO_IMAGE_POLICY)
        else:
            routes[IMAGE_POLICY] = Route(reviews=ImageReviewer(decider), undecided=undecided.of_images)
        if config.guard and config.engine.cap is not Mode.AUDIT:
            authorization = ClusterAuthorization(clock, config.kubeconfig)
            stack.push_async_callback(authorization.close)
            await authorization.connect()
            guard = Guard(policies, authorization, pod_security_labels=config.engine.pod_security_labels)
            routes[GUARD] = Route(reviews=guard)
        if tracing is not None:
            routes = dict(tracing.routes(routes))
        service = Service(_settings(config), routes, ready, metrics, DecisionLog(sink, clock), tracing)
        stack.push_async_callback(_cancel, asyncio.create_task(ends.watch(policies)))
        await stack.enter_async_context(service)
        if config.warm:
            warming = asyncio.create_task(WarmUp(RunningPods(config.kubeconfig), decider, lambda: service.busy).run())
            stack.push_async_callback(_cancel, warming)
        yield service


class _Reloads:
    """Says in log and metrics what became of each attempt to load policies, and readies what new ones need."""

    def __init__(self, metrics: Metrics, clock: Clock, namespaces: ClusterNamespaces, ends: ExemptionEnds) -> None:
        self._metrics = metrics
        self._clock = clock
        self._namespaces = namespaces
        self._ends = ends
        self._connecting: asyncio.Task[None] | None = None

    def __call__(self, reload: Reload) -> None:
        if reload.book is None:
            self._metrics.policies_failed()
            for fault in reload.faults:
                _log.error("policies not loaded, those before stay in force: %s", fault)
            return
        for fault in reload.faults:
            _log.error("cannot be used, and a policy denies what it matches: %s", fault)
        by_mode = Counter(policy.mode for policy in reload.book.policies)
        unusable = Counter(policy.mode for policy in reload.book.policies if not is_usable(policy))
        self._metrics.policies_loaded(by_mode, self._clock.now().timestamp(), unusable)
        counts = ", ".join(f"{by_mode[mode]} {mode.value}" for mode in Mode)
        _log.info("policies in force: %s, generation %s", counts, reload.book.generation)
        self._ends.look(reload.book)
        if reload.book.needs_labels:
            self._connecting = asyncio.create_task(self._connect())

    async def _connect(self) -> None:
        """Load the Kubernetes client before a review has to wait for it."""
        try:
            await self._namespaces.connect()
        except ConfigurationError as error:
            _log.error("%s", error)


def _tracing(endpoint: str) -> "Tracing":
    """Raises `ConfigurationError` where it is not installed."""
    try:
        from webhook.server.tracing import Tracing, exporting  # noqa: PLC0415 - an extra that few have
    except ImportError as error:
        raise ConfigurationError("--otlp-endpoint needs more: pip install 'tidewaiter[otel]'") from error
    return Tracing(__version__, exporting(endpoint))


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
