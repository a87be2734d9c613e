import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook import images
from webhook.errors import ConfigurationError
from webhook.registry.docker_config import DockerConfigKeychain
from webhook.registry.keychain import Credentials

SECRET = "hunter2-marker"


def auth(username: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def keychain(auths: dict[str, Any], **more: Any) -> DockerConfigKeychain:
    return DockerConfigKeychain(json.dumps({"auths": auths, **more}).encode())


async def username(of: DockerConfigKeychain, image: str) -> str | None:
    found = await of.credentials(images.parse(image))
    return None if found is None else found.username


@pytest.mark.parametrize(
    ("key", "image", "found"),
    [
        ("ghcr.io", "ghcr.io/acme/app", True),
        ("https://ghcr.io", "ghcr.io/acme/app", True),
        ("http://ghcr.io", "ghcr.io/acme/app", True),
        ("HTTPS://GHCR.io/", "ghcr.io/acme/app", True),
        ("ghcr.io:443", "ghcr.io/acme/app", True),
        ("https://ghcr.io/v2/", "ghcr.io/acme/app", True),
        ("https://ghcr.io/v1", "ghcr.io/acme/app", True),
        ("ghcr.io/acme", "ghcr.io/acme/app", True),
        ("ghcr.io/acme/", "ghcr.io/acme/app", True),
        ("ghcr.io/acme/app", "ghcr.io/acme/app", True),
        ("ghcr.io/v2/acme", "ghcr.io/acme/app", True),
        ("ghcr.io/acm", "ghcr.io/acme/app", False),
        ("ghcr.io/acme/app/x", "ghcr.io/acme/app", False),
        ("ghcr.io/v2x", "ghcr.io/acme/app", False),
        ("ghcr.io", "ghcr.io.evil.com/acme/app", False),
        ("ghcr.io", "evil.com/ghcr.io/app", False),
        ("ghcr.io", "notghcr.io/app", False),
        ("ghcr.io", "ghcr.io:5000/app", False),
        ("ghcr.io:5000", "ghcr.io/app", False),
        ("localhost:5000", "localhost:5000/app", True),
        ("[::1]:5000", "[::1]:5000/app", True),
        ("https://index.docker.io/v1/", "nginx", True),
        ("https://index.docker.io/v1/", "docker.io/acme/app", True),
        ("docker.io", "nginx", True),
        ("index.docker.io", "nginx", True),
        ("docker.io/library", "nginx", True),
        ("docker.io/acme", "nginx", False),
        ("https://index.docker.io/v1/", "registry-1.docker.io/library/nginx", False),
    ],
)
async def test_reg_13_a_key_means_one_registry_or_a_path_in_it(key: str, image: str, found: bool) -> None:
    assert await username(keychain({key: auth("me")}), image) == ("me" if found else None)


async def test_the_longest_key_that_fits_wins() -> None:
    chain = keychain({"ghcr.io": auth("all"), "ghcr.io/acme/app": auth("app"), "ghcr.io/acme": auth("acme")})
    assert await username(chain, "ghcr.io/acme/app") == "app"
    assert await username(chain, "ghcr.io/acme/app/part") == "app"
    assert await username(chain, "ghcr.io/acme/application") == "acme"
    assert await username(chain, "ghcr.io/other") == "all"


async def test_a_pinned_image_has_the_credentials_of_its_repository() -> None:
    image = images.parse("ghcr.io/acme/app@sha256:" + "0" * 64).pinned()
    assert image is not None
    assert await keychain({"ghcr.io/acme": auth("me")}).credentials(image) == Credentials("me", SECRET)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (auth("me"), Credentials("me", SECRET)),
        (auth("me", "with:colon"), Credentials("me", "with:colon")),
        (auth("m\u00e9"), Credentials("m\u00e9", SECRET)),
        ({"auth": auth("me")["auth"].rstrip("=")}, Credentials("me", SECRET)),
        ({"auth": auth("me")["auth"][:8] + "\r\n" + auth("me")["auth"][8:]}, Credentials("me", SECRET)),
        ({"username": "me", "password": SECRET, "email": "x"}, Credentials("me", SECRET)),
        ({"username": "other", "password": "other", **auth("me")}, Credentials("me", SECRET)),
        ({"identitytoken": SECRET}, Credentials("", "", SECRET)),
        (
            {**auth("00000000-0000-0000-0000-000000000000", ""), "identitytoken": SECRET},
            Credentials("00000000-0000-0000-0000-000000000000", "", SECRET),
        ),
    ],
)
async def test_credentials_are_written_in_three_ways(entry: dict[str, str], expected: Credentials) -> None:
    assert await keychain({"ghcr.io": entry}).credentials(images.parse("ghcr.io/app")) == expected


@pytest.mark.parametrize(
    "content", [b"{}", b'{"auths": {}}', b'{"auths": null, "credsStore": "", "credHelpers": {}, "psFormat": "x"}']
)
async def test_a_file_without_credentials_is_one(content: bytes) -> None:
    assert await DockerConfigKeychain(content).credentials(images.parse("nginx")) is None


NOT_BASE64 = "its auth is not the base64 of username:password"
NO_CREDENTIALS = "holds no credentials; expected auth, or username and password, or identitytoken"
COLON = "its username has a colon, which HTTP cannot say"
NO_REGISTRY = "its key is not a registry host[:port], with or without a path"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"auths": {"ghcr.io": {"auth": SECRET}}}, f"auths['ghcr.io']: {NOT_BASE64}"),
        ({"auths": {"ghcr.io": {"auth": "aHVudGVyMi1tYXJrZXI="}}}, f"auths['ghcr.io']: {NOT_BASE64}"),
        ({"auths": {"ghcr.io": {"auth": auth("me")["auth"] + "!!!!"}}}, f"auths['ghcr.io']: {NOT_BASE64}"),
        ({"auths": {"ghcr.io": {"auth": "//86/w=="}}}, f"auths['ghcr.io']: {NOT_BASE64}"),
        ({"auths": {"ghcr.io": auth("")}}, f"auths['ghcr.io']: {NO_CREDENTIALS}"),
        ({"auths": {"ghcr.io": {"username": "a:b", "password": SECRET}}}, f"auths['ghcr.io']: {COLON}"),
        ({"auths": {"ghcr.io": {}}}, f"auths['ghcr.io']: {NO_CREDENTIALS}"),
        (
            {"auths": {"ghcr.io": {"password": 7}}},
            "auths['ghcr.io']: Expected `str | null`, got `int` - at `$.password`",
        ),
        ({"auths": {"ghcr.io": SECRET}}, "auths['ghcr.io']: Expected `object`, got `str`"),
        ({"auths": {"*.io": auth("me")}}, f"auths['*.io']: {NO_REGISTRY}"),
        ({"auths": {"my_reg.io": auth("me")}}, f"auths['my_reg.io']: {NO_REGISTRY}"),
        ({"auths": {"": auth("me")}}, f"auths['']: {NO_REGISTRY}"),
        ({"auths": {"\u212a8s.io": auth("me")}}, f"auths['\\u212a8s.io']: {NO_REGISTRY}"),
        (
            {"auths": {"ghcr.io/*": auth("me")}},
            "auths['ghcr.io/*']: the path in its key is not the beginning of a repository",
        ),
        (
            {"auths": {"quay.io": auth("me"), f"https://me:{SECRET}@ghcr.io": auth("me")}},
            "auths entry 2: has '@' in its key; expected a registry without credentials",
        ),
        (
            {"auths": {"ghcr.io": auth("me"), "https://ghcr.io/v2/": auth("you")}},
            "auths['https://ghcr.io/v2/'] names the same registry as another key, with other credentials",
        ),
        (
            {"credsStore": "desktop"},
            "credsStore keeps credentials in a program that is not asked; write them into auths",
        ),
        (
            {"credHelpers": {"gcr.io": "gcloud"}},
            "credHelpers keeps credentials in programs that are not asked; write them into auths",
        ),
        ({"auths": []}, "is not a docker configuration: Expected `object | null`, got `array` - at `$.auths`"),
        ([], "is not a docker configuration: Expected `object`, got `array`"),
    ],
)
def test_a_fault_is_told_by_its_place_and_without_what_is_written_there(document: Any, fault: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        DockerConfigKeychain(json.dumps(document).encode(), "config.json")
    assert str(refusal.value) == f"config.json: {fault}"
    assert SECRET not in str(refusal.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        keychain({"a.io": {}, "b.io": auth("me"), "*": auth("me")}, credsStore="desktop", credHelpers={"c.io": "x"})
    assert str(refusal.value).count(";") == 6
    assert "b.io" not in str(refusal.value)


def test_one_registry_under_two_keys_with_the_same_credentials_is_no_fault() -> None:
    keychain({"https://index.docker.io/v1/": auth("me"), "docker.io": auth("me")})


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b" " * (1024 * 1024 + 1), "docker config.json: has 1048577 bytes; expected at most 1048576"),
        (b"{", "docker config.json: is not a docker configuration: Input data was truncated"),
        (b'{"auths":{"a.io":{"auth":"\xff"}}}', "docker config.json: is not a docker configuration: not UTF-8"),
        (b'{"auths":{"\xff":{}}}', "docker config.json: is not a docker configuration: not UTF-8"),
        (
            b'{"auths":' + b"[" * 100000,
            "docker config.json: is not a docker configuration: Expected `object | null`, got `array` - at `$.auths`",
        ),
    ],
)
def test_a_file_that_is_none_is_refused(content: bytes, fault: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        DockerConfigKeychain(content)
    assert str(refusal.value) == fault


def test_a_file_that_nests_too_deep_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        DockerConfigKeychain(b'{"plugins":' + b"[" * 100000)


@given(
    st.binary(max_size=200) | st.from_regex(rb'\{"auths":\{"[ -~]{0,20}":\{"auth":"[ -~]{0,20}"\}\}\}', fullmatch=True)
)
def test_no_file_makes_the_keychain_fail_otherwise(content: bytes) -> None:
    try:
        DockerConfigKeychain(content)
    except ConfigurationError as error:
        assert str(error).isascii()  # noqa: PT017  what matters is that there is no other error


async def test_a_dockercfg_is_what_is_in_auths_of_a_config_json() -> None:
    file = DockerConfigKeychain(json.dumps({"https://index.docker.io/v1/": auth("me")}).encode(), legacy=True)
    assert await username(file, "nginx") == "me"
    with pytest.raises(ConfigurationError) as refusal:
        DockerConfigKeychain(json.dumps({"ghcr.io": {}, "quay.io": 1}).encode(), ".dockercfg", legacy=True)
    assert str(refusal.value) == (
        f".dockercfg: auths['ghcr.io']: {NO_CREDENTIALS}; auths['quay.io']: Expected `object`, got `int`"
    )
    with pytest.raises(ConfigurationError, match="is not a docker configuration"):
        DockerConfigKeychain(b"[]", legacy=True)
