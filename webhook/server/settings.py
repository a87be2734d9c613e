"""What the server is started with."""

from pathlib import Path

import msgspec

from webhook.errors import ConfigurationError
from webhook.server.bodies import OVERHEAD

MIB = 2**20


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The ceilings on what peers may take. Sizes are in bytes, times in seconds.

    `body` is far above what the API server sends: requests of at most 3 MiB, twice for an update, re-encoded. `bodies`
    is for all bodies in flight together; one address may hold half of it, so that it must be at least twice `body`.
    `reviews` is how many may be under way, one address half of them: an API server has 600 requests in flight by
    default, of which those that write nothing, two of three, are no reviews. So many more as `waiting_reviews` wait for
    room, for `waiting_seconds` at most (`audit_waiting_seconds` where nothing is ever refused).
    `connections_per_peer` is above those 600. A connection counts from its first moment on, and `handshakes` and
    `handshakes_per_peer` bound those that shake hands, which take 50 KiB each: an address with more has them wait, and
    beyond the former an address that has many loses its oldest.
    `idle` must outlive the API server's idle connections, which it keeps for 90 s: a connection that is closed while a
    request is on its way to it fails that request. `handshake_seconds` is for the end of a TLS connection too.
    """

    body: int = 16 * MIB
    bodies: int = 64 * MIB
    reviews: int = 2048
    waiting_reviews: int = 128
    waiting_seconds: float = 0.5
    audit_waiting_seconds: float = 1.0
    connections: int = 4096
    connections_per_peer: int = 1024
    handshakes: int = 512
    handshakes_per_peer: int = 64
    handshake_seconds: float = 5.0
    head_seconds: float = 4.0
    body_seconds: float = 5.0
    write_seconds: float = 5.0
    linger_seconds: float = 1.0
    idle_seconds: float = 120.0

    def __post_init__(self) -> None:
        """The largest body must have room, or it would wait for ever."""
        if self.body + OVERHEAD > self.bodies // 2:
            raise ConfigurationError("the bound on bodies in flight must be twice that on one body, and a little more")


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Files in PEM. With `client_ca`, a client needs a certificate of it that bears one of `client_names`."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    client_names: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """An authority without names would let in every kubelet; names without an authority would let in everybody."""
        if (self.client_ca is None) == bool(self.client_names):
            raise ConfigurationError("a client CA and the client names to accept need each other: give both or neither")


class ServeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen, with which certificates, and how to end. An empty host means all interfaces, IPv4 and IPv6.

    `audit` is a server that must never stand in a request's way. `drain_seconds` is how long requests are still taken
    after the signal to end, while endpoints are withdrawn; `grace_seconds` is what reviews in flight get after that.
    """

    bind: tuple[str, int]
    health_bind: tuple[str, int]
    tls: TlsFiles
    audit: bool = False
    drain_seconds: float = 10.0
    grace_seconds: float = 15.0
    certificate_poll_seconds: float = 5.0
    limits: Limits = Limits()
