"""`controller` put together: the Lease, and the parts that work while this replica holds it."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import AsyncExitStack, suppress
from typing import Protocol
from uuid import uuid4

from webhook import __version__
from webhook.audit.results import Scan
from webhook.clock import SystemClock
from webhook.config import ControllerConfig
from webhook.controller.auditing import Auditing
from webhook.controller.certificates.keeper import CertificateKeeper
from webhook.controller.certificates.settings import (
    MUTATING,
    VALIDATING,
    CertificateSettings,
    Reference,
    serving_names,
)
from webhook.controller.configurations.guard import ConfigurationGuard
from webhook.controller.configurations.settings import ConfigurationSettings
from webhook.controller.election import Election, LeaseLostError, Periods
from webhook.controller.health import Health
from webhook.controller.lease import DEPLOYMENT, LeaseLock
from webhook.controller.metrics import Metrics
from webhook.controller.policies import PolicyStatuses
from webhook.controller.reporting import Reporting, ReportingSettings, ReportsApi
from webhook.controller.resources import ResourceEvents
from webhook.errors import ConfigurationError, TidewaiterError
from webhook.kube.cluster import Cluster
from webhook.kube.connection import Connection
from webhook.kube.credentials import credentials
from webhook.kube.key_secrets import KeySecrets
from webhook.kube.watching import GROUP, VERSION
from webhook.policy.resources import Compiler
from webhook.telemetry import logs

_log = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)

SECRET_STALENESS_SECONDS = 3600.0
"""How long a key counts whose Secret cannot be read, as with `serve`."""


_OVERDUE = "works still, although the Lease is lost"


class Part(Protocol):
    """Something that the controller does all the time while it holds the Lease."""

    async def run(self) -> None:
        """For ever; logs and counts failures itself, and raises nothing but for cancellation."""
        ...


class PartEndedError(TidewaiterError):
    """A part came to an end, which none does."""


class _Cluster:
    """The connections to the API server, and what parts share beside them."""

    def __init__(self, config: ControllerConfig, metrics: Metrics) -> None:
        self.identity = f"{socket.gethostname()[:80]}_{uuid4()}"
        self.clock = SystemClock()
        self.metrics = metrics
        self.connection = Connection(config.kubeconfig)
        self.objects = Cluster(config.kubeconfig)

    async def scanned(self, scan: Scan) -> None:
        """Count what an audit found."""
        self.metrics.scanned(scan)

    async def connect(self) -> None:
        """Raises `ConfigurationError` where there is no cluster."""
        try:
            await self.connection.core()
        except Exception as error:  # whatever the client raises, there is nobody to ask
            raise ConfigurationError(f"there is no cluster to look after ({type(error).__name__})") from error

    async def close(self) -> None:
        """Close both connections."""
        await self.objects.close()
        await self.connection.close()


def parts(config: ControllerConfig, cluster: _Cluster) -> tuple[Part, ...]:
    """Everything that is done while this replica holds the Lease."""
    return (*_certificates(config, cluster), *_configurations(config, cluster), *_policies(config, cluster))


def _certificates(config: ControllerConfig, cluster: _Cluster) -> Iterator[Part]:
    """What keeps the serving certificate and what the API server trusts, where that is asked for."""
    if config.certificates == "none":
        return
    settings = CertificateSettings(
        release=config.name,
        namespace=config.namespace,
        secret=config.tls_secret,
        names=serving_names(config.name, config.namespace, config.tls_names),
        configurations=(
            Reference(VALIDATING, config.name),
            Reference(VALIDATING, f"{config.name}-guard"),
            Reference(MUTATING, config.name),
        ),
        mode="self" if config.certificates == "in-process" else "given",
        owner=Reference(DEPLOYMENT, config.deployment),
    )
    yield CertificateKeeper(cluster.objects, settings, cluster.clock, cluster.metrics.certificates)


def _configurations(config: ControllerConfig, cluster: _Cluster) -> Iterator[Part]:
    """What compares webhook configurations with what they should be, where that is known."""
    if config.configurations is None:
        return
    settings = ConfigurationSettings(
        folder=config.configurations,
        namespace=config.namespace,
        release=config.name,
        deployment=config.deployment,
        instance=cluster.identity,
        mend=config.mend,
    )
    yield ConfigurationGuard(cluster.objects, settings, cluster.clock, cluster.metrics.configurations)


def _policies(config: ControllerConfig, cluster: _Cluster) -> Iterator[Part]:
    """What looks after policies that are resources, and what audits by whichever policies there are."""
    reporting = Reporting(
        cluster.objects,
        ReportingSettings(config.namespace, config.name, ReportsApi(config.report_api)),
        cluster.clock,
        cluster.metrics.reporting,
    )
    if config.engine.policies:
        if config.audit_seconds:
            yield Auditing(config, None, (cluster.scanned, reporting.publish))
        return
    secrets = KeySecrets(cluster.connection, config.secrets_namespace, cluster.clock, SECRET_STALENESS_SECONDS)
    compiler = Compiler(config.engine.trust.names)
    statuses = PolicyStatuses(cluster.objects, secrets, compiler, cluster.clock, cluster.metrics, cap=config.engine.cap)
    yield statuses
    yield ResourceEvents(
        served=lambda: cluster.objects.served(GROUP, VERSION),
        credentials=lambda: credentials(cluster.connection),
        changed=statuses.look,
    )
    if config.audit_seconds:
        auditing = Auditing(config, statuses, (cluster.scanned, statuses.publish, reporting.publish))
        statuses.on_change = auditing.changed
        yield auditing


async def run(config: ControllerConfig) -> int:
    """Work, or stand by, until SIGTERM or SIGINT: 0; or until the Lease is lost: 1, and the process is started anew.

    Raises `ConfigurationError` where it cannot start.
    """
    metrics = Metrics(__version__)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(logs.logging_to(sys.stdout.buffer, metrics.log_lines_dropped))
        cluster = _Cluster(config, metrics)
        stack.push_async_callback(cluster.close)
        election = _election(config, cluster)
        await cluster.connect()
        health = Health(lambda: _OVERDUE if election.overdue else None, metrics.text)
        address = await stack.enter_async_context(health.listening(*config.health_bind))
        _log.info("health on %s:%s, standing by for the Lease of %s/%s", *address, config.namespace, config.name)
        return await _until_told(election, config, cluster)


async def _until_told(election: Election, config: ControllerConfig, cluster: _Cluster) -> int:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in SIGNALS:
        loop.add_signal_handler(each, told.set)

    async def work() -> None:
        cluster.metrics.leads(leading=True)
        await together(parts(config, cluster))

    working = asyncio.ensure_future(election.run(work))
    ending = asyncio.ensure_future(told.wait())
    await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    working.cancel()
    try:
        with suppress(asyncio.CancelledError):
            await working
    except LeaseLostError as error:
        _log.error("this replica works no more, and ends: %s", error)
        return 1
    _log.info("ended")
    return 0


async def together(every: Iterable[Part]) -> None:
    """Run the parts until cancelled. Where one ends, so do all. Raises an ExceptionGroup."""
    async with asyncio.TaskGroup() as group:
        for part in every:
            group.create_task(_for_ever(part), name=type(part).__name__)
        await asyncio.Event().wait()


async def _for_ever(part: Part) -> None:
    await part.run()
    raise PartEndedError(f"{type(part).__name__} came to an end")


def _election(config: ControllerConfig, cluster: _Cluster) -> Election:
    periods = Periods.of(config.lease_seconds)
    labels = {"app.kubernetes.io/managed-by": "tidewaiter", "app.kubernetes.io/instance": config.name}
    lock = LeaseLock(
        cluster.objects,
        config.namespace,
        config.lease_name or config.deployment,
        cluster.identity,
        cluster.clock,
        duration=periods.duration,
        deadline=periods.deadline,
        labels=labels,
        owner=config.deployment,
    )
    return Election(lock, periods)
