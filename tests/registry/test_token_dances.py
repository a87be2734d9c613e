"""How well-known registries ask for a token, as they were seen to, and what each of them is asked and answered.

The fields are those that the services send to an anonymous request for a manifest (their documentation and public
reports, 2015 to 2026), with example names. A scope is asked for by our own repository, whatever they propose.
"""

import json
from dataclasses import dataclass

import pytest

from webhook.registry import challenge, endpoint, tokens
from webhook.registry.keychain import Credentials

LOGIN = Credentials("robot", "pw")
IDENTITY = Credentials("00000000-0000-0000-0000-000000000000", "", "refresh-token")


@dataclass(frozen=True)
class Dance:
    """One registry: whom it is, what its 401 says, where a token is then asked for, and what the service answers."""

    registry: str
    repository: str
    field: str
    asked: str
    answer: dict[str, object]
    seconds: float


DANCES = {
    "docker hub": Dance(
        "docker.io",
        "library/nginx",
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",'
        'scope="repository:library/nginx:pull"',
        "https://auth.docker.io/token?service=registry.docker.io&scope=repository:library/nginx:pull",
        {"token": "t", "access_token": "t", "expires_in": 300, "issued_at": "2026-01-01T00:00:00.123456789Z"},
        300.0,
    ),
    "github": Dance(
        "ghcr.io",
        "acme/app",
        'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:acme/app:pull"',
        "https://ghcr.io/token?service=ghcr.io&scope=repository:acme/app:pull",
        {"token": "t"},
        60.0,
    ),
    "harbor": Dance(
        "harbor.example.com",
        "team/app",
        'Bearer realm="https://harbor.example.com/service/token",service="harbor-registry",'
        'scope="repository:team/app:pull"',
        "https://harbor.example.com/service/token?service=harbor-registry&scope=repository:team/app:pull",
        {"token": "t", "access_token": "", "expires_in": 1800, "issued_at": "2026-01-01T00:00:00Z"},
        1800.0,
    ),
    "ecr public": Dance(
        "public.ecr.aws",
        "docker/library/alpine",
        'Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws"',
        "https://public.ecr.aws/token/?service=public.ecr.aws&scope=repository:docker/library/alpine:pull",
        {"token": "t"},
        60.0,
    ),
    "gcr": Dance(
        "gcr.io",
        "distroless/static",
        'Bearer realm="https://gcr.io/v2/token",service="gcr.io",scope="repository:distroless/static:pull"',
        "https://gcr.io/v2/token?service=gcr.io&scope=repository:distroless/static:pull",
        {"expires_in": 43200, "issued_at": "2026-01-01T00:00:00.000000000Z", "token": "t"},
        3600.0,
    ),
    "artifact registry": Dance(
        "europe-west4-docker.pkg.dev",
        "project/team/app",
        'Bearer realm="https://europe-west4-docker.pkg.dev/v2/token",service="europe-west4-docker.pkg.dev",'
        'scope="repository:project/team/app:pull"',
        "https://europe-west4-docker.pkg.dev/v2/token?service=europe-west4-docker.pkg.dev"
        "&scope=repository:project/team/app:pull",
        {"token": "t", "expires_in": 3600},
        3600.0,
    ),
    "artifact registry without a service": Dance(
        "europe-west4-docker.pkg.dev",
        "project/team/app",
        'Bearer realm="https://europe-west4-docker.pkg.dev/v2/token"',
        "https://europe-west4-docker.pkg.dev/v2/token?scope=repository:project/team/app:pull",
        {"token": "t"},
        60.0,
    ),
    "acr": Dance(
        "contoso.azurecr.io",
        "hello-world",
        'Bearer realm="https://contoso.azurecr.io/oauth2/token",service="contoso.azurecr.io",'
        'scope="repository:hello-world:pull"',
        "https://contoso.azurecr.io/oauth2/token?service=contoso.azurecr.io&scope=repository:hello-world:pull",
        {"access_token": "t"},
        60.0,
    ),
    "quay": Dance(
        "quay.io",
        "acme/app",
        'Bearer realm="https://quay.io/v2/auth",service="quay.io",scope="repository:acme/app:pull"',
        "https://quay.io/v2/auth?service=quay.io&scope=repository:acme/app:pull",
        {"token": "t"},
        60.0,
    ),
    "gitlab": Dance(
        "registry.gitlab.com",
        "acme/app",
        'Bearer realm="https://gitlab.com/jwt/auth",service="container_registry",'
        'scope="repository:acme/app:pull",error="invalid_token"',
        "https://gitlab.com/jwt/auth?service=container_registry&scope=repository:acme/app:pull",
        {"token": "t"},
        60.0,
    ),
    "oracle": Dance(
        "uk-london-1.ocir.io",
        "tenancy/app",
        'Bearer realm="https://uk-london-1.ocir.io/12345678/docker/token",service="uk-london-1.ocir.io",scope=""',
        "https://uk-london-1.ocir.io/12345678/docker/token?service=uk-london-1.ocir.io&scope=repository:tenancy/app:pull",
        {"token": "t", "access_token": "t", "expires_in": 3600},
        3600.0,
    ),
}

ALL = pytest.mark.parametrize("dance", DANCES.values(), ids=DANCES)


def service(dance: Dance) -> challenge.TokenService:
    chosen = challenge.choose(challenge.parse([dance.field]))
    return challenge.token_service(chosen, endpoint.of_registry(dance.registry, frozenset()), frozenset())


@ALL
@pytest.mark.parametrize("credentials", [None, LOGIN], ids=["anonymous", "with a password"])
def test_a_token_is_asked_for_where_the_registry_says(dance: Dance, credentials: Credentials | None) -> None:
    wanted = tokens.request(service(dance), dance.repository, credentials)
    assert wanted.url.human_repr() == dance.asked
    assert wanted.authorization == (credentials.basic() if credentials else None)
    assert wanted.form is None


@ALL
def test_an_identity_token_is_sent_in_a_form_and_never_in_a_url(dance: Dance) -> None:
    wanted = tokens.request(service(dance), dance.repository, IDENTITY)
    assert (wanted.url.query_string, wanted.authorization) == ("", None)
    assert wanted.form is not None
    assert wanted.form["grant_type"] == "refresh_token"
    assert wanted.form["refresh_token"] == "refresh-token"
    assert wanted.form["scope"] == f"repository:{dance.repository}:pull"


@ALL
def test_the_answer_is_a_token_for_as_long_as_it_says_and_an_hour_at_most(dance: Dance) -> None:
    grant = tokens.read(json.dumps(dance.answer).encode())
    assert (grant.authorization, grant.seconds) == ("Bearer t", dance.seconds)


@pytest.mark.parametrize(
    "field",
    [
        'Basic realm="https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com"',
        'Basic realm="harbor"',
        'Basic realm="Registry Realm"',
        "Basic realm=Nexus",
    ],
)
def test_a_registry_that_wants_a_password_is_sent_it_with_each_request(field: str) -> None:
    assert challenge.choose(challenge.parse([field])).scheme == "basic"
    assert tokens.basic(LOGIN).authorization == LOGIN.basic()
