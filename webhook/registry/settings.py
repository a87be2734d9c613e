"""What the registry client is told at start, and every ceiling it keeps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from yarl import URL

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one registry may cost. What lies beyond a ceiling is not evidence; it is never silently success."""

    request_seconds: float = 10.0
    """For one question with its token, redirects, second try and whole body. The longest chain, from a list of
    referrers to the manifest to its layer, then ends within half of the time that a verification has (60 s)."""
    mirror_seconds: float = 5.0
    """For one question to a mirror, before the registry is asked: the longest chain still ends in time."""
    connect_seconds: float = 4.0
    """For one connection with its TLS handshake. There is room for a second one in a question; a SYN that was lost is
    sent again after 1 and 3 s."""
    retry_seconds: float = 0.2
    """Before a question is asked once more, because the connection broke or a gateway had a bad moment: from half of it
    to all of it, so that questions which failed together do not come back together."""
    failures: int = 5
    """In a row, after which a circuit opens (`webhook.registry.circuits`): one verification has three questions under
    way at once, so that it alone needs more than one to get there."""
    open_seconds: float = 1.0
    """How long a circuit is open at first. The time doubles with each probe that fails."""
    longest_open_seconds: float = 15.0
    """How long at most: with the probe, a registry that is back is used again within half a minute."""
    probes: int = 4
    """Questions under way that a circuit lets through when its time is over: as many as one search begins with, so that
    the first image that is asked about after an outage is seen as a whole."""
    troubled: int = 1024
    """Circuits that are remembered, and as many rate limits, about 1 KiB each: whoever writes pods chooses hosts and
    repositories."""
    manifest_bytes: int = 4 * MIB
    """What a registry must at least accept (OCI distribution-spec 1.1, "Pushing Manifests"), so no image has more."""
    layer_bytes: int = MIB
    """For one signature. Real ones have 0.3 to 20 KiB; cosign itself stops at 128 MiB."""
    evidence_bytes: int = 4 * MIB
    """For all layers beside one digest together, because they are in memory at once."""
    attestation_bytes: int = 16 * MIB
    """For one attestation, where attestations are asked for: SBOMs of large images have several MiB."""
    attested_evidence_bytes: int = 24 * MIB
    """For all layers beside one digest together, where attestations are asked for."""
    prompt_bytes: int = 64 * 1024
    """A layer of at most this many is fetched as soon as it is found, as signatures are. Longer ones wait until all are
    found, so that the shortest of them come first."""
    token_bytes: int = 64 * 1024
    """For the answer of a token service, as go-containerregistry has it. Tokens with many groups reach 10 KiB."""
    layers: int = 50
    """Signatures in one manifest. Each costs a request and up to one public-key operation for each authority."""
    referrers: int = 50
    """Signature manifests that refer to one digest, for the same reason. Containers' own proposal is 64."""
    attested_items: int = 200
    """The same two, where attestations are asked for: some images are scanned every night. What lies beyond may be
    newer than all that is looked at, so that no attestation is believed then."""
    pages: int = 10
    """Pages of one list of referrers. Registries serve 100 or more a page, and filter them."""
    redirects: int = 5
    """Hops of one answer. Real registries need one, to their object storage; fronts such as registry.k8s.io two."""
    connections_per_registry: int = 32
    """Questions to one registry under way, whatever hosts it redirects them to: so that a slow one cannot take all."""
    connections: int = 640
    """Questions under way to all registries: more than 102 verifications (`webhook.admission.verification`) ask at
    once, so that none waits for connections that another registry holds."""
    kept_origins: int = 128
    """Hosts and ports whose connections are kept for the next question. Registries choose where they redirect to, and
    each connection that is kept is a file descriptor for 15 s."""
    fetches: int = 6
    """Questions that one search beside an image, or one look into it, has under way."""
    short_bytes: int = 64 * 1024
    """What an image that is looked into is described with: real indexes, manifests and configs are no longer. Longer
    documents are asked for a few at a time (`webhook.registry.long_documents`)."""
    config_bytes: int = 4 * MIB
    """For one image's config, as for its manifest. Real ones have 2 to 50 KiB."""
    document_values: int = 50_000
    """JSON values in a manifest, index or config of an image that is looked into: each costs up to 250 bytes of memory
    while it is read. The largest within the ceilings below have about 10,000."""
    index_entries: int = 1000
    """Manifests that one index lists. Real ones have up to 40 with their attestations."""
    platforms: int = 32
    """Images that one index lists. Real ones have about a dozen, Windows' versions included."""
    image_layers: int = 1000
    """Layers of one image. Runtimes on overlayfs cannot mount more than 500."""


def _nowhere(_host: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where another registry's images lie too: a registry, and what precedes their repositories there, or nothing."""

    registry: str
    path: str = ""

    def repository(self, name: str) -> str:
        """What a repository is called there."""
        return f"{self.path}/{name}" if self.path else name


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, whose URL may hold credentials, and who is reached without it.

    `direct` are hosts, with every port of theirs, and domains that begin with a dot, with all names below them.
    """

    url: URL = field(repr=False)
    direct: frozenset[str] = frozenset()

    def is_for(self, host: str) -> bool:
        """Whether a host is reached through the proxy."""
        labels = host.split(".")
        domains = ("." + ".".join(labels[number:]) for number in range(1, len(labels)))
        return self.direct.isdisjoint((host, *domains))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrySettings:
    """How registries are reached.

    Hosts are registries as `webhook.images` writes them: `host[:port]`, lower case, without `:443`.

    - `insecure_hosts`: spoken to in plain http, and their address may be private or loopback.
    - `ca_files`: PEM certificates, or the file that holds them, which the host is trusted by beside the system's.
    - `allow_addresses`: addresses that may be dialled whatever they are.
    - `private_hosts`: whether an allowlist or a flag names the host literally, so that its address may be private.
    - `mirrors`: by registry, who is asked first about its images, in this order. The registry is asked about what none
      of them has, and where they are silent.
    - `proxy`: who connects to registries, their token services and storage in our stead. It then also resolves their
      names, and has to refuse the addresses that may not be dialled; literal ones are still judged here.
    """

    insecure_hosts: frozenset[str] = frozenset()
    ca_files: Mapping[str, bytes | Path] = field(default_factory=dict)
    allow_addresses: tuple[IPv4Network | IPv6Network, ...] = ()
    private_hosts: Callable[[str], bool] = _nowhere
    mirrors: Mapping[str, tuple[Mirror, ...]] = field(default_factory=dict)
    proxy: Proxy | None = None
    limits: Limits = field(default_factory=Limits)
