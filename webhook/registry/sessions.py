"""Connections: sessions that take nothing from the environment, and what certificates are trusted by."""

import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver

from webhook.errors import ConfigurationError
from webhook.registry.settings import Limits

_AUTHORITY = "the certificate authority for registry"


class Sessions:
    """One session after the other: open from the first `open` until `close`."""

    def __init__(self, limits: Limits, resolver: AbstractResolver) -> None:
        self._limits = limits
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> aiohttp.ClientSession:
        """The session that is open."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver,
                limit=self._limits.connections,
                limit_per_host=self._limits.connections_per_registry,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._limits.connect_seconds),
                headers={"User-Agent": "tidewaiter"},
            )
        return self._session

    async def close(self) -> None:
        """Close all connections, and the resolver."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
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
