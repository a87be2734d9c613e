"""`tidewaiter serve`: the webhook."""

from pathlib import Path
from typing import Any

import click
import uvloop

from webhook import config
from webhook.cli import options
from webhook.config import ServeConfig
from webhook.server.program import run


@click.command()
@options.policy_option()
@options.no_match_option
@options.option(
    "--bind",
    default="0.0.0.0:8443",
    show_default=True,
    metavar="HOST:PORT",
    help="Where reviews are answered, over HTTPS.",
)
@options.option(
    "--health-bind",
    default="0.0.0.0:8080",
    show_default=True,
    metavar="HOST:PORT",
    help="Where /livez, /readyz and /metrics are, over plain HTTP.",
)
@options.option(
    "--tls-cert", type=options.FILE, required=True, help="The serving certificate (PEM); read again when it changes."
)
@options.option("--tls-key", type=options.FILE, required=True, help="Its key (PEM).")
@options.option(
    "--client-ca", type=options.FILE, help="Authorities (PEM) of client certificates; with it a client needs one."
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
@options.option(
    "--pin/--no-pin",
    default=False,
    show_default=True,
    help="Answer /pin with the digests of tags, and judge the tags of workloads' templates as if they were replaced.",
)
@options.option(
    "--kubeconfig",
    type=options.FILE,
    help="The cluster to ask for labels of namespaces and pull secrets, from outside of it.",
)
@options.option(
    "--pull-secrets/--no-pull-secrets",
    default=False,
    show_default=True,
    help="Read the Secrets that a pod names in imagePullSecrets, to see its images; needs the right to read Secrets.",
)
@options.option(
    "--warm/--no-warm",
    default=False,
    show_default=True,
    help="Once reviews are answered, verify what runs in the cluster already; needs the right to list pods.",
)
@options.option(
    "--drain-seconds",
    type=click.FloatRange(0, 300),
    default=10.0,
    show_default=True,
    help="How long requests are still answered after SIGTERM.",
)
@options.trust_root_option
@options.option(
    "--trust-root-refresh/--no-trust-root-refresh",
    default=True,
    show_default=True,
    help="Fetch newer copies of the trust root public-good, where a policy needs it, from Sigstore's TUF repository.",
)
@options.registry_options
def serve(
    *,
    policies: tuple[Path, ...],
    no_match: str,
    mode: str,
    workloads: str,
    pin: bool,
    bind: str,
    health_bind: str,
    tls_cert: Path,
    tls_key: Path,
    client_ca: Path | None,
    client_name: tuple[str, ...],
    kubeconfig: Path | None,
    pull_secrets: bool,
    warm: bool,
    drain_seconds: float,
    trust_root: tuple[str, ...],
    trust_root_refresh: bool,
    **registry: Any,
) -> None:
    """Answer the API server's AdmissionReviews.

    Policies and certificates are read again when they change, trust roots of TUF repositories are fetched anew in time.
    SIGTERM begins a drain that fails no request.
    """
    trust = options.trust_config(trust_root, upkeep=True, refresh_public_good=trust_root_refresh)
    settings = ServeConfig(
        engine=options.engine_config(policies, no_match, cap=options.RELEASE_MODES[mode], trust=trust, **registry),
        bind=config.address(bind),
        health_bind=config.address(health_bind),
        tls_cert=tls_cert,
        tls_key=tls_key,
        workloads=options.WORKLOADS[workloads],
        pinning=pin,
        client_ca=client_ca,
        client_names=frozenset(client_name),
        kubeconfig=kubeconfig,
        pull_secrets=pull_secrets,
        warm=warm,
        drain_seconds=drain_seconds,
    )
    uvloop.run(run(settings))
