"""Where a server has its policies from: files, where it was given some, else the cluster; never both."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from webhook.admission.ports import Policies
from webhook.clock import Clock
from webhook.config import ServeConfig
from webhook.kube.policies import ClusterPolicies
from webhook.policy.documents import Fault
from webhook.policy.resources import Compiled
from webhook.policy_files import PolicyFiles, Reload
from webhook.server.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Source:
    """Policies, and why those of a generation cannot be judged by; None where they can."""

    policies: Policies
    unready: Callable[[str], str | None]


class NewFaults:
    """Which faults the set before did not have: each change of a policy comes with the faults of all others."""

    def __init__(self) -> None:
        self._before: frozenset[Fault] = frozenset()

    def of(self, faults: tuple[Fault, ...]) -> tuple[Fault, ...]:
        """Those of a set that are new. One that was mended and is back is new."""
        before, self._before = self._before, frozenset(faults)
        return tuple(fault for fault in faults if fault not in before)


@asynccontextmanager
async def policy_source(
    config: ServeConfig, clock: Clock, metrics: Metrics, told: Callable[[Reload], None]
) -> AsyncIterator[Source]:
    """The policies, kept up to date inside; `told` learns of each set. Raises `ConfigurationError`.

    Of faults of the cluster's policies it is told those that are new.
    """
    if config.engine.policies:
        files = PolicyFiles(config.engine.policies, config.engine.trust.names)
        told(Reload(files.current()))
        async with _watching(files, config.policy_poll_seconds, told):
            yield Source(files, lambda _generation: None)
        return
    cluster = ClusterPolicies(
        clock,
        config.kubeconfig,
        trust_roots=config.engine.trust.names,
        namespace=config.secrets_namespace,
        max_staleness=config.policy_max_staleness,
    )
    await cluster.connect()
    metrics.policies_watched(lambda: cluster.age)

    news = NewFaults()

    def changed(compiled: Compiled) -> None:
        told(Reload(compiled.book, news.of(compiled.faults)))

    async with cluster.watching(changed):
        yield Source(cluster, cluster.unready)


@asynccontextmanager
async def _watching(files: PolicyFiles, seconds: float, told: Callable[[Reload], None]) -> AsyncIterator[None]:
    watching = asyncio.create_task(files.watch(seconds, told))
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
