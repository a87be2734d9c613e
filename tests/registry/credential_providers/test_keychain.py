import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.registry.credential_providers.conftest import CANARY, Programs, login, response
from webhook import images
from webhook.codes import TRANSIENT
from webhook.errors import CredentialsUnavailableError
from webhook.registry.credential_providers.configuration import Provider
from webhook.registry.credential_providers.keychain import MAX_PROCESSES, CredentialProviders
from webhook.registry.keychain import Credentials

Ask = Callable[..., AbstractAsyncContextManager[CredentialProviders]]
APP = "ghcr.io/acme/app"
GHCR = {"ghcr.io": login()}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def asking(clock: FakeClock) -> Ask:
    @asynccontextmanager
    async def open_providers(*providers: Provider, seconds: float = 20) -> AsyncIterator[CredentialProviders]:
        keychain = CredentialProviders(providers, clock.monotonic, seconds)
        yield keychain
        await keychain.close()

    return open_providers


async def username(keychain: CredentialProviders, image: str) -> str | None:
    found = await keychain.credentials(images.parse(image))
    return None if found is None else found.username


async def failure(keychain: CredentialProviders, image: str = APP) -> str:
    with pytest.raises(CredentialsUnavailableError) as failed:
        await keychain.credentials(images.parse(image))
    assert CANARY not in str(failed.value)
    assert failed.value.code not in TRANSIENT
    return str(failed.value)


async def test_the_program_says_who_we_are(programs: Programs, asking: Ask) -> None:
    programs.answering("good", response(GHCR))
    async with asking(programs.provider("good", arguments=("get",), environment={"A": "b"})) as keychain:
        assert await keychain.credentials(images.parse(f"{APP}:1")) == Credentials("AWS", CANARY)
    assert [asked["image"] for asked in programs.asked("good")] == [APP]


async def test_an_image_that_no_provider_is_for_runs_no_program(programs: Programs, asking: Ask) -> None:
    programs.answering("good", response(GHCR))
    async with asking(programs.provider("good", "quay.io", "ghcr.io/other")) as keychain:
        assert await username(keychain, APP) is None
    assert programs.asked("good") == []


async def test_a_program_may_have_no_credentials(programs: Programs, asking: Ask) -> None:
    programs.answering("good", response(None, cacheDuration="1h"))
    async with asking(programs.provider("good")) as keychain:
        assert await username(keychain, APP) is None
        assert await username(keychain, APP) is None
    assert len(programs.asked("good")) == 1


@pytest.mark.parametrize(
    ("scope", "asked"),
    [
        ("Image", ["ghcr.io/acme/app", "ghcr.io/acme/other", "quay.io/acme/app"]),
        ("Registry", ["ghcr.io/acme/app", "quay.io/acme/app"]),
        ("Global", ["ghcr.io/acme/app"]),
    ],
)
async def test_an_answer_is_kept_for_what_it_says(
    programs: Programs, asking: Ask, scope: str, asked: list[str]
) -> None:
    programs.answering("good", response({"*.*": login()}, scope, cacheDuration="1h"))
    async with asking(programs.provider("good")) as keychain:
        for image in ("ghcr.io/acme/app:1", "ghcr.io/acme/app:2", "ghcr.io/acme/other", "quay.io/acme/app"):
            assert await username(keychain, image) == "AWS"
    assert [each["image"] for each in programs.asked("good")] == asked


@pytest.mark.parametrize(
    ("more", "default", "kept"),
    [
        ({"cacheDuration": "10m"}, 0, 600),
        ({"cacheDuration": "10m"}, 3600, 600),
        ({}, 60, 60),
        ({"cacheDuration": None}, 60, 60),
        ({"cacheDuration": "0s"}, 3600, 0),
        ({"cacheDuration": "-1s"}, 3600, 0),
        ({}, 0, 0),
    ],
)
async def test_an_answer_is_kept_as_long_as_it_says(
    programs: Programs, asking: Ask, clock: FakeClock, more: dict[str, Any], default: float, kept: float
) -> None:
    programs.answering("good", response(GHCR, **more))
    async with asking(programs.provider("good", seconds=default)) as keychain:
        await username(keychain, APP)
        clock.advance(max(kept - 1, 0))
        await username(keychain, APP)
        assert len(programs.asked("good")) == (1 if kept else 2)
        clock.advance(1.1)
        await username(keychain, APP)
        assert len(programs.asked("good")) == (2 if kept else 3)


async def test_those_who_ask_at_once_for_one_image_run_one_program(programs: Programs, asking: Ask) -> None:
    programs.answering("good", response(GHCR, "Image"))
    async with asking(programs.provider("good")) as keychain:
        assert await asyncio.gather(*(username(keychain, APP) for _ in range(20))) == ["AWS"] * 20
    assert len(programs.asked("good")) == 1


async def test_those_who_wait_for_room_are_spared_by_an_answer_for_the_whole_registry(
    programs: Programs, asking: Ask
) -> None:
    programs.answering("good", response(GHCR, "Registry", cacheDuration="1h"))
    async with asking(programs.provider("good")) as keychain:
        found = await asyncio.gather(*(username(keychain, f"ghcr.io/acme/app{number}") for number in range(30)))
    assert found == ["AWS"] * 30
    assert len(programs.asked("good")) <= MAX_PROCESSES


async def test_all_providers_that_are_for_an_image_are_asked_and_the_best_key_decides(
    programs: Programs, asking: Ask
) -> None:
    programs.answering("first", response({"ghcr.io": login("first"), "ghcr.io/acme": login("all of acme")}))
    programs.answering("second", response({"ghcr.io": login("second"), "ghcr.io/acme/app": login("the app")}))
    async with asking(programs.provider("first"), programs.provider("second")) as keychain:
        assert await username(keychain, APP) == "the app"
        assert await username(keychain, "ghcr.io/acme/other") == "all of acme"
        assert await username(keychain, "ghcr.io/other") == "first"


FAILURES = {
    "crashing": (f"echo {CANARY} >&2; echo {CANARY}; exit 7", "ended with exit status 7"),
    "garbage": (
        f"echo {CANARY}",
        "answered with no CredentialProviderResponse of credentialprovider.kubelet.k8s.io/v1",
    ),
    "silent": (":", "answered with no CredentialProviderResponse of credentialprovider.kubelet.k8s.io/v1"),
    "endless": (f"while :; do echo {CANARY}; done", "answered with more than 262144 bytes"),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_provider_that_fails_is_an_error_and_shows_nothing(
    programs: Programs, asking: Ask, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body, reason = FAILURES[name]
    programs.write(name, body)
    programs.answering("good", response(GHCR))
    async with asking(programs.provider(name), programs.provider("good")) as keychain:
        assert await failure(keychain) == f"credential provider {name}, asked for registry ghcr.io, {reason}"
    assert CANARY not in caplog.text


async def test_a_provider_that_is_slow_is_not_waited_for(programs: Programs, asking: Ask) -> None:
    programs.write("slow", "sleep 100")
    async with asking(programs.provider("slow"), seconds=0.2) as keychain:
        found = await asyncio.gather(
            *(failure(keychain, f"ghcr.io/app{number}") for number in range(MAX_PROCESSES + 2))
        )
    assert set(found) == {"credential provider slow, asked for registry ghcr.io, did not answer within 0.2 s"}


async def test_a_failure_is_not_remembered(programs: Programs, asking: Ask) -> None:
    programs.write("flaky", "exit 1")
    async with asking(programs.provider("flaky")) as keychain:
        await failure(keychain)
        programs.answering("flaky", response(GHCR))
        assert await username(keychain, APP) == "AWS"


async def test_who_stops_waiting_does_not_end_it_for_others(programs: Programs, asking: Ask) -> None:
    go_on = programs.folder / "go-on"
    programs.answering("good", response(GHCR))
    programs.write("waiting", f'until [ -e "{go_on}" ]; do sleep 0.01; done; cat "{programs.folder}/good.answer"')
    async with asking(programs.provider("waiting")) as keychain:
        leader = asyncio.create_task(username(keychain, APP))
        await asyncio.sleep(0)
        follower = asyncio.create_task(username(keychain, APP))
        await asyncio.sleep(0)
        leader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leader
        _touch(go_on)
        assert await follower == "AWS"


def _touch(path: Path) -> None:
    path.touch()


async def test_closing_ends_the_programs_that_run(programs: Programs, asking: Ask) -> None:
    programs.write("hanging", "sleep 100")
    async with asking(programs.provider("hanging")) as keychain:
        waiting = asyncio.create_task(username(keychain, APP))
        await asyncio.sleep(0.1)
    with pytest.raises(asyncio.CancelledError):
        await waiting
