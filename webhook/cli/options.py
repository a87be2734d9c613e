"""Options that several commands share; each has an environment variable `TIDEWAITER_…`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from webhook import config
from webhook.config import EngineConfig, RegistryConfig, TrustConfig
from webhook.verdict import Mode

F = TypeVar("F", bound=Callable[..., Any])

NO_MATCH = {"deny": Mode.ENFORCE, "warn": Mode.WARN, "allow": None}
WORKLOADS = {"deny": Mode.ENFORCE, "warn": Mode.WARN, "ignore": None}
RELEASE_MODES = {"audit": Mode.AUDIT, "policy": Mode.ENFORCE}

MAX_INPUT_BYTES = 16 * 2**20
"""What is read of one file or of standard input; the server reads as much of a review."""

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
FILE_OR_FOLDER = click.Path(exists=True, path_type=Path)


def option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """A click option with its environment variable: `--no-match` is `TIDEWAITER_NO_MATCH`."""
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    attributes.setdefault("envvar", "TIDEWAITER_" + long.removeprefix("--").replace("-", "_").upper())
    return click.option(*names, show_envvar=True, **attributes)


def policy_option(*, required: bool = True) -> Callable[[F], F]:
    """`-p/--policy`."""
    return option(
        "-p",
        "--policy",
        "policies",
        type=FILE_OR_FOLDER,
        multiple=True,
        required=required,
        help="A file of policies, or a folder of such files. Repeatable.",
    )


def no_match_option(function: F) -> F:
    """`--no-match`."""
    return option(
        "--no-match",
        type=click.Choice(list(NO_MATCH)),
        default="deny",
        show_default=True,
        help="What happens to a pod that no Enforce or Warn policy matches.",
    )(function)


def pod_security_labels_option(function: F) -> F:
    """`--pod-security-labels`."""
    return option(
        "--pod-security-labels/--no-pod-security-labels",
        default=False,
        show_default=True,
        help="Judge pods by the labels pod-security.kubernetes.io/… of their namespaces too, as Kubernetes' own Pod"
        " Security controller does.",
    )(function)


def workloads_option(function: F) -> F:
    """`--workloads`."""
    return option(
        "--workloads",
        type=click.Choice(list(WORKLOADS)),
        default="warn",
        show_default=True,
        help="What findings about a Deployment's or another workload's template do.",
    )(function)


def workload_kind_option(function: F) -> F:
    """`--workload-kind`, for `webhook.workload_kinds.workload_kinds`."""
    return option(
        "--workload-kind",
        multiple=True,
        metavar="RESOURCE.GROUP=PATH[,PATH...]",
        help="A kind of the cluster's own and where pod templates (spec.template) or lists of containers (spec.steps[])"
        " lie in its objects. Repeatable.",
    )(function)


def namespace_label_option(function: F) -> F:
    """`--namespace-label`."""
    return option(
        "--namespace-label",
        multiple=True,
        metavar="NS:KEY=VALUE",
        help="A label of a namespace, for policies that select by labels. Repeatable.",
    )(function)


def namespace_labels(
    texts: tuple[str, ...], declared: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, dict[str, str]]:
    """The labels by namespace: those that documents declare, and those of the flags over them.

    The label that the API server gives every namespace is among them. Raises `ConfigurationError`.
    """
    labels = {namespace: dict(given) for namespace, given in (declared or {}).items()}
    for namespace, key, value in map(config.namespace_label, texts):
        labels.setdefault(namespace, {})[key] = value
    for namespace, given in labels.items():
        given["kubernetes.io/metadata.name"] = namespace
    return labels


def output_option(*formats: str) -> Callable[[F], F]:
    """`-o/--output`; the first format is the default."""
    return option(
        "-o",
        "--output",
        "output_format",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How results are printed.",
    )


def registry_options(function: F) -> F:
    """How registries are reached."""
    for decorate in reversed(_REGISTRY_OPTIONS):
        function = decorate(function)
    return function


_REGISTRY_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    option(
        "--docker-config",
        type=FILE,
        help="A docker config.json (or a .dockercfg, if named so) with credentials of registries; read again when it"
        " changes.",
    ),
    option(
        "--credential-provider-config",
        type=FILE,
        help="Kubelet's CredentialProviderConfig: programs that are asked for credentials of registries.",
    ),
    option(
        "--credential-provider-bin-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="The folder of the programs that --credential-provider-config names.",
    ),
    option(
        "--registry-ca",
        multiple=True,
        metavar="HOST=FILE",
        help="Certificate authorities (PEM) to trust for a registry, beside the system's. Repeatable.",
    ),
    option(
        "--insecure-registry",
        multiple=True,
        metavar="HOST[:PORT]",
        help="A registry that speaks plain http and may have a private or loopback address. Repeatable.",
    ),
    option(
        "--allow-address",
        multiple=True,
        metavar="CIDR",
        help="Addresses that may be dialled although they are private, loopback or link-local. Repeatable.",
    ),
    option(
        "--registry-mirror",
        multiple=True,
        metavar="HOST=MIRROR[/PATH]",
        help="A registry that is asked before another one about its images, and instead of it where it knows them."
        " Repeatable.",
    ),
    option(
        "--registry-proxy",
        metavar="URL",
        help="An HTTP proxy, http://[USER:PASSWORD@]HOST[:PORT], through which registries are reached. No other"
        " variable of the environment names one.",
    ),
    option(
        "--no-proxy",
        multiple=True,
        metavar="HOST|.DOMAIN",
        help="A host, or all hosts of a domain, that are reached without --registry-proxy. Repeatable.",
    ),
)


trust_root_option = option(
    "--trust-root",
    "trust_root",
    multiple=True,
    metavar="[NAME=]FILE",
    help="A trusted_root.json to use as the trust root of a name, public-good if it has none. Repeatable.",
)
"""`--trust-root`, for `trust_config`."""


trust_root_refresh_option = option(
    "--trust-root-refresh/--no-trust-root-refresh",
    default=True,
    show_default=True,
    help="Fetch newer copies of the trust root public-good, where a policy needs it, from Sigstore's TUF repository.",
)


def trust_config(texts: tuple[str, ...], *, upkeep: bool = False, refresh_public_good: bool = False) -> TrustConfig:
    """The values of `--trust-root`, read. Raises `ConfigurationError`."""
    return TrustConfig(
        files=tuple(config.trust_root(text) for text in texts), upkeep=upkeep, refresh_public_good=refresh_public_good
    )


def registry_config(
    *,
    docker_config: Path | None,
    credential_provider_config: Path | None,
    credential_provider_bin_dir: Path | None,
    registry_ca: tuple[str, ...],
    insecure_registry: tuple[str, ...],
    allow_address: tuple[str, ...],
    registry_mirror: tuple[str, ...],
    registry_proxy: str | None,
    no_proxy: tuple[str, ...],
) -> RegistryConfig:
    """The registry options' values, read. Raises `ConfigurationError`."""
    return RegistryConfig(
        docker_config=docker_config,
        credential_providers=config.credential_providers(credential_provider_config, credential_provider_bin_dir),
        ca_files=tuple(config.host_file(text) for text in registry_ca),
        insecure=frozenset(config.registry_host(text) for text in insecure_registry),
        allow_addresses=tuple(config.network(text) for text in allow_address),
        mirrors=tuple(config.registry_mirror(text) for text in registry_mirror),
        proxy=config.registry_proxy(registry_proxy, no_proxy),
    )


def engine_config(
    policies: tuple[Path, ...],
    no_match: str,
    *,
    cap: Mode = Mode.ENFORCE,
    pinning: bool = False,
    pod_security_labels: bool = False,
    trust: TrustConfig,
    **registry: Any,
) -> EngineConfig:
    """The engine options' values, and those of `registry_options`, read. Raises `ConfigurationError`."""
    return EngineConfig(
        policies=policies,
        no_match=NO_MATCH[no_match],
        cap=cap,
        pinning=pinning,
        pod_security_labels=pod_security_labels,
        registry=registry_config(**registry),
        trust=trust,
    )
