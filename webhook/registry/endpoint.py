"""Where a request goes: the endpoint of a registry, and the judgement of each URL that a registry names.

A URL is parsed once. What is judged is the very object that is dialled, so that no second parser can see another host.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from yarl import URL

_DIALLED_AT = {"docker.io": "registry-1.docker.io"}
"""Registries whose API is at another host than the one in their images' names."""

_NAMED = {dialled: registry for registry, dialled in _DIALLED_AT.items()}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_URL = 8190  # aiohttp's ceiling for one header field
_MAX_HOST = 253  # RFC 1035, in text form
_REMEMBERED = 1024
_URL_CHARACTERS = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


class UrlError(ValueError):
    """A URL that is not used. The message says why, in words of our own."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One origin: `host` is in lower case, and an IPv6 address has no brackets."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """`host[:port]` as the name of a registry: with brackets for IPv6, without the scheme's own port."""
        host = _bracketed(self.host)
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def url(self, path: str, query: str = "") -> URL:
        """The URL of a path and a query that are percent-encoded already."""
        return URL.build(
            scheme=self.scheme,
            host=_bracketed(self.host),
            port=self.port,
            path=path,
            query_string=query,
            encoded=True,
        )


def of_registry(registry: str, insecure_hosts: Collection[str]) -> Endpoint:
    """The endpoint of a registry as `webhook.images` writes it: http exactly where it is named insecure."""
    scheme = "http" if registry in insecure_hosts else "https"
    dialled = _DIALLED_AT.get(registry, registry)
    host_end = dialled.find(":", dialled.find("]") + 1)
    host, port = (dialled, "") if host_end < 0 else (dialled[:host_end], dialled[host_end + 1 :])
    return Endpoint(scheme, host.strip("[]"), int(port) if port else _DEFAULT_PORTS[scheme])


def of_url(url: URL) -> Endpoint:
    """The endpoint of a URL that `read` returned."""
    return Endpoint(url.scheme, (url.raw_host or "").lower(), url.port or 0)


def names(host: str, port: int) -> tuple[str, ...]:
    """The names under which policies and flags may know what is dialled at a host and port."""
    bare = _NAMED.get(host, _bracketed(host))
    return (bare, f"{bare}:{port}") if port in _DEFAULT_PORTS.values() else (f"{bare}:{port}",)


def read(text: str, base: URL) -> URL:
    """The http or https URL that a registry names, relative to `base`. Raises `UrlError`."""
    if len(text) > _MAX_URL or not _URL_CHARACTERS.fullmatch(text):
        raise UrlError("a URL with characters that no URL has")
    try:
        url = base.join(URL(text, encoded=True)).with_fragment(None)
        port = url.explicit_port
    except (ValueError, IndexError):  # yarl lets the latter out for "https://[]@"
        raise UrlError("a URL that cannot be read") from None
    if url.scheme not in _DEFAULT_PORTS:
        raise UrlError("a URL that is neither http nor https")
    if "@" in url.raw_authority:
        raise UrlError("a URL with credentials in it")
    if port == 0 or not _is_host((url.raw_host or "").lower()):
        raise UrlError("a URL without a usable host")
    return url


@lru_cache(_REMEMBERED)
def is_address(host: str) -> bool:
    """Whether a host is an IP address and no name. Remembered, as every request asks."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_host(host: str) -> bool:
    if len(host) > _MAX_HOST or "%" in host:  # a zone index, or an encoded character
        return False
    return bool(_DNS_NAME.fullmatch(host)) or is_address(host)
