"""An OpenID Connect provider: discovery, key set, and a token for whoever the test says.

It has an issuer for each kind of identity that Fulcio turns into a certificate: the path of its URL names the kind.
OpenID Connect Discovery 1.0, 4; RFC 7517 (key set), RFC 7515 and 7519 (tokens), RFC 7518, 3.3 (RS256).
"""

import base64
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from tests.system.sigstore.loopback import answering

CLIENT: Final = "sigstore"
"""The audience of tokens that Fulcio takes."""
_KEY_ID: Final = "1"
_TOKEN_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody who can sign in: the kind of his identity as Fulcio calls it, his name as it stands in certificates, and
    the claims of his tokens."""

    kind: str
    name: str
    claims: Mapping[str, Any] = field(repr=False, compare=False)


def person(email: str) -> Subject:
    """Somebody with a mail address."""
    return Subject("email", email, {"sub": email, "email": email, "email_verified": True})


def workflow(repository: str, file: str, ref: str) -> Subject:
    """A run of a GitHub workflow, as GitHub's own issuer describes it.

    Args:
        repository: `owner/name`.
        file: of the workflow, below `.github/workflows`.
        ref: the Git reference that it ran for.
    """
    path = f"{repository}/.github/workflows/{file}@{ref}"
    claims = {
        "sub": f"repo:{repository}:ref:{ref}",
        "job_workflow_ref": path,
        "workflow_ref": path,
        "repository": repository,
        "repository_owner": repository.partition("/")[0],
        "ref": ref,
        "workflow": "Release",
        "event_name": "push",
        "runner_environment": "github-hosted",
        "repository_visibility": "public",
        **dict.fromkeys(("sha", "job_workflow_sha", "workflow_sha"), "5f1d0c6b3a9e8d7c6b5a49382716f5e4d3c2b1a0"),
        **dict.fromkeys(("repository_id", "repository_owner_id", "run_id", "run_attempt"), "1"),
    }
    return Subject("github-workflow", f"https://github.com/{path}", claims)


KINDS: Final = ("email", "github-workflow")


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """A running provider."""

    url: str
    key: RSAPrivateKey = field(repr=False)

    def issuer(self, kind: str) -> str:
        """The issuer of one kind of identities, as it stands in tokens and certificates."""
        return f"{self.url}/{kind}"

    def token(self, subject: Subject) -> str:
        """A token that says who `subject` is, good for an hour."""
        now = int(time.time())
        claims = {"iss": self.issuer(subject.kind), "aud": CLIENT, "iat": now, "exp": now + _TOKEN_SECONDS}
        parts = ({"alg": "RS256", "typ": "JWT", "kid": _KEY_ID}, {**claims, **subject.claims})
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{_base64url(self.key.sign(signed.encode(), PKCS1v15(), SHA256()))}"

    def fulcio_configuration(self) -> dict[str, Any]:
        """What Fulcio must know of this provider, the JSON form of its configuration."""
        issuers = {kind: self.issuer(kind) for kind in KINDS}
        return {
            "OIDCIssuers": {url: {"IssuerURL": url, "ClientID": CLIENT, "Type": kind} for kind, url in issuers.items()}
        }


@contextmanager
def oidc_provider() -> Iterator[OidcProvider]:
    """A provider with a key of its own."""
    key = generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    own = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": _KEY_ID, "n": _number(numbers.n), "e": _number(numbers.e)}
    documents: dict[str, Any] = {"/keys": {"keys": [own]}}
    with answering(lambda path, _: documents.get(path)) as url:
        for kind in KINDS:
            documents[f"/{kind}/.well-known/openid-configuration"] = _discovery(url, kind)
        yield OidcProvider(url, key)


def _discovery(url: str, kind: str) -> dict[str, Any]:
    return {
        "issuer": f"{url}/{kind}",
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "jwks_uri": f"{url}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _number(value: int) -> str:
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
