"""Host names and certificates for servers on loopback.

authority = Authority()
registry = FakeRegistry()
await registry.start(authority.context("registry.example.com"))
resolver = FakeResolver({"registry.example.com": registry})
"""

import socket
import ssl
from collections.abc import Mapping

import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.fakes.registry import FakeRegistry


class FakeResolver(AbstractResolver):
    """Leads host names to registries, or to addresses; knows no other name, and keeps those that it was asked for."""

    def __init__(self, hosts: Mapping[str, FakeRegistry | str]) -> None:
        self._hosts = hosts
        self.asked: list[str] = []
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        if host not in self._hosts:
            raise OSError("no such name")
        found = self._hosts[host]
        address, port = ("127.0.0.1", found.port) if isinstance(found, FakeRegistry) else (found, port)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        self.closed = True


class Authority:
    """A certificate authority."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    @property
    def pem(self) -> bytes:
        return self._authority.cert_pem.bytes()

    def context(self, *names: str) -> ssl.SSLContext:
        """A server's context with a certificate for these names."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(*names).configure_cert(context)
        return context
