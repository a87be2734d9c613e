import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.registry import BasicAuth, FakeRegistry
from tests.registry.conftest import FixedKeychain
from webhook import images
from webhook.errors import CredentialsRefusedError
from webhook.registry.client import RegistryClient
from webhook.registry.docker_config import DockerConfigError
from webhook.registry.keychain import Credentials
from webhook.registry.pod_keyring import PodKeyring, PullSecret
from webhook.registry.settings import RegistrySettings

SECRET = "hunter2-marker"
APP = images.parse("ghcr.io/acme/app")


def login(username: str, password: str = SECRET) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def secret(auths: Any, **more: Any) -> PullSecret:
    return PullSecret(json.dumps({"auths": auths, **more}).encode())


def username(keyring: PodKeyring, image: str) -> str | None:
    found = keyring.credentials(images.parse(image))
    return None if found is None else found.username


def test_reg_13_a_key_means_one_registry_or_a_path_in_it() -> None:
    keyring = PodKeyring([secret({"ghcr.io": login("all"), "ghcr.io/acme": login("acme")})])
    assert username(keyring, "ghcr.io/acme/app") == "acme"
    assert username(keyring, "ghcr.io/acmeandmore/app") == "all"
    assert username(keyring, "ghcr.io.evil.com/acme/app") is None
    assert username(keyring, "quay.io/acme/app") is None


def test_of_several_secrets_the_longest_key_decides_and_then_the_first_secret() -> None:
    first, second = (
        secret({"ghcr.io": login("first")}),
        secret({"ghcr.io": login("second"), "ghcr.io/acme": login("x")}),
    )
    assert username(PodKeyring([first, second]), "ghcr.io/other") == "first"
    assert username(PodKeyring([second, first]), "ghcr.io/other") == "second"
    assert username(PodKeyring([first, second]), "ghcr.io/acme/app") == "x"


def test_a_secret_of_the_older_form_is_read_as_one() -> None:
    older = PullSecret(json.dumps({"https://index.docker.io/v1/": login("old")}).encode(), legacy=True)
    assert username(PodKeyring([older]), "nginx") == "old"


def test_what_kubelet_passes_over_gives_no_credentials() -> None:
    passed_over = {"*.io": login("glob"), f"https://me:{SECRET}@ghcr.io": login("at"), "": login("x"), "ghcr.io": {}}
    keyring = PodKeyring([secret(passed_over, credsStore="desktop"), secret(None), secret({"quay.io": {"auth": ""}})])
    assert not keyring
    assert keyring.credentials(APP) is None
    assert keyring.scope(APP) == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"auths": {"ghcr.io": {"auth": SECRET}}}, "auths['ghcr.io']: its auth is not the base64 of username:password"),
        (
            {"auths": {"ghcr.io": {"username": f"a:{SECRET}"}}},
            "auths['ghcr.io']: its username has a colon, which HTTP cannot say",
        ),
        ({"auths": {f"me:{SECRET}@ghcr.io": 7}}, "auths entry 1: Expected `object`, got `int`"),
        ({"auths": SECRET}, "is not a docker configuration: Expected `object | null`, got `str` - at `$.auths`"),
        (SECRET, "is not a docker configuration: Expected `object`, got `str`"),
    ],
)
def test_a_malformed_secret_is_an_error_that_shows_nothing_of_it(content: Any, reason: str) -> None:
    with pytest.raises(DockerConfigError) as refused:
        PodKeyring([secret({"quay.io": login("good")}), PullSecret(json.dumps(content).encode())])
    assert str(refused.value) == reason
    assert SECRET not in str(refused.value)


def test_a_scope_tells_credentials_apart_without_telling_them() -> None:
    mine, yours = PodKeyring([secret({"ghcr.io": login("me")})]), PodKeyring([secret({"ghcr.io": login("you")})])
    same = PodKeyring([secret({"ghcr.io/acme": login("me")})])
    split = [PodKeyring([secret({"ghcr.io": login(*parts)})]) for parts in (("a", "bc"), ("ab", "c"))]
    token = PodKeyring([secret({"ghcr.io": {**login("me"), "identitytoken": SECRET}})])
    scopes = [keyring.scope(APP) for keyring in (mine, yours, *split, token)]
    assert len(set(scopes)) == 5
    assert mine.scope(APP) == same.scope(APP) != ""
    assert mine.scope(images.parse("quay.io/app")) == ""
    assert all(len(scope) == 32 and "me" not in scope for scope in scopes)


def test_a_pinned_image_has_the_scope_of_its_repository() -> None:
    keyring = PodKeyring([secret({"ghcr.io": login("me")})])
    pinned = images.parse("ghcr.io/acme/app@sha256:" + "0" * 64).pinned()
    assert pinned is not None
    assert keyring.scope(pinned) == keyring.scope(APP)


def test_secrets_do_not_show_what_they_hold() -> None:
    assert SECRET not in repr(PullSecret(SECRET.encode()))
    assert SECRET not in repr(PodKeyring([secret({"ghcr.io": login("me")})]))


@given(st.binary(max_size=200), st.booleans())
def test_no_secret_makes_the_keyring_fail_otherwise(content: bytes, legacy: bool) -> None:
    try:
        PodKeyring([PullSecret(content, legacy=legacy)])
    except DockerConfigError as error:
        assert str(error).isascii()  # noqa: PT017  what matters is that there is no other error


async def test_the_pods_credentials_go_before_the_operators_where_it_has_some() -> None:
    async with FakeRegistry() as registry:
        registry.auth = BasicAuth("pod", SECRET)
        digest = registry.put_image("team/app", tag="1")
        image = images.parse(f"{registry.host}/team/app:1")
        operator = FixedKeychain(Credentials("operator", "other"))
        settings = RegistrySettings(insecure_hosts=frozenset({registry.host}))
        async with RegistryClient(settings, operator) as client:
            keyring = PodKeyring([secret({registry.host: login("pod")})])
            pinned = await client.resolve(image, keyring)
            assert str(pinned.digest) == digest
            assert (await client.evidence(pinned, attestations=False, keyring=keyring)).unanswered == ()
            assert (await client.listed(image, keyring))[0] == pinned
            assert operator.asked == []
            with pytest.raises(CredentialsRefusedError):
                await client.resolve(image, PodKeyring([secret({"quay.io": login("pod")})]))
            with pytest.raises(CredentialsRefusedError):
                await client.resolve(image)
            assert len(operator.asked) == 2


def test_tenants_with_different_identity_tokens_have_different_scopes() -> None:
    one, other = (PodKeyring([secret({"ghcr.io": {"identitytoken": token}})]) for token in ("one", "other"))
    same = PodKeyring([secret({"ghcr.io": {"identitytoken": "one"}})])
    assert one.scope(APP) == same.scope(APP) != other.scope(APP)
