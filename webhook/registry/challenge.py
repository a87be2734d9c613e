"""How a registry asks for credentials: `WWW-Authenticate` parsed (RFC 9110 11.6.1), and its realm judged. No I/O.

The realm says where credentials are exchanged for a token (distribution-spec's "Token Authentication"), and it is
written by whoever answers for the registry; clients that believed it sent passwords to strangers (CVE-2020-15157,
GHSA-xf85-363p-868w). So a token service is asked only when its host is

1. the registry's own (GHCR, Quay, Harbor, ACR, Google, GitLab behind one host name), on any port;
2. one of `_TOKEN_SERVICES`, pairs known from the operators of public registries;
3. the parent domain of the registry's host, or a sibling under it (`registry.gitlab.com` -> `gitlab.com`,
   `registry.example.com` -> `auth.example.com`), unless that domain is one under which strangers live side by side.

Any other realm is refused with and without credentials: an anonymous request would still go to a host that a stranger
chose. A realm is https, or http where both the registry and the realm's host are named insecure.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from yarl import URL

from webhook.registry import endpoint
from webhook.registry.endpoint import Endpoint, UrlError

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  RFC 9110's name for a word
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")')
_SCHEME = re.compile(rf"({_TOKEN})(?=[ \t,]|$)(?:[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$)))?")
_SEPARATORS = re.compile(r"[ \t,]*")
_ESCAPED = re.compile(r"\\(.)")
_MAX_CHALLENGES = 16  # servers send one or two
_SERVICE = re.compile(r"[ -~]{0,256}")

_TOKEN_SERVICES = frozenset(
    {
        ("registry-1.docker.io", "auth.docker.io"),
        ("registry.hub.docker.com", "auth.docker.io"),
        ("lscr.io", "ghcr.io"),
        ("rg.fr-par.scw.cloud", "api.scaleway.com"),
        ("rg.nl-ams.scw.cloud", "api.scaleway.com"),
        ("rg.pl-waw.scw.cloud", "api.scaleway.com"),
    }
)
_SHARED_DOMAINS = frozenset(
    {
        *("azurecr.cn", "azurecr.io", "azurecr.us", "cloudsmith.io", "gcr.io", "jfrog.io", "pkg.dev"),
        *("azurewebsites.net", "cloudapp.net", "cloudfront.net", "fly.dev", "github.io", "gitlab.io", "herokuapp.com"),
        *("netlify.app", "ngrok.app", "ngrok.io", "onrender.com", "pages.dev", "run.app", "s3.amazonaws.com"),
        *("trycloudflare.com", "vercel.app", "web.app", "workers.dev", "nip.io", "sslip.io"),
    }
)
"""Domains whose subdomains belong to different customers, among them those of registries."""

_REGISTRY_LABELS = frozenset(
    {"ac", "co", "com", "edu", "gob", "gov", "go", "gv", "ltd", "mil", "ne", "net", "nom", "or", "org", "plc", "sch"}
)
"""Second-level labels under which country-code registries sell names (`co.uk`, `com.au`, `ne.jp`)."""


class ChallengeError(ValueError):
    """A challenge that is not answered. The message says why, in words of our own."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: `scheme` and the names of `parameters` are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TokenService:
    """Where a token is to be had for a registry: a judged URL, and the name that the registry goes by there."""

    realm: URL
    service: str


def parse(fields: Iterable[str]) -> tuple[Challenge, ...]:
    """All challenges of all `WWW-Authenticate` fields of an answer. Raises `ChallengeError`."""
    found: list[tuple[str, dict[str, str]]] = []
    for field in fields:
        position = _skip(field, 0)
        first = len(found)
        while position < len(field):
            if len(found) > first and (parameter := _PARAMETER.match(field, position)):
                _add(found[-1][1], parameter)
                position = _skip(field, parameter.end())
            elif (scheme := _SCHEME.match(field, position)) and len(found) < _MAX_CHALLENGES:
                found.append((scheme[1].lower(), {}))
                position = _skip(field, scheme.end())
            else:
                raise ChallengeError("its request for credentials is malformed")
    return tuple(Challenge(scheme, parameters) for scheme, parameters in found)


def choose(challenges: Iterable[Challenge]) -> Challenge:
    """The challenge to answer: a bearer token before a password. Raises `ChallengeError` when there is neither."""
    by_scheme = {challenge.scheme: challenge for challenge in reversed(tuple(challenges))}
    for scheme in ("bearer", "basic"):
        if challenge := by_scheme.get(scheme):
            return challenge
    raise ChallengeError("it asks for credentials in another way than Bearer and Basic")


def token_service(challenge: Challenge, registry: Endpoint, insecure_hosts: Collection[str]) -> TokenService:
    """The token service that a bearer challenge names, judged by the rules above. Raises `ChallengeError`."""
    service = challenge.parameters.get("service", "")
    if not _SERVICE.fullmatch(service):
        raise ChallengeError("its request for credentials is malformed")
    try:
        realm = endpoint.read(challenge.parameters.get("realm", ""), registry.url("/"))
    except UrlError as error:
        raise ChallengeError(f"it names as its token service {error}") from None
    target = endpoint.of_url(realm)
    insecure = registry.scheme == "http" and target.authority in insecure_hosts
    if target.scheme == "http" and not insecure:
        raise ChallengeError("it names a token service that is not https")
    if not _belongs(target.host, registry.host):
        raise ChallengeError("it names a token service at a host that does not belong to it")
    return TokenService(realm, service)


def _skip(field: str, position: int) -> int:
    separators = _SEPARATORS.match(field, position)
    return separators.end() if separators else position


def _add(parameters: dict[str, str], found: re.Match[str]) -> None:
    name = found[1].lower()
    if name in parameters:
        raise ChallengeError("its request for credentials is malformed")
    parameters[name] = found[2] if found[2] is not None else _ESCAPED.sub(r"\1", found[3])


def _belongs(host: str, registry: str) -> bool:
    if host == registry or (registry, host) in _TOKEN_SERVICES:
        return True
    if endpoint.is_address(host) or endpoint.is_address(registry):
        return False
    parent = registry.partition(".")[2]
    return not _is_shared(parent) and parent in {host, host.partition(".")[2]}


def _is_shared(domain: str) -> bool:
    """Whether strangers may own names directly under a domain."""
    if domain in _SHARED_DOMAINS:
        return True
    labels = domain.split(".")
    return len(labels) < 2 or (len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _REGISTRY_LABELS)
