import asyncio
import base64
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.kube.api_server import FakeObjects, serving
from webhook.errors import ConfigurationError, CredentialsUnavailableError, NotFoundOutError, VerificationTimedOutError
from webhook.kube.pull_secrets import (
    KEPT_SECONDS,
    MAX_BYTES,
    MAX_SECRETS,
    MISSING_SECONDS,
    ClusterPullSecrets,
    DockerSecret,
)
from webhook.registry.pod_keyring import PodKeyring, PullSecret

CANARY = "hunter2-canary"
SOON = 20.0
JSON, CFG = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"

Held = tuple[DockerSecret, ...]


def make(secrets: Held) -> Held | None:
    """A keyring that is the Secrets themselves; what begins with '!' is malformed, and told as it stands there."""
    for secret in secrets:
        if secret.content.startswith(b"!"):
            raise ValueError(f"auths[{secret.content.decode()}]: its auth is not base64")
    return secrets or None


def put(api: FakeObjects, name: str, content: str = CANARY, kind: str = JSON, namespace: str = "prod") -> None:
    data = {f".{kind.rpartition('/')[2]}": base64.b64encode(content.encode()).decode()}
    api.put("Secret", namespace, name, type=kind, data=data)


@pytest.fixture
def api() -> FakeObjects:
    return FakeObjects()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def pull_secrets(api: FakeObjects, clock: FakeClock, tmp_path: Path) -> AsyncIterator[ClusterPullSecrets[Held]]:
    async with serving(api, tmp_path) as kubeconfig:
        pull_secrets = ClusterPullSecrets(clock, make, kubeconfig)
        await pull_secrets.connect()
        yield pull_secrets
        await pull_secrets.close()


Asking = ClusterPullSecrets[Held]


async def contents(asking: Asking, *names: str, account: str = "") -> list[str] | None:
    held = await asking.keyring("prod", names, account, SOON)
    return None if held is None else [secret.content.decode() for secret in held]


async def failure(
    asking: ClusterPullSecrets[Any], *names: str, caplog: pytest.LogCaptureFixture, wait: float = SOON
) -> str:
    """What the log says; the answer says nothing of which Secret it is and why."""
    caplog.clear()
    with pytest.raises(CredentialsUnavailableError) as failed:
        await asking.keyring("prod", names, "", wait)
    assert str(failed.value) == "the pod's pull secrets cannot be used; tidewaiter's log says why"
    [told] = [message for message in caplog.messages if message.startswith("pull secrets in namespace prod (")]
    assert CANARY not in caplog.text
    named, _, reason = told.partition(") cannot be used: ")
    assert named.endswith("(" + ", ".join(map(repr, names[:3])))
    return reason


async def test_the_secrets_that_a_pod_names_are_its_keyring(pull_secrets: Asking, api: FakeObjects) -> None:
    put(api, "new", "one")
    put(api, "old", "two", CFG)
    put(api, "other", "three")
    assert await pull_secrets.keyring("prod", ("new", "old"), "builder", SOON) == (
        DockerSecret(b"one", legacy=False),
        DockerSecret(b"two", legacy=True),
    )
    assert sorted(api.asked) == ["/api/v1/namespaces/prod/secrets/new", "/api/v1/namespaces/prod/secrets/old"]


async def test_secrets_of_other_namespaces_are_not_looked_at(pull_secrets: Asking, api: FakeObjects) -> None:
    put(api, "shared", namespace="dev")
    assert await contents(pull_secrets, "shared") is None
    assert await contents(pull_secrets, "../../dev/secrets/shared", "dev/shared", "..", "%2e%2e", "S", "a b") is None
    assert api.asked == ["/api/v1/namespaces/prod/secrets/shared"]


async def test_what_kubelet_passes_over_is_passed_over(pull_secrets: Asking, api: FakeObjects) -> None:
    put(api, "good", "good")
    put(api, "empty", "")
    api.put("Secret", "prod", "opaque", type="Opaque", data={".dockerconfigjson": base64.b64encode(b"x").decode()})
    api.put("Secret", "prod", "bare", type=JSON)
    api.put("Secret", "prod", "typeless")
    api.put("Secret", "prod", "crossed", type=CFG, data={".dockerconfigjson": base64.b64encode(b"x").decode()})
    names = ("missing", "empty", "opaque", "bare", "typeless", "crossed", "", "good", "good")
    assert await contents(pull_secrets, *names) == ["good"]
    assert await contents(pull_secrets, *names[:-2]) is None


async def test_without_names_those_of_the_service_account_count(pull_secrets: Asking, api: FakeObjects) -> None:
    put(api, "one", "one")
    put(api, "two", "two")
    api.put("ServiceAccount", "prod", "default", imagePullSecrets=[{"name": "one"}, {}])
    api.put("ServiceAccount", "prod", "builder", imagePullSecrets=[{"name": "two"}])
    api.put("ServiceAccount", "prod", "bare")
    assert await contents(pull_secrets) == ["one"]
    assert await contents(pull_secrets, account="default") == ["one"]
    assert await contents(pull_secrets, account="builder") == ["two"]
    assert await contents(pull_secrets, account="bare") is None
    assert await contents(pull_secrets, account="missing") is None
    assert await contents(pull_secrets, account="../secrets/one") is None


async def test_a_pod_that_names_nobody_has_nobodys(pull_secrets: Asking, api: FakeObjects) -> None:
    api.put("ServiceAccount", "prod", "default", imagePullSecrets=[{"name": "one"}])
    put(api, "one")
    assert await contents(pull_secrets, "") is None
    assert api.asked == []


async def test_a_keyring_is_kept_for_a_while(pull_secrets: Asking, api: FakeObjects, clock: FakeClock) -> None:
    put(api, "login", "first")
    for _ in range(3):
        assert await contents(pull_secrets, "login", account="one") == ["first"]
        assert await contents(pull_secrets, "login", account="two") == ["first"]
    assert len(api.asked) == 1
    put(api, "login", "second")
    clock.advance(KEPT_SECONDS + 0.1)
    assert await contents(pull_secrets, "login") == ["second"]


async def test_a_secret_that_was_missing_is_looked_for_again_soon(
    pull_secrets: Asking, api: FakeObjects, clock: FakeClock
) -> None:
    assert await contents(pull_secrets, "late") is None
    assert await contents(pull_secrets, "late") is None
    assert len(api.asked) == 1
    put(api, "late", "there")
    clock.advance(MISSING_SECONDS + 0.1)
    assert await contents(pull_secrets, "late") == ["there"]


@pytest.mark.parametrize("status", [401, 403, 429, 500])
async def test_an_api_server_that_does_not_answer_is_an_error_and_asked_again(
    pull_secrets: Asking, api: FakeObjects, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    put(api, "login", "there")
    path = "/api/v1/namespaces/prod/secrets/login"
    api.statuses[path] = status
    told = await failure(pull_secrets, "login", caplog=caplog)
    assert told.startswith("the API server gave no answer (")
    assert told.endswith(f" {status})")
    del api.statuses[path]
    assert await contents(pull_secrets, "login") == ["there"]


async def test_a_malformed_secret_is_an_error(
    pull_secrets: Asking, api: FakeObjects, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put(api, "good")
    put(api, "bad", f"!{CANARY}")
    put(api, "worse", f"!{CANARY}", CFG)
    told = await failure(pull_secrets, "good", "bad", "worse", caplog=caplog)
    assert told == "bad is not JSON in UTF-8; worse is not JSON in UTF-8"
    api.put("Secret", "prod", "worst", type=JSON, data={".dockerconfigjson": f"!{CANARY}"})
    assert await failure(pull_secrets, "worst", caplog=caplog) == "worst has data that is not base64"


@pytest.mark.parametrize(
    ("content", "kind", "fault"),
    [
        (f'{{"auths": {{"{CANARY}": {{"auth": "!"}}}}}}', JSON, "is not a docker configuration"),
        (f'{{"auths": {{"{CANARY}.example": {{"auth": 5}}}}}}', JSON, "is not a docker configuration"),
        (f'{{"auths": {{"{CANARY}.example": "{CANARY}"}}}}', JSON, "is not a docker configuration"),
        (f'{{"auths": "{CANARY}"}}', JSON, "is not a docker configuration"),
        (f'{{"{CANARY}": "{CANARY}"}}', CFG, "is not a docker configuration"),
        (f'{{"{CANARY}": ', CFG, "is not JSON in UTF-8"),
        (CANARY, JSON, "is not JSON in UTF-8"),
        ("[" * 20_000, JSON, "is not JSON in UTF-8"),
    ],
)
async def test_nothing_that_a_malformed_secret_holds_is_told_not_even_its_keys(
    api: FakeObjects, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, kind: str, fault: str
) -> None:
    caplog.set_level(logging.DEBUG)
    put(api, "login", content, kind)
    put(api, "good", f'{{"auths": {{"ghcr.io": {{"username": "{CANARY}", "password": "{CANARY}"}}}}}}')
    async with serving(api, tmp_path) as kubeconfig:
        asking = ClusterPullSecrets(FakeClock(), as_in_production, kubeconfig)
        assert await failure(asking, "good", "login", caplog=caplog) == f"login {fault}"
        await asking.close()


def as_in_production(secrets: Held) -> PodKeyring | None:
    return PodKeyring(PullSecret(secret.content, legacy=secret.legacy) for secret in secrets) or None


async def test_an_answer_that_is_none_is_told_without_what_it_holds(
    pull_secrets: Asking, api: FakeObjects, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.put("Secret", "prod", "odd", type=JSON, data=CANARY)
    told = await failure(pull_secrets, "odd", caplog=caplog)
    assert told.startswith("the API server gave no answer (")


async def test_there_are_ceilings(pull_secrets: Asking, api: FakeObjects, caplog: pytest.LogCaptureFixture) -> None:
    names = [f"login-{number}" for number in range(MAX_SECRETS + 1)]
    told = await failure(pull_secrets, *names, caplog=caplog)
    assert told == f"there are more than {MAX_SECRETS} of them"
    assert api.asked == []
    assert await contents(pull_secrets, *names[:-1]) is None
    api.put("ServiceAccount", "prod", "default", imagePullSecrets=[{"name": name} for name in names])
    with pytest.raises(CredentialsUnavailableError):
        await contents(pull_secrets)
    put(api, "large", "x" * (MAX_BYTES - 10))
    put(api, "more", "x" * 11)
    assert await contents(pull_secrets, "large") is not None
    told = await failure(pull_secrets, "large", "more", caplog=caplog)
    assert told == f"they have {MAX_BYTES + 1} bytes together; expected at most {MAX_BYTES}"


async def test_a_namespace_that_none_can_have_is_not_asked_about(
    pull_secrets: Asking, api: FakeObjects, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(CredentialsUnavailableError):
        await pull_secrets.keyring("prod/../dev", (), "builder", SOON)
    assert caplog.messages == [
        "pull secrets in namespace prod/../dev ('builder') cannot be used: it is no name of a namespace"
    ]
    assert api.asked == []


async def test_an_api_server_that_is_silent_costs_no_more_than_the_time_there_is(
    pull_secrets: Asking, api: FakeObjects
) -> None:
    api.silent = True
    begun = asyncio.get_running_loop().time()
    with pytest.raises(VerificationTimedOutError) as silent:
        await pull_secrets.keyring("prod", ("login",), "", 0.1)
    assert isinstance(silent.value, NotFoundOutError)
    assert asyncio.get_running_loop().time() - begun < 3


async def test_without_a_cluster_there_is_nobody_to_ask(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pull_secrets = ClusterPullSecrets(FakeClock(), make, tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        await pull_secrets.connect()
    assert (await failure(pull_secrets, "login", caplog=caplog)).startswith("the API server gave no answer (")
    await pull_secrets.close()


def test_secrets_do_not_show_what_they_hold() -> None:
    assert CANARY not in repr(DockerSecret(CANARY.encode(), legacy=False))
