"""Bearer tokens: the question to a token service, its answer, and the answers that are kept. No I/O.

Protocols: distribution-spec's "Token Authentication" (GET) and, for an identity token, its "OAuth2 Token
Authentication" (POST). The scope asked for is always `pull` on the one repository, whatever a challenge proposes.
"""

import asyncio
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import msgspec
from cachetools import TLRUCache
from yarl import URL

from webhook.registry.challenge import TokenService
from webhook.registry.keychain import Credentials

_CLIENT = "tidewaiter"
_BEARER = re.compile(r"[!-~]{1,16384}")  # no spaces or line ends: it becomes a header field
_DEFAULT_SECONDS = 60.0  # the specification's own, where `expires_in` is absent
_LONGEST_SECONDS = 3600.0  # so that a withdrawn right is noticed, whatever the service says
_MARGIN_SECONDS = 10.0  # a token is not used in its last seconds
_MAX_GRANTS = 1024


class TokenError(ValueError):
    """An answer of a token service that is none. The message says why, in words of our own."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request to a token service: with `form` a POST of it, else a GET."""

    url: URL = field(repr=False)
    authorization: str | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """A value of the `Authorization` header, and how many seconds it may be used."""

    authorization: str = field(repr=False)
    seconds: float


class _TokenAnswer(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: float | None = None


def request(service: TokenService, repository: str, credentials: Credentials | None) -> TokenRequest:
    """The request for a token that may pull from one repository."""
    scope = {"scope": f"repository:{repository}:pull"}
    if service.service:
        scope = {"service": service.service, **scope}
    if credentials is None:
        return TokenRequest(service.realm.update_query(scope))
    if credentials.identity_token:
        proof = {"grant_type": "refresh_token", "client_id": _CLIENT, "refresh_token": credentials.identity_token}
        return TokenRequest(service.realm, form={**proof, **scope})
    return TokenRequest(service.realm.update_query(scope), authorization=credentials.basic())


def read(body: bytes) -> Grant:
    """The token that a token service answered with. Raises `TokenError`."""
    try:
        answer = msgspec.json.decode(body, type=_TokenAnswer)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):  # msgspec lets the latter out
        raise TokenError("its token service answered with no token document") from None
    token = answer.token or answer.access_token or ""
    if not _BEARER.fullmatch(token):
        raise TokenError("its token service answered with no usable token")
    seconds = _DEFAULT_SECONDS if answer.expires_in is None else answer.expires_in
    if seconds < 0:
        raise TokenError("its token service answered with a token that ended before it began")
    return Grant(f"Bearer {token}", min(seconds, _LONGEST_SECONDS))


def basic(credentials: Credentials) -> Grant:
    """The credentials themselves, for a registry that wants them with each request."""
    return Grant(credentials.basic(), _LONGEST_SECONDS)


class Grants:
    """The grants that may still be used, for keys of (registry, repository, credentials)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._grants: TLRUCache[Hashable, Grant] = TLRUCache(maxsize=_MAX_GRANTS, ttu=_end, timer=clock)
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def get(self, key: Hashable) -> Grant | None:
        """The grant for a key, if there is one that lives."""
        return self._grants.get(key)

    def put(self, key: Hashable, grant: Grant) -> None:
        """Keep a grant in place of an older one."""
        self._grants[key] = grant

    def lock(self, key: Hashable) -> asyncio.Lock:
        """The lock under which a grant for a key is fetched, so that requests that start together ask once."""
        return self._locks.setdefault(key, asyncio.Lock())


def _end(_key: Hashable, grant: Grant, now: float) -> float:
    return now + max(grant.seconds - _MARGIN_SECONDS, 0.0)
