"""Which addresses may be dialled. Whoever names an image, and every registry by its answers, chooses hosts for us.

1. A host that is a number in an odd form (`127.1`, `2130706433`, `0x7f.1`) is refused before it is resolved:
   `getaddrinfo` takes it for an address, `ipaddress` does not.
2. An address is judged when it is dialled, and exactly the judged one is dialled: `GuardedResolver` hands nothing else
   to aiohttp, which asks no resolver about literal addresses; those `Guard.check` judges.
3. IPv4 in IPv6 form (mapped, 6to4, NAT64) is judged as the IPv4 address that it leads to.
4. Loopback, link-local, metadata, multicast, unspecified and reserved addresses need a flag that names them. Private
   ones need the same, or a host that an allowlist names literally.
"""

import re
import socket
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

from webhook.registry import endpoint
from webhook.registry.endpoint import Endpoint
from webhook.registry.settings import RegistrySettings

Address = IPv4Address | IPv6Address
_REMEMBERED = 1024
Network = IPv4Network | IPv6Network


class Kind(StrEnum):
    """What an address that is not public is for."""

    UNSPECIFIED = "unspecified"
    LOOPBACK = "loopback"
    METADATA = "metadata"
    LINK_LOCAL = "link-local"
    MULTICAST = "multicast"
    PRIVATE = "private"
    RESERVED = "reserved"


class AddressRefusedError(Exception):
    """What may not be dialled; the message continues a sentence that begins with the host."""


_TABLE: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    (Kind.UNSPECIFIED, ("0.0.0.0/8", "::/128")),
    (Kind.LOOPBACK, ("127.0.0.0/8", "::1/128")),
    (
        Kind.METADATA,
        (
            "169.254.169.254/32",  # most clouds
            "169.254.170.2/32",  # Amazon ECS task roles
            "169.254.170.23/32",  # Amazon EKS Pod Identity
            "100.100.100.200/32",  # Alibaba Cloud
            "168.63.129.16/32",  # Azure, within public address space
            "192.0.0.192/32",  # Oracle Cloud, old
            "fd00:ec2::254/128",  # Amazon EC2
            "fd00:ec2::23/128",  # Amazon EKS Pod Identity
            "fd20:ce::254/128",  # Google Cloud
            "fd00:42::42/128",  # Scaleway
        ),
    ),
    (Kind.LINK_LOCAL, ("169.254.0.0/16", "fe80::/10")),
    (Kind.MULTICAST, ("224.0.0.0/4", "ff00::/8")),
    (Kind.PRIVATE, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")),
    (
        Kind.RESERVED,
        (
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "240.0.0.0/4",
            "2001::/23",  # protocol assignments, Teredo among them
            "2001:db8::/32",
            "3fff::/20",
        ),
    ),
)
"""IANA's special-purpose registries, written out: what `ipaddress` calls private or global differs between Pythons."""

_NETWORKS: tuple[tuple[Kind, tuple[Network, ...]], ...] = tuple(
    (kind, tuple(ip_network(text) for text in texts)) for kind, texts in _TABLE
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ENDS_IN_A_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_FOR_INSECURE_HOSTS = frozenset({Kind.PRIVATE, Kind.LOOPBACK})


def destination(address: Address) -> Address:
    """The address that packets end up at: the IPv4 address inside an IPv6 one that only carries it."""
    if isinstance(address, IPv6Address):
        if inner := address.ipv4_mapped or address.sixtofour:
            return inner
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


@lru_cache(_REMEMBERED)
def kind_of(address: Address) -> Kind | None:
    """What an address is for; None for a public one. Remembered: nothing but the address decides."""
    target = destination(address)
    for kind, networks in _NETWORKS:
        if any(target in network for network in networks):
            return kind
    if isinstance(target, IPv6Address) and target not in _GLOBAL_UNICAST:
        return Kind.RESERVED
    return None


class Guard:
    """The judgement for one set of flags and one allowlist."""

    def __init__(self, settings: RegistrySettings) -> None:
        self._insecure_hosts = settings.insecure_hosts
        self._allowed: tuple[Network, ...] = settings.allow_addresses
        self._private_hosts = settings.private_hosts

    def check(self, target: Endpoint) -> None:
        """Judge what can be judged before a name is resolved. Raises `AddressRefusedError`."""
        if endpoint.is_address(target.host):
            if kind := self.refusal(target.host, target.port, ip_address(target.host)):
                raise refused(kind)
        elif _ENDS_IN_A_NUMBER.fullmatch(target.host):
            raise AddressRefusedError("is a number that is not an IP address in its usual form")

    def refusal(self, host: str, port: int, address: Address) -> Kind | None:
        """Why an address of a host may not be dialled; None if it may."""
        kind = kind_of(address)
        if kind is None or self._is_allowed(address):
            return None
        known_as = endpoint.names(host, port)
        if not self._insecure_hosts.isdisjoint(known_as) and (kind in _FOR_INSECURE_HOSTS or endpoint.is_address(host)):
            return None
        if kind is Kind.PRIVATE and any(self._private_hosts(name) for name in known_as):
            return None
        return kind

    def _is_allowed(self, address: Address) -> bool:
        target = destination(address)
        return any(address in network or target in network for network in self._allowed)


class GuardedResolver(AbstractResolver):
    """Resolves names by another resolver, made when it is first needed; hands on only what may be dialled."""

    def __init__(self, guard: Guard, make_resolver: Callable[[], AbstractResolver]) -> None:
        self._guard = guard
        self._make_resolver = make_resolver
        self._resolver: AbstractResolver | None = None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host that may be dialled. Raises `AddressRefusedError` where all it has are refused."""
        if self._resolver is None:
            self._resolver = self._make_resolver()
        try:
            found = await self._resolver.resolve(host, port, family)
        except UnicodeError:  # what Python's own IDNA codec says of a name that no DNS has
            raise OSError("the name cannot be resolved") from None
        refusals = [self._guard.refusal(host, port, ip_address(result["host"])) for result in found]
        permitted = [result for result, refusal in zip(found, refusals, strict=True) if refusal is None]
        if not permitted:
            kind = next((refusal for refusal in refusals if refusal is not None), None)
            raise refused(kind) if kind else OSError("the name has no address")
        return permitted

    async def close(self) -> None:
        """Close the resolver behind."""
        resolver, self._resolver = self._resolver, None
        if resolver is not None:
            await resolver.close()


def refused(kind: Kind) -> AddressRefusedError:
    """The error that tells of an address of this kind. The address itself is not told: it may be nobody's business."""
    article = "an" if kind is Kind.UNSPECIFIED else "a"
    return AddressRefusedError(f"has {article} {kind} address, which may not be dialled")
