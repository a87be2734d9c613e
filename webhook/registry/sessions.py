"""Connections: sessions that take nothing from the environment, and what certificates are trusted by."""

import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver
from cachetools import TTLCache

from webhook.errors import ConfigurationError
from webhook.registry.endpoint import Endpoint
from webhook.registry.settings import Limits

KEEP_SECONDS = 15.0
"""For which a connection is kept that nobody uses."""

_AUTHORITY = "the certificate authority for registry"


class Sessions:
    """One session after the other: open from the first `open` until `close`."""

    def __init__(self, limits: Limits, resolver: AbstractResolver) -> None:
        self._limits = limits
        self._resolver = resolver
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._kept: TTLCache[Endpoint, None] = TTLCache(limits.kept_origins, KEEP_SECONDS)

    def open(self, origin: Endpoint) -> aiohttp.ClientSession:
        """The session for an origin, which keeps connections unless it does for so many other origins already."""
        keeps = origin in self._kept or len(self._kept) < self._limits.kept_origins
        if keeps:
            self._kept[origin] = None
        if keeps not in self._sessions:
            self._sessions[keeps] = self._new(keeps=keeps)
        return self._sessions[keeps]

    def _new(self, *, keeps: bool) -> aiohttp.ClientSession:
        # How many connections there may be at once, and to whom, is decided where questions are asked.
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            limit=self._limits.connections,
            force_close=not keeps,
            keepalive_timeout=KEEP_SECONDS if keeps else None,
        )
        return aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect_seconds),
            headers={"User-Agent": "tidewaiter"},
        )

    async def close(self) -> None:
        """Close all connections, and the resolver."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()
        if sessions:
            await self._resolver.close()


class Certificates:
    """The TLS contexts by host; raises `ConfigurationError` when an authority cannot be used."""

    def __init__(self, ca_files: Mapping[str, bytes | Path]) -> None:
        self._default = _context(None)
        self._by_host = {host: _context_of(host, authority) for host, authority in ca_files.items()}

    def context(self, names: Iterable[str]) -> ssl.SSLContext:
        """The context for a host that goes by these names."""
        return next((self._by_host[name] for name in names if name in self._by_host), self._default)


def _context_of(host: str, authority: bytes | Path) -> ssl.SSLContext:
    try:
        pem = authority if isinstance(authority, bytes) else authority.read_bytes()
        return _context(pem.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ConfigurationError(f"{_AUTHORITY} {host} cannot be used: expected PEM certificates") from None
    except OSError as error:
        raise ConfigurationError(f"{_AUTHORITY} {host} cannot be used: {error.strerror}") from error


def _context(authority: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority is not None:
        context.load_verify_locations(cadata=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
