import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tests.fakes.clock import FakeClock
from webhook.registry import tokens
from webhook.registry.challenge import TokenService
from webhook.registry.keychain import Credentials
from webhook.registry.tokens import Grant, Grants, TokenError

SERVICE = TokenService(URL("https://auth.example.com/token?account=a%26b", encoded=True), "registry & co")


def test_a_token_is_asked_for_with_pull_on_the_one_repository() -> None:
    request = tokens.request(SERVICE, "acme/app", None)
    assert dict(request.url.query) == {
        "account": "a&b",
        "service": "registry & co",
        "scope": "repository:acme/app:pull",
    }
    assert (request.url.host, request.url.path) == ("auth.example.com", "/token")
    assert (request.authorization, request.form) == (None, None)


def test_a_password_goes_into_the_header_and_not_into_the_url() -> None:
    request = tokens.request(SERVICE, "app", Credentials("me", "pw"))
    assert request.authorization == "Basic bWU6cHc="
    assert "pw" not in str(request.url)


def test_an_identity_token_is_posted() -> None:
    request = tokens.request(SERVICE, "app", Credentials("me", "", "refresh"))
    assert request.url == SERVICE.realm
    assert request.authorization is None
    assert request.form == {
        "grant_type": "refresh_token",
        "client_id": "tidewaiter",
        "refresh_token": "refresh",
        "service": "registry & co",
        "scope": "repository:app:pull",
    }


def test_a_service_without_name_is_asked_without_one() -> None:
    request = tokens.request(TokenService(URL("https://a/t"), ""), "app", None)
    assert str(request.url) == "https://a/t?scope=repository:app:pull"


@pytest.mark.parametrize(
    ("document", "grant"),
    [
        ({"token": "abc"}, Grant("Bearer abc", 60)),
        ({"access_token": "abc"}, Grant("Bearer abc", 60)),
        ({"token": "", "access_token": "abc"}, Grant("Bearer abc", 60)),
        ({"token": "abc", "access_token": "def", "expires_in": 300}, Grant("Bearer abc", 300)),
        ({"token": "abc", "expires_in": 300.5}, Grant("Bearer abc", 300.5)),
        ({"token": "abc", "expires_in": 0}, Grant("Bearer abc", 0)),
        ({"token": "abc", "expires_in": 10**9}, Grant("Bearer abc", 3600)),
        ({"token": "abc", "expires_in": None, "refresh_token": 7}, Grant("Bearer abc", 60)),
    ],
)
def test_a_token_and_its_life_are_read(document: dict[str, Any], grant: Grant) -> None:
    assert tokens.read(json.dumps(document).encode()) == grant


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>log in</html>",
        b"[]",
        b'"abc"',
        b"{}",
        b'{"token": ""}',
        b'{"token": 7}',
        b'{"token": "\xff"}',
        b'{"\xff": "abc"}',
        b'{"token": ["abc"]}',
        b'{"token": "a b"}',
        b'{"token": "a\\r\\nX-Evil: 1"}',
        b'{"token": "\\u212a"}',
        b'{"token": "' + b"x" * 16385 + b'"}',
        b'{"token": "abc", "expires_in": -1}',
        b'{"token": "abc", "expires_in": "300"}',
        b'{"token": "abc", "expires_in": 1e400}',
        b'{"token": "abc", "expires_in": NaN}',
        b'{"token": "abc", "x": ' + b"[" * 60000,
    ],
)
def test_reg_12_an_answer_that_is_no_token_is_refused(body: bytes) -> None:
    with pytest.raises(TokenError, match=r"^its token service answered with [a-z ]+$"):
        tokens.read(body)


@given(st.binary(max_size=100) | st.text().map(lambda text: json.dumps({"token": text}).encode()))
def test_what_is_taken_for_a_token_can_stand_in_a_header(body: bytes) -> None:
    try:
        grant = tokens.read(body)
    except TokenError:
        return
    assert grant.authorization.isascii()
    assert grant.authorization.isprintable()


def test_a_grant_does_not_show_what_it_is() -> None:
    request = tokens.request(SERVICE, "app", Credentials("me", "pw-marker", "token-marker"))
    assert "marker" not in repr(request) + repr(Grant("Bearer marker", 1)) + repr(
        tokens.basic(Credentials("a", "marker"))
    )
    assert "bWU6" not in repr(tokens.request(SERVICE, "app", Credentials("me", "pw")))


def test_grants_end_a_little_before_their_tokens_do() -> None:
    clock = FakeClock()
    grants = Grants(clock.monotonic)
    grants.put("key", Grant("Bearer abc", 60))
    clock.advance(49.9)
    assert grants.get("key") == Grant("Bearer abc", 60)
    clock.advance(0.2)
    assert grants.get("key") is None


def test_a_grant_that_ends_at_once_is_not_kept() -> None:
    grants = Grants(FakeClock().monotonic)
    grants.put("key", Grant("Bearer abc", 5))
    assert grants.get("key") is None


def test_grants_are_bounded_in_number() -> None:
    grants = Grants(FakeClock().monotonic)
    for number in range(1025):
        grants.put(number, Grant("Bearer abc", 60))
    assert sum(grants.get(number) is not None for number in range(1025)) == 1024


async def test_locks_last_as_long_as_somebody_holds_them() -> None:
    grants = Grants(FakeClock().monotonic)
    lock = grants.lock("key")
    assert grants.lock("key") is lock
    assert grants.lock("other") is not lock
