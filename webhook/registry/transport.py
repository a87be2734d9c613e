"""HTTP as registries get it from us: judged targets, bounded answers, no state but connections.

Sessions have no cookies, nothing from the environment (proxies, `.netrc`), no decompression, no redirects but those
that are followed here. Each question has one deadline for all that it takes, because a timeout for each read never
ends a body that comes byte by byte. Content-Length is not believed; what arrives is counted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from ipaddress import ip_network

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDictProxy
from yarl import URL

from webhook.errors import AddressNotAllowedError, RegistryResponseError, RegistryUnavailableError
from webhook.registry import endpoint, outages
from webhook.registry.endpoint import UrlError
from webhook.registry.guard import AddressRefusedError, Guard, GuardedResolver
from webhook.registry.sessions import Certificates, Sessions
from webhook.registry.settings import RegistrySettings

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DRAINED_BYTES = 16 * 1024  # of an answer that is not used: read to keep the connection, and dropped
_EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@dataclass(frozen=True, slots=True)
class Request:
    """One question.

    `whom` names who answers, for messages; `ceiling` counts bytes of the answer's body; `follow` says whether redirects
    are followed.
    """

    url: URL = field(repr=False)
    whom: str
    ceiling: int
    accept: str = "*/*"
    follow: bool = False
    authorization: str | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `body` is empty unless the status is 200; `url` is the one that answered."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: URL = field(repr=False)


class TooLongError(RegistryResponseError):
    """A body that is longer than was asked for."""


class Transport:
    """Sends requests within the limits; has sessions from its first request until `close`.

    Raises `ConfigurationError` when a certificate of the settings cannot be used.
    """

    def __init__(self, settings: RegistrySettings, resolver: Callable[[], AbstractResolver]) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._guard = Guard(settings)
        self._certificates = Certificates(settings.ca_files)
        self._direct = Sessions(settings.limits, GuardedResolver(self._guard, resolver))
        # A flag names the proxy, and nothing but the proxy is dialled here.
        of_proxy = Guard(replace(settings, allow_addresses=_EVERYWHERE))
        self._by_proxy = Sessions(settings.limits, GuardedResolver(of_proxy, resolver))

    async def close(self) -> None:
        """Close all connections."""
        await self._direct.close()
        await self._by_proxy.close()

    @asynccontextmanager
    async def deadline(self, whom: str, seconds: float) -> AsyncIterator[None]:
        """The time that one question may take. Raises `RegistryUnavailableError` when it is over."""
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise RegistryUnavailableError(f"{whom} did not answer within {seconds:g} s") from None

    async def ask(self, request: Request) -> Answer:
        """The answer behind all redirects that may be followed; the first that may not is the answer.

        `Authorization` stays behind for good where a redirect leads to another origin.
        """
        answer = await self._first(request)
        for _ in range(self._limits.redirects):
            if not request.follow or answer.status not in _REDIRECTS:
                return answer
            request = self._redirected(request, answer)
            answer = await self.send(request)
        if answer.status in _REDIRECTS:
            raise RegistryResponseError(f"{request.whom} redirects more than {self._limits.redirects} times")
        return answer

    async def send(self, request: Request) -> Answer:
        """The answer to one request to a place that a registry named; redirects are answers.

        Raises `RegistryUnavailableError`, or `RegistryResponseError` when the place may not be dialled.
        """
        try:
            return await self._exchange(request)
        except AddressRefusedError as error:
            raise RegistryResponseError(f"{request.whom} names a host that {error}") from None

    async def _first(self, request: Request) -> Answer:
        try:
            return await self._exchange(request)
        except AddressRefusedError as error:
            raise AddressNotAllowedError(f"{request.whom} {error}") from None

    def _redirected(self, request: Request, answer: Answer) -> Request:
        try:
            url = endpoint.read(answer.headers.get("Location", ""), request.url)
        except UrlError as error:
            raise RegistryResponseError(f"{request.whom} redirects to {error}") from None
        if url.scheme == "http" and request.url.scheme == "https":
            raise RegistryResponseError(f"{request.whom} redirects from https to http")
        same = endpoint.of_url(url) == endpoint.of_url(request.url)
        return replace(request, url=url, authorization=request.authorization if same else None)

    async def _exchange(self, request: Request) -> Answer:
        target = endpoint.of_url(request.url)
        names = endpoint.names(target.host, target.port)
        if target.scheme == "http" and self._settings.insecure_hosts.isdisjoint(names):
            raise RegistryResponseError(f"{request.whom} names a host in plain http that no flag names insecure")
        self._guard.check(target)
        headers = {"Accept": request.accept, "Accept-Encoding": "identity"}
        if request.authorization is not None:
            headers["Authorization"] = request.authorization
        proxy = self._settings.proxy
        by_proxy = proxy is not None and proxy.is_for(target.host)
        try:
            async with (
                (self._by_proxy if by_proxy else self._direct)
                .open(target)
                .request(
                    "GET" if request.form is None else "POST",
                    request.url,
                    headers=headers,
                    data=request.form,
                    allow_redirects=False,
                    ssl=self._certificates.context(names),
                    proxy=proxy.url if proxy is not None and by_proxy else None,
                ) as response
            ):
                body = await _body(response, request)
                return Answer(response.status, response.headers, body, request.url)
        except aiohttp.ClientError as error:
            raise outages.of_connection(request.whom, target, error) from None


async def _body(response: aiohttp.ClientResponse, request: Request) -> bytes:
    """The body of a 200; that of any other answer is read, as far as it is short, and dropped."""
    if response.status != 200:
        await _read(response, _DRAINED_BYTES)
        return b""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise RegistryResponseError(f"{request.whom} answered in an encoding that was not asked for")
    body = await _read(response, request.ceiling)
    if body is None:
        raise TooLongError(f"{request.whom} answered with more than {request.ceiling} bytes")
    return body


async def _read(response: aiohttp.ClientResponse, ceiling: int) -> bytes | None:
    """The whole body, or None as soon as it is longer than the ceiling; its connection is then given up.

    It is in memory once: the buffer has the announced length, so that it need not move to grow, and becomes the body
    without a copy. A lie about the length costs no more than the ceiling.
    """
    announced = min(response.content_length or 0, ceiling)
    body = BytesIO(bytes(announced))
    async for chunk in response.content.iter_any():
        if body.tell() + len(chunk) > ceiling:
            response.close()
            return None
        body.write(chunk)
    body.truncate()
    return body.getvalue()
