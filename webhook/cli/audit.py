"""`tidewaiter audit`: what runs in a cluster, judged as if it were created now."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import click
import msgspec

from webhook import config as values
from webhook.admission.ports import Policies
from webhook.admission.report import plain
from webhook.audit.results import Scan
from webhook.audit.scan import Scanner
from webhook.audit.summary import summarize
from webhook.cli import audit_results, cluster_options, options
from webhook.cli.check import FAIL_ON
from webhook.clock import SystemClock
from webhook.config import EngineConfig
from webhook.errors import ConfigurationError
from webhook.kube.policies import ClusterPolicies
from webhook.kube.workloads import ClusterWorkloads
from webhook.policy.resources import Compiled
from webhook.policy_files import PolicyFiles
from webhook.wiring import cluster_pull_secrets, engine

AT_ONCE = 16
"""Pods that are judged at once: somebody waits. Registries see no more than so many questions for one of them."""

POLICIES_SECONDS = 20.0
"""What the policies of the cluster are waited for."""


class AuditConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Which cluster is audited, how much of it, and by what."""

    engine: EngineConfig
    kubeconfig: Path | None
    namespaces: tuple[str, ...] = ()
    exempt: frozenset[str] = frozenset()
    secrets_namespace: str | None = None
    pull_secrets: bool = False


@click.command()
@options.policy_option(required=False)
@options.option(
    "-n", "--namespace", "namespaces", multiple=True, metavar="NS", help="A namespace to audit. Repeatable."
)
@options.option("-A", "--all-namespaces", is_flag=True, help="Audit all namespaces, which is done where none is named.")
@options.option(
    "--exempt-namespace",
    "exempt",
    multiple=True,
    metavar="NS",
    default=("kube-system",),
    show_default=True,
    help="A namespace to leave out, as the webhook does. Repeatable; one that --namespace names is audited.",
)
@options.option(
    "--kubeconfig",
    type=options.FILE,
    envvar="KUBECONFIG",
    help="The cluster to audit; without it, that of ~/.kube/config, or inside a cluster that one.",
)
@options.option(
    "--fail-on",
    type=click.Choice(list(FAIL_ON)),
    default="deny",
    show_default=True,
    help="The weakest finding that makes the exit code 1.",
)
@options.no_match_option
@options.pod_security_labels_option
@cluster_options.secrets_namespace_option
@cluster_options.pull_secrets_option
@options.trust_root_option
@options.registry_options
@options.output_option("table", "json", "html")
def audit(
    *,
    policies: tuple[Path, ...],
    namespaces: tuple[str, ...],
    all_namespaces: bool,
    exempt: tuple[str, ...],
    kubeconfig: Path | None,
    fail_on: str,
    no_match: str,
    pod_security_labels: bool,
    secrets_namespace: str | None,
    pull_secrets: bool,
    trust_root: tuple[str, ...],
    output_format: str,
    **registry: Any,
) -> None:
    """Judge the pods that run in a cluster as if they were created now, and tell what to mend first.

    Policies come from --policy; without it, they are the cluster's. What a policy of mode Audit would deny is told too.
    Nothing is written to the cluster.

    Exit code 0 when nothing would be denied, 1 when something would, 2 for usage, configuration or no cluster, 3 when
    something could not be found out.
    """
    if all_namespaces and namespaces:
        raise click.UsageError("give --namespace or --all-namespaces, not both")
    settings = AuditConfig(
        engine=options.engine_config(
            policies,
            no_match,
            pod_security_labels=pod_security_labels,
            trust=options.trust_config(trust_root),
            **registry,
        ),
        kubeconfig=kubeconfig or _own_kubeconfig(),
        namespaces=tuple(map(values.object_name, namespaces)),
        exempt=frozenset(exempt) - set(namespaces),
        secrets_namespace=secrets_namespace,
        pull_secrets=pull_secrets,
    )
    scan = asyncio.run(_scan(settings))
    _show(scan, output_format)
    sys.exit(audit_results.exit_code(scan, FAIL_ON[fail_on]))


def _own_kubeconfig() -> Path | None:
    """The user's, unless this runs in a pod."""
    file = Path.home() / ".kube" / "config"
    return file if "KUBERNETES_SERVICE_HOST" not in os.environ and file.is_file() else None


async def _scan(settings: AuditConfig) -> Scan:
    """Raises `ConfigurationError`, also where there is no cluster."""
    async with AsyncExitStack() as stack:
        workloads = ClusterWorkloads(settings.kubeconfig, namespaces=settings.namespaces, exempt=settings.exempt)
        stack.push_async_callback(workloads.close)
        await workloads.connect()
        policies = await stack.enter_async_context(_policies(settings))
        pull_secrets = None
        if settings.pull_secrets:
            pull_secrets = await stack.enter_async_context(cluster_pull_secrets(settings.kubeconfig))
        decider = await stack.enter_async_context(
            engine(settings.engine, policies, workloads, pull_secrets=pull_secrets)
        )
        return await Scanner(workloads, decider, at_once=AT_ONCE).scan()


@asynccontextmanager
async def _policies(settings: AuditConfig) -> AsyncIterator[Policies]:
    """Those of files, or those that the cluster has now. Raises `ConfigurationError`."""
    trust_roots = settings.engine.trust.names
    if settings.engine.policies:
        yield PolicyFiles(settings.engine.policies, trust_roots)
        return
    cluster = ClusterPolicies(
        SystemClock(), settings.kubeconfig, trust_roots=trust_roots, namespace=settings.secrets_namespace
    )
    await cluster.connect()
    first: asyncio.Future[Compiled] = asyncio.get_running_loop().create_future()

    def changed(compiled: Compiled) -> None:
        if not first.done():
            first.set_result(compiled)

    async with cluster.watching(changed):
        try:
            async with asyncio.timeout(POLICIES_SECONDS):
                compiled = await first
        except TimeoutError:
            why = cluster.unready(cluster.current().generation)
            raise ConfigurationError(f"no --policy is given, and the cluster's cannot be used: {why}") from None
        for fault in compiled.faults:
            click.echo(f"cannot be used, and denies what it matches: {plain(str(fault))}", err=True)
        yield cluster


def _show(scan: Scan, output_format: str) -> None:
    summary = summarize(scan)
    if output_format == "html":
        from webhook.audit.page import page  # noqa: PLC0415 - no other format needs it

        click.echo(page(scan, summary), nl=False)
    elif output_format == "json":
        audit_results.document(scan, summary)
    else:
        audit_results.table(scan, summary)
