"""`tidewaiter controller`: what looks after a release in its cluster."""

import sys
from pathlib import Path
from typing import Any

import click
import uvloop

from webhook import config
from webhook.cli import cluster_options, options
from webhook.config import ControllerConfig


@click.command()
@options.option(
    "--namespace", required=True, metavar="NAMESPACE", help="Where the release is; its Lease lies there too."
)
@options.option("--name", required=True, metavar="NAME", help="The release's name.")
@options.option("--kubeconfig", type=options.FILE, help="The cluster to look after, from outside of it.")
@cluster_options.health_bind_option
@options.option(
    "--mode",
    type=click.Choice(list(options.RELEASE_MODES)),
    default="policy",
    show_default=True,
    help="As the release's webhook has it. audit: nothing is denied; policy: each policy does what its mode says.",
)
@options.option(
    "--lease-name", metavar="NAME", help="The Lease by which one replica works.  [default: the release's, -controller]"
)
@options.option(
    "--lease-seconds",
    type=click.FloatRange(3, 300),
    default=15.0,
    show_default=True,
    help="How long the Lease lasts of a replica that is gone; one that cannot renew it stops after two thirds.",
)
@options.policy_option(required=False)
@options.no_match_option
@options.pod_security_labels_option
@cluster_options.secrets_namespace_option
@options.option(
    "--configurations",
    type=options.FOLDER,
    help="A folder with the release's webhook configurations as they should be; what differs is told.",
)
@options.option(
    "--mend-configurations/--no-mend-configurations",
    "mend",
    default=False,
    show_default=True,
    help="Write them as they should be where they differ. One that is deleted stays deleted.",
)
@options.option(
    "--tls",
    type=click.Choice(["in-process", "given", "none"]),
    default="none",
    show_default=True,
    help="in-process: make the serving certificate and its authority, and have the API server trust it; given: have it"
    " trust the ca.crt of a Secret that others make; none: leave both alone.",
)
@options.option("--tls-secret", metavar="NAME", help="The Secret of --tls.  [default: the release's, -tls]")
@options.option("--tls-name", multiple=True, metavar="NAME", help="What the certificate is for, too. Repeatable.")
@options.option(
    "--audit-seconds",
    type=click.FloatRange(0, 86400),
    default=600.0,
    show_default=True,
    help="Between two audits of what runs; 0: none.",
)
@options.option(
    "--exempt-namespace",
    "exempt",
    multiple=True,
    metavar="NS",
    help="A namespace that is not audited, as the webhook does not judge it. Repeatable.",
)
@cluster_options.pull_secrets_option
@options.option(
    "--report-api",
    type=click.Choice(["auto", "openreports", "wgpolicyk8s", "none"]),
    default="auto",
    show_default=True,
    help="Where the audit's results are written: auto takes what the cluster serves, OpenReports first.",
)
@options.trust_root_option
@options.trust_root_refresh_option
@options.registry_options
def controller(
    *,
    namespace: str,
    name: str,
    kubeconfig: Path | None,
    health_bind: str,
    mode: str,
    lease_name: str | None,
    lease_seconds: float,
    policies: tuple[Path, ...],
    no_match: str,
    pod_security_labels: bool,
    secrets_namespace: str | None,
    configurations: Path | None,
    mend: bool,
    tls: str,
    tls_secret: str | None,
    tls_name: tuple[str, ...],
    audit_seconds: float,
    exempt: tuple[str, ...],
    pull_secrets: bool,
    report_api: str,
    trust_root: tuple[str, ...],
    trust_root_refresh: bool,
    **registry: Any,
) -> None:
    """Look after a release: its certificates and webhook configurations, the status of policies, audits and reports.

    Of several replicas one works, which holds a Lease; nothing that admits a pod depends on any. With --policy,
    policies are no resources, and have no status.

    Exit codes: 0 after SIGTERM, 1 where the Lease is lost, 2 where it cannot start.
    """
    settings = ControllerConfig(
        engine=options.engine_config(
            policies,
            no_match,
            cap=options.RELEASE_MODES[mode],
            pod_security_labels=pod_security_labels,
            trust=options.trust_config(trust_root, upkeep=True, refresh_public_good=trust_root_refresh),
            **registry,
        ),
        namespace=config.object_name(namespace),
        name=config.object_name(name),
        kubeconfig=kubeconfig,
        health_bind=config.address(health_bind),
        lease_name=lease_name and config.object_name(lease_name),
        lease_seconds=lease_seconds,
        secrets_namespace=secrets_namespace,
        configurations=configurations,
        mend=mend,
        certificates=tls,
        tls_secret=config.object_name(tls_secret or f"{name}-tls"),
        tls_names=tls_name,
        audit_seconds=audit_seconds,
        exempt_namespaces=frozenset(exempt),
        pull_secrets=pull_secrets,
        report_api=report_api,
    )
    sys.exit(uvloop.run(_run(settings)))


async def _run(settings: ControllerConfig) -> int:
    """Loaded when it is needed: no other command has anything to do with it."""
    from webhook.controller.program import run  # noqa: PLC0415 - for that reason

    return await run(settings)
