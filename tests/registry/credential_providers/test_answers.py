import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.registry.credential_providers.conftest import CANARY, login, response
from webhook import images
from webhook.registry.credential_providers import answers
from webhook.registry.credential_providers.answers import AnswerError
from webhook.registry.credential_providers.configuration import PROTOCOL
from webhook.registry.keychain import Credentials


def read(*auths: dict[str, Any]) -> list[answers.Answer]:
    return [answers.read(json.dumps(response(auth)).encode()) for auth in auths]


def chosen(image: str, *auths: dict[str, Any]) -> str | None:
    credentials = answers.choose(read(*auths), images.parse(image))
    return None if credentials is None else credentials.username


def test_a_question_names_the_image_without_tag_and_digest() -> None:
    for text in ("nginx", "nginx:1", "docker.io/library/nginx@sha256:" + "0" * 64):
        asked = json.loads(answers.request(images.parse(text)))
        assert asked == {
            "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
            "kind": "CredentialProviderRequest",
            "image": "docker.io/library/nginx",
        }


def test_an_answer_says_for_what_and_how_long_it_holds() -> None:
    whole = answers.read(json.dumps(response({"ghcr.io": login()}, "Global", cacheDuration="6h0m0s")).encode())
    assert (whole.scope, whole.seconds, len(whole.entries)) == ("Global", 21600, 1)
    bare = answers.read(json.dumps({key: value for key, value in response(None, "Image").items() if value}).encode())
    assert (bare.scope, bare.seconds, bare.entries) == ("Image", None, ())


@pytest.mark.parametrize(
    ("image", "keys", "found"),
    [
        ("ghcr.io/acme/app", ["ghcr.io", "ghcr.io/acme", "ghcr.io/acme/app"], "ghcr.io/acme/app"),
        ("ghcr.io/acme/app", ["ghcr.io", "ghcr.io/other"], "ghcr.io"),
        ("ghcr.io/acme/app", ["*.io", "ghcr.io"], "ghcr.io"),
        ("ghcr.io/acme/app", ["*.io"], "*.io"),
        ("ghcr.io/acme/app", ["quay.io", "ghcr.io:5000"], None),
        ("ghcr.io/acme/app", ["https://ghcr.io"], "https://ghcr.io"),
        ("ghcr.io/acme/app", ["http://ghcr.io/"], "http://ghcr.io/"),
        ("ghcr.io/acme/app", ["https://ghcr.io/v2/acme"], "https://ghcr.io/v2/acme"),
        ("ghcr.io/acme/app", ["https://ghcr.io/v2/"], "https://ghcr.io/v2/"),
        ("ghcr.io/acme/app", ["ghcr.io/v2"], None),
        ("nginx", ["https://index.docker.io/v1/", "ghcr.io"], "https://index.docker.io/v1/"),
        ("nginx", ["https://index.docker.io/v1/", "docker.io"], "docker.io"),
        ("nginx", ["ghcr.io"], None),
    ],
)
def test_the_key_that_says_most_decides(image: str, keys: list[str], found: str | None) -> None:
    assert chosen(image, {key: login(key.replace(":", ";")) for key in keys}) == (found and found.replace(":", ";"))


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (["ghcr.io/acme", "ghcr.io/acme/app", "ghcr.io"], "ghcr.io/acme/app"),
        (["ghcr.io", "ghcr.io/acme/ap", "ghcr.io/acme"], "ghcr.io/acme/ap"),
        (["*.io/acme/app", "ghcr.io", "gh*.io/acme/app"], "ghcr.io"),
        (["*.io/acme/app", "g*.io"], "g*.io"),
        (["*.io", "*.io/acme"], "*.io/acme"),
    ],
)
def test_in_whatever_order_keys_are_written_and_by_whichever_provider_the_same_one_decides(
    keys: list[str], found: str
) -> None:
    for order in permutations(keys):
        auths = [{key: login(key)} for key in order]
        assert chosen("ghcr.io/acme/app", *auths) == found
        assert chosen("ghcr.io/acme/app", {key: login(key) for key in order}) == found


def test_of_two_providers_with_one_key_the_first_decides() -> None:
    first, second = {"ghcr.io": login("first")}, {"ghcr.io": login("second")}
    assert chosen("ghcr.io/app", first, second) == "first"
    assert chosen("ghcr.io/app", second, first) == "second"
    assert chosen("ghcr.io/app", first, {"ghcr.io/app": login("closer")}) == "closer"


def test_an_entry_without_name_and_password_asks_as_nobody() -> None:
    assert answers.choose(read({"ghcr.io": {}}), images.parse("ghcr.io/app")) is None
    assert answers.choose(read({"ghcr.io": {}}, {"*.io": {"username": "a"}}), images.parse("ghcr.io/app")) is None
    named = answers.choose(read({"ghcr.io": {"username": "a"}}), images.parse("ghcr.io/app"))
    assert named == Credentials("a", "")


NO_RESPONSE = f"answered with no CredentialProviderResponse of {PROTOCOL}"
SOMETHING_ELSE = f"answered with something else than a CredentialProviderResponse of {PROTOCOL}"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", NO_RESPONSE),
        (CANARY.encode(), NO_RESPONSE),
        (b'"\xff"', NO_RESPONSE),
        (b"[" * 100_000, NO_RESPONSE),
        ({**response({}), CANARY: 1}, NO_RESPONSE),
        (response({"ghcr.io": {"token": CANARY}}), NO_RESPONSE),
        (response({"ghcr.io": {"username": CANARY, "password": 7}}), NO_RESPONSE),
        (response([CANARY]), NO_RESPONSE),  # type: ignore[arg-type]
        ({"cacheKeyType": "Image", "auth": {}}, NO_RESPONSE),
        ({**response({}), "apiVersion": "credentialprovider.kubelet.k8s.io/v1beta1"}, SOMETHING_ELSE),
        ({**response({}), "kind": CANARY}, SOMETHING_ELSE),
        (response({}, CANARY), "answered without a cacheKeyType of Global, Image, Registry"),
        (response({}, "image"), "answered without a cacheKeyType of Global, Image, Registry"),
        (response({}, ""), "answered without a cacheKeyType of Global, Image, Registry"),
        (response({}, cacheDuration=CANARY), "answered with a cacheDuration that is none"),
        (response({f"me:{CANARY}@ghcr.io": login()}), "answered with a key of auth that means no images"),
        (response({"": login()}), "answered with a key of auth that means no images"),
        (
            response({"ghcr.io": login(f"me:{CANARY}")}),
            "answered with a user whose name has a colon, which HTTP cannot say",
        ),
    ],
)
def test_an_answer_that_is_none_is_told_without_what_it_says(answer: bytes | dict[str, Any], reason: str) -> None:
    content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    with pytest.raises(AnswerError) as refused:
        answers.read(content)
    assert str(refused.value) == reason
    assert refused.value.__cause__ is None


@given(
    st.binary(max_size=300)
    | st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(
        lambda auth: json.dumps({**response({}), "auth": auth}).encode()
    )
)
def test_no_answer_makes_the_reader_fail_otherwise(content: bytes) -> None:
    try:
        answers.read(content)
    except AnswerError as error:
        assert str(error).startswith("answered with")  # noqa: PT017  what matters is that there is no other error


def test_answers_do_not_show_what_they_hold() -> None:
    [answer] = read({f"ghcr.io/{CANARY}": login(CANARY)})
    assert CANARY not in f"{answer}"
