"""`tidewaiter serve`: the webhook."""

from pathlib import Path
from typing import Any

import click
import uvloop

from webhook import config
from webhook.cli import cluster_options, options
from webhook.config import ServeConfig
from webhook.server.program import run
from webhook.workload_kinds import workload_kinds


@click.command()
@options.policy_option(required=False)
@options.no_match_option
@options.option(
    "--bind",
    default="0.0.0.0:8443",
    show_default=True,
    metavar="HOST:PORT",
    help="Where reviews are answered, over HTTPS.",
)
@cluster_options.health_bind_option
@options.option(
    "--tls-cert", type=options.FILE, required=True, help="The serving certificate (PEM); read again when it changes."
)
@options.option("--tls-key", type=options.FILE, required=True, help="Its key (PEM).")
@options.option(
    "--client-ca",
    type=options.FILE,
    help="Authorities (PEM) of client certificates; with it a client needs one, and /image-policy is answered.",
)
@options.option("--client-name", multiple=True, help="A name that a client's certificate must bear. Repeatable.")
@options.option(
    "--mode",
    type=click.Choice(list(options.RELEASE_MODES)),
    default="policy",
    show_default=True,
    help="audit: a dry run of everything, nothing is denied; policy: each policy does what its mode says.",
)
@options.workloads_option
@options.workload_kind_option
@options.pod_security_labels_option
@options.option(
    "--pin/--no-pin",
    default=False,
    show_default=True,
    help="Answer /pin with the digests of tags, and judge the tags of workloads' templates as if they were replaced.",
)
@options.option(
    "--kubeconfig",
    type=options.FILE,
    help="The cluster to ask for policies, labels of namespaces and pull secrets, from outside of it.",
)
@options.option(
    "--policy-max-staleness",
    type=click.FloatRange(60, 7 * 86400),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long policies of the cluster hold while the API server does not answer; then everything is denied.",
)
@cluster_options.secrets_namespace_option
@cluster_options.pull_secrets_option
@options.option(
    "--warm/--no-warm",
    default=False,
    show_default=True,
    help="Once reviews are answered, verify what runs in the cluster already; needs the right to list pods.",
)
@options.option(
    "--guard/--no-guard",
    default=False,
    show_default=True,
    help="Answer /guard: refuse policies with faults, and changes of namespaces' labels that policies read by whoever"
    " may not change policies; needs the right to create subjectaccessreviews. Never with --mode audit.",
)
@options.option(
    "--drain-seconds",
    type=click.FloatRange(0, 300),
    default=10.0,
    show_default=True,
    help="How long requests are still answered after SIGTERM.",
)
@options.option(
    "--otlp-endpoint",
    metavar="URL",
    help="Send traces of reviews there, by OTLP over HTTP, where the API server samples them; needs the extra otel.",
)
@options.trust_root_option
@options.trust_root_refresh_option
@options.registry_options
def serve(
    *,
    policies: tuple[Path, ...],
    no_match: str,
    mode: str,
    workloads: str,
    workload_kind: tuple[str, ...],
    pod_security_labels: bool,
    pin: bool,
    bind: str,
    health_bind: str,
    tls_cert: Path,
    tls_key: Path,
    client_ca: Path | None,
    client_name: tuple[str, ...],
    kubeconfig: Path | None,
    policy_max_staleness: float,
    secrets_namespace: str | None,
    pull_secrets: bool,
    warm: bool,
    guard: bool,
    drain_seconds: float,
    otlp_endpoint: str | None,
    trust_root: tuple[str, ...],
    trust_root_refresh: bool,
    **registry: Any,
) -> None:
    """Answer the API server's AdmissionReviews.

    Without --policy, policies are the cluster's ClusterPodPolicies and TrustRoots. Policies and certificates are read
    again when they change, trust roots of TUF repositories are fetched anew in time.
    SIGTERM begins a drain that fails no request.
    """
    trust = options.trust_config(trust_root, upkeep=True, refresh_public_good=trust_root_refresh)
    settings = ServeConfig(
        engine=options.engine_config(
            policies,
            no_match,
            cap=options.RELEASE_MODES[mode],
            pod_security_labels=pod_security_labels,
            trust=trust,
            **registry,
        ),
        bind=config.address(bind),
        health_bind=config.address(health_bind),
        tls_cert=tls_cert,
        tls_key=tls_key,
        workloads=options.WORKLOADS[workloads],
        workload_kinds=workload_kinds(workload_kind),
        pinning=pin,
        client_ca=client_ca,
        client_names=frozenset(client_name),
        kubeconfig=kubeconfig,
        policy_max_staleness=policy_max_staleness,
        secrets_namespace=secrets_namespace,
        pull_secrets=pull_secrets,
        warm=warm,
        guard=guard,
        drain_seconds=drain_seconds,
        otlp_endpoint=config.otlp_endpoint(otlp_endpoint),
    )
    uvloop.run(run(settings))
