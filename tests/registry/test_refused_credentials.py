"""Callers that are not let in, and challenges that are not answered."""

import pytest

from tests.fakes.network import FakeResolver
from tests.fakes.registry import BasicAuth, FakeRegistry, TokenAuth
from tests.fakes.replies import answering
from tests.registry.conftest import Connect, failure
from webhook.errors import (
    CredentialsMissingError,
    CredentialsRefusedError,
    NotFoundOutError,
    RegistryResponseError,
)
from webhook.registry.keychain import Credentials

ME = Credentials("me", "pw")
BASIC = "Basic bWU6cHc="
PATH = "/v2/app/manifests/1"


WANTS = "wants credentials, and there are none for it"
REFUSED = "refused the credentials there are for it"


@pytest.mark.parametrize(
    ("credentials", "expected", "text"),
    [(None, CredentialsMissingError, WANTS), (ME, CredentialsRefusedError, REFUSED)],
)
@pytest.mark.parametrize("status", [401, 403])
async def test_reg_17_who_is_not_let_in_is_told_whether_credentials_were_sent(
    registry: FakeRegistry,
    connect: Connect,
    credentials: Credentials | None,
    expected: type[NotFoundOutError],
    text: str,
    status: int,
) -> None:
    registry.replies[PATH] = answering(status)
    error = await failure(connect(credentials), registry.host)
    assert type(error) is expected
    assert str(error) == f"registry {registry.host} {text} ({status})"


async def test_an_anonymous_caller_of_a_private_repository_is_told_of_missing_credentials(
    registry: FakeRegistry, connect: Connect
) -> None:
    registry.auth = BasicAuth("me", "pw")
    assert type(await failure(connect(), registry.host)) is CredentialsMissingError
    registry.auth = TokenAuth(username="me", password="pw")
    assert type(await failure(connect(), registry.host)) is CredentialsMissingError
    assert type(await failure(connect(Credentials("me", "wrong")), registry.host)) is CredentialsRefusedError


async def test_a_token_that_opens_nothing_is_not_tried_again(registry: FakeRegistry, connect: Connect) -> None:
    registry.auth = auth = TokenAuth()
    registry.auth.answer = b'{"token": "another"}'
    error = await failure(connect(), registry.host)
    assert type(error) is CredentialsMissingError
    assert (auth.given, len(registry.asked)) == (1, 3)


async def test_an_identity_token_that_ended_is_said_to_be_refused(registry: FakeRegistry, connect: Connect) -> None:
    registry.auth = TokenAuth(identity_token="refresh")
    error = await failure(connect(Credentials("", "", "old")), registry.host)
    assert type(error) is CredentialsRefusedError


async def test_an_identity_token_is_not_sent_as_a_password(registry: FakeRegistry, connect: Connect) -> None:
    registry.auth = BasicAuth("me", "pw")
    error = await failure(connect(Credentials("me", "", "refresh")), registry.host)
    assert type(error) is RegistryResponseError
    assert str(error) == (
        f"registry {registry.host} cannot be asked: it wants a password, and there is only an identity token for it"
    )
    assert [asked.authorization for asked in registry.asked] == [None]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("Negotiate", "it asks for credentials in another way than Bearer and Basic"),
        ('Bearer realm="', "its request for credentials is malformed"),
        ("Bearer", "it names as its token service a URL with characters that no URL has"),
        (
            'Bearer realm="https://attacker.example/token"',
            "it names a token service at a host that does not belong to it",
        ),
        ('Bearer realm="http://169.254.169.254/latest"', "it names a token service that is not https"),
    ],
)
async def test_reg_01_02_a_challenge_that_is_not_answered_costs_nobody_a_request(
    registry: FakeRegistry, connect: Connect, field: str, text: str
) -> None:
    registry.replies[PATH] = answering(401, headers={"WWW-Authenticate": field})
    resolver = FakeResolver({})
    error = await failure(connect(ME, resolver=resolver), registry.host)
    assert type(error) is RegistryResponseError
    assert str(error) == f"registry {registry.host} cannot be asked: {text}"
    assert resolver.asked == []
    assert [asked.authorization for asked in registry.asked] == [None]
