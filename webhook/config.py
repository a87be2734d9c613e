"""What a program was started with: flags and environment, read once into frozen values."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import msgspec
from yarl import URL

from webhook.errors import ConfigurationError
from webhook.images import ImageReferenceError, parse_registry, repository_fault
from webhook.registry.settings import Mirror, Proxy
from webhook.signatures.authorities import PUBLIC_GOOD
from webhook.verdict import Mode
from webhook.workload_kinds import WorkloadKind

Network = IPv4Network | IPv6Network

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
"""Of an object, as TrustRoot documents have it too."""


class RegistryConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How registries are reached.

    `insecure` are hosts (`HOST[:PORT]`) that speak plain http and may be private or loopback; `ca_files` are further
    certificate authorities by host; `allow_addresses` are networks that may be dialled whatever they are.
    `credential_providers` are kubelet's CredentialProviderConfig and the folder of the programs that it names.
    `mirrors` are asked before the registries they stand for, in this order; `proxy` is how hosts are reached.
    """

    docker_config: Path | None = None
    credential_providers: tuple[Path, Path] | None = None
    ca_files: tuple[tuple[str, Path], ...] = ()
    insecure: frozenset[str] = frozenset()
    allow_addresses: tuple[Network, ...] = ()
    mirrors: tuple[tuple[str, Mirror], ...] = ()
    proxy: Proxy | None = None


class TrustConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where trust roots come from, beside policies: `files` are trusted_root.json files by name.

    With `upkeep`, those of TUF repositories are fetched in the background for as long as the program runs, and nothing
    waits for them; without, once, before anything is judged. `refresh_public_good`: with upkeep, newer copies of the
    root that is built in are fetched too.
    """

    files: tuple[tuple[str, Path], ...] = ()
    upkeep: bool = False
    refresh_public_good: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The names that files give."""
        return frozenset(name for name, _ in self.files)


class EngineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What decisions need: where policies lie, and what happens to a pod that no Enforce or Warn policy matches.

    Without files of policies they are the cluster's. With `pod_security_labels` the labels of namespaces ask for levels
    of the Pod Security Standards too.
    """

    policies: tuple[Path, ...]
    no_match: Mode | None = Mode.ENFORCE
    cap: Mode = Mode.ENFORCE
    pinning: bool = False
    pod_security_labels: bool = False
    registry: RegistryConfig = RegistryConfig()
    trust: TrustConfig = TrustConfig()


class ServeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What `serve` needs beside the engine. Binds are host and port; `workloads` None lets templates pass unjudged.

    With `pinning` the API server gets digests for tags; the engine is asked about pods that have them by then. With
    `pull_secrets` the Secrets that pods name are read, to see their images as their nodes do. With `warm` the images of
    the pods that run already are verified in the background.

    Policies of the cluster count for `policy_max_staleness` seconds without news; the Secrets that they name for keys
    lie in `secrets_namespace`. With `guard` policies, trust roots and namespaces are looked at as they are written.
    Traces go to `otlp_endpoint`.
    """

    engine: EngineConfig
    bind: tuple[str, int]
    health_bind: tuple[str, int]
    tls_cert: Path
    tls_key: Path
    workloads: Mode | None = Mode.WARN
    workload_kinds: tuple[WorkloadKind, ...] = ()
    pinning: bool = False
    client_ca: Path | None = None
    client_names: frozenset[str] = frozenset()
    kubeconfig: Path | None = None
    pull_secrets: bool = False
    warm: bool = False
    drain_seconds: float = 10.0
    policy_max_staleness: float = 3600.0
    secrets_namespace: str | None = None
    policy_poll_seconds: float = 2.0
    guard: bool = False
    otlp_endpoint: str | None = None


class ControllerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What `controller` needs: the release that it looks after, by namespace and name, and what audits judge by.

    The Lease by which one replica works lies in the release's namespace, and lasts `lease_seconds` without its holder.
    Without a kubeconfig the cluster is the one that it runs in. Secrets of keys lie in `secrets_namespace`.

    `configurations` is a folder with the release's webhook configurations as they should be; with `mend` they are kept
    so. `certificates` says whether those of the Secret `tls_secret` are made (`in-process`) for `tls_names`, somebody
    else's (`given`), or nobody's affair (`none`). With `audit_seconds` 0 nothing is audited; pods of
    `exempt_namespaces` never are. `report_api` says in which API reports are written.
    """

    engine: EngineConfig
    namespace: str
    name: str
    health_bind: tuple[str, int]
    kubeconfig: Path | None = None
    lease_name: str | None = None
    lease_seconds: float = 15.0
    secrets_namespace: str | None = None
    configurations: Path | None = None
    mend: bool = False
    certificates: str = "none"
    tls_secret: str = ""
    tls_names: tuple[str, ...] = ()
    audit_seconds: float = 600.0
    exempt_namespaces: frozenset[str] = frozenset()
    pull_secrets: bool = False
    report_api: str = "auto"

    @property
    def deployment(self) -> str:
        """The name of the controller's own Deployment, with which goes what it makes."""
        return f"{self.name}-controller"


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, or `:PORT` for all interfaces of both families. An IPv6 host stands in brackets.

    Raises `ConfigurationError`.
    """
    host, colon, port = text.rpartition(":")
    readable = colon and port.isascii() and port.isdigit() and int(port) <= 65535
    if not readable or (":" in host and not host.startswith("[")):
        raise ConfigurationError(f"expected HOST:PORT, found {text!a}")
    return host.strip("[]"), int(port)


def registry_host(text: str) -> str:
    """`HOST[:PORT]` of a registry, spelt as references are. Raises `ConfigurationError`."""
    try:
        return parse_registry(text.lower())
    except ImageReferenceError as error:
        raise ConfigurationError(f"expected HOST[:PORT] of a registry, found {text!a}: {error}") from error


def host_file(text: str) -> tuple[str, Path]:
    """`HOST=FILE`. Raises `ConfigurationError`."""
    host, equals, path = text.partition("=")
    if not equals or not path:
        raise ConfigurationError(f"expected HOST=FILE, found {text!a}")
    return registry_host(host), Path(path)


def registry_mirror(text: str) -> tuple[str, Mirror]:
    """`HOST=MIRROR[/PATH]`. Raises `ConfigurationError`."""
    host, equals, mirror = text.partition("=")
    name, slash, path = mirror.partition("/")
    if not equals or (slash and (not path or repository_fault(path))):
        raise ConfigurationError(f"expected HOST=MIRROR[/PATH], found {text!a}")
    return registry_host(host), Mirror(registry_host(name), path)


def registry_proxy(text: str | None, direct: Iterable[str]) -> Proxy | None:
    """`http://[USER:PASSWORD@]HOST[:PORT]`, and who is reached without it.

    Raises `ConfigurationError`, which does not tell what was found, since a password may be in it.
    """
    hosts = frozenset(map(_direct_host, direct))
    if text is None:
        if hosts:
            raise ConfigurationError("--no-proxy needs --registry-proxy")
        return None
    try:
        return Proxy(_proxy_url(text), hosts)
    except ValueError:
        raise ConfigurationError(
            "expected http://[USER:PASSWORD@]HOST[:PORT] of a proxy, found something else"
        ) from None


def _proxy_url(text: str) -> URL:
    """Raises ValueError."""
    if not text.isascii() or not text.isprintable():
        raise ValueError
    url = URL(text)
    f"{url.user}:{url.password}".encode("latin-1")  # as credentials are written where no charset is agreed on
    if url.scheme != "http" or not url.host or not url.port or ":" in (url.user or ""):
        raise ValueError
    if url.raw_path_qs not in {"", "/"} or url.raw_fragment:
        raise ValueError
    return url


def _direct_host(text: str) -> str:
    """`HOST`, or `.DOMAIN` for all names below it; an IPv6 address loses its brackets."""
    domain = text.startswith(".")
    host = registry_host(f"x{text}" if domain else text)
    if host.rpartition("]")[2].count(":"):
        raise ConfigurationError(f"expected HOST or .DOMAIN without a port, found {text!a}")
    return host.removeprefix("x") if domain else host.strip("[]")


def credential_providers(file: Path | None, folder: Path | None) -> tuple[Path, Path] | None:
    """Both, or neither. Raises `ConfigurationError`."""
    if file is None and folder is None:
        return None
    if file is None or folder is None:
        raise ConfigurationError("--credential-provider-config and --credential-provider-bin-dir need each other")
    return file, folder


def otlp_endpoint(text: str | None) -> str | None:
    """`http://HOST[:PORT][/PATH]`, or https. Raises `ConfigurationError`."""
    if text is None:
        return None
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host or url.user or url.password or url.query_string:
        raise ConfigurationError("expected http://HOST[:PORT] or https://HOST[:PORT] of an OTLP endpoint")
    return str(url)


def trust_root(text: str) -> tuple[str, Path]:
    """`NAME=FILE`; a FILE alone is for public-good. Raises `ConfigurationError`."""
    name, equals, path = text.partition("=")
    if not equals or "/" in name:
        name, path = PUBLIC_GOOD, text
    if not path or not _NAME.fullmatch(name):
        raise ConfigurationError(f"expected NAME=FILE or FILE of a trust root, found {text!a}")
    return name, Path(path)


def object_name(text: str) -> str:
    """The name of a namespace or of another object. Raises `ConfigurationError`."""
    if not _NAME.fullmatch(text):
        raise ConfigurationError(f"expected the name of an object, found {text!a}")
    return text


def network(text: str) -> Network:
    """An address range in CIDR form. Raises `ConfigurationError`."""
    try:
        return ip_network(text)
    except ValueError as error:
        raise ConfigurationError(f"expected an address range such as 10.0.0.0/8, found {text!a}") from error


def namespace_label(text: str) -> tuple[str, str, str]:
    """`NAMESPACE:KEY=VALUE`. Raises `ConfigurationError`."""
    namespace, colon, label = text.partition(":")
    key, equals, value = label.partition("=")
    if not (namespace and colon and key and equals):
        raise ConfigurationError(f"expected NAMESPACE:KEY=VALUE, found {text!a}")
    return namespace, key, value
