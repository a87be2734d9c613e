"""A token service on loopback, as registries send their clients to one: distribution's token specification.

It gives whoever knows `USER` and `PASSWORD` a token for what is asked, and keeps what was asked. Tokens are JWTs by a
key of its own (RFC 7515, 7518 3.3, 7519), which distribution knows by a JWK set (RFC 7517).
"""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

SERVICE: Final = "registry-on-loopback"
ISSUER: Final = "token-service-on-loopback"
_KEY_ID: Final = "1"
_TOKEN_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request for a token: who, for which service, and the scopes."""

    user: str | None
    service: str
    scopes: tuple[str, ...]


@dataclass(slots=True)
class TokenService:
    """A running one; `basic` is the Authorization of whoever may have tokens."""

    basic: str = field(repr=False)
    key: RSAPrivateKey = field(repr=False)
    wanted: list[Wanted] = field(default_factory=list)
    host: str = ""

    @property
    def realm(self) -> str:
        """Where tokens are asked for."""
        return f"http://{self.host}/token"

    def configuration(self, folder: Path) -> dict[str, Any]:
        """distribution's `auth`; the key set is written into `folder`."""
        numbers = self.key.public_key().public_numbers()
        own = {"kty": "RSA", "alg": "RS256", "kid": _KEY_ID, "n": _number(numbers.n), "e": _number(numbers.e)}
        keys = folder / "jwks.json"
        keys.write_text(json.dumps({"keys": [own]}), encoding="ascii")
        return {"token": {"realm": self.realm, "service": SERVICE, "issuer": ISSUER, "jwks": str(keys)}}

    def answer(self, path: str, authorization: str | None) -> dict[str, Any] | None:
        """The token, or None for whoever may not have one."""
        query = parse_qs(urlsplit(path).query)
        scopes = tuple(scope for each in query.get("scope", []) for scope in each.split(" "))
        user = None if authorization is None else base64.b64decode(authorization[6:]).decode().partition(":")[0]
        self.wanted.append(Wanted(user, "".join(query.get("service", [])), scopes))
        return {"token": self._token(scopes), "expires_in": _TOKEN_SECONDS} if authorization == self.basic else None

    def _token(self, scopes: tuple[str, ...]) -> str:
        parts = [scope.split(":") for scope in scopes]
        access = [{"type": kind, "name": name, "actions": actions.split(",")} for kind, name, actions in parts]
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": SERVICE, "nbf": now, "iat": now, "exp": now + _TOKEN_SECONDS, "access": access}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": _KEY_ID}, claims))
        return f"{signed}.{_base64url(self.key.sign(signed.encode(), PKCS1v15(), SHA256()))}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: TokenService

    def do_GET(self) -> None:
        document = self.service.answer(self.path, self.headers.get("Authorization"))
        content = json.dumps(document).encode()
        self.send_response(401 if document is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name that the base class gives it
        """Nothing: what was asked is kept."""


@contextmanager
def token_service(user: str, password: str) -> Iterator[TokenService]:
    """A service for one user, for the time of the block."""
    basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    service = TokenService(basic, generate_private_key(65537, 2048))
    handler = type("Handler", (_Handler,), {"service": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        # By name: crane and cosign take no address on loopback for a realm, unless it is the registry's own.
        service.host = f"localhost:{server.server_port}"
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


def _number(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
