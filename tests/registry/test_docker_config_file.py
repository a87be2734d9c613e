import asyncio
import json
import logging
import os
import threading
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from webhook import images
from webhook.errors import ConfigurationError
from webhook.registry.docker_config import MAX_BYTES
from webhook.registry.docker_config_file import LOOK_SECONDS, DockerConfigFile
from webhook.registry.keychain import Credentials

SECRET = "hunter2-marker"
APP = images.parse("ghcr.io/app")


def written(username: str) -> str:
    return json.dumps({"auths": {"ghcr.io": {"username": username, "password": SECRET}}})


def replace(file: Path, text: str | None) -> None:
    file.unlink(missing_ok=True)
    if text is not None:
        file.write_text(text)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config.json"
    file.write_text(written("first"))
    return file


async def username(keychain: DockerConfigFile) -> str:
    found = await keychain.credentials(APP)
    assert isinstance(found, Credentials)
    return found.username


async def test_a_file_that_changed_is_taken_over(file: Path, clock: FakeClock) -> None:
    keychain = DockerConfigFile(file, clock.monotonic)
    assert await username(keychain) == "first"
    replace(file, written("second"))
    assert await username(keychain) == "first"
    clock.advance(LOOK_SECONDS)
    assert await username(keychain) == "second"
    assert await username(keychain) == "second"


async def test_a_mounted_secret_is_followed_when_its_link_is_swapped(tmp_path: Path, clock: FakeClock) -> None:
    for version in ("first", "second"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "config.json").write_text(written(version))
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "config.json").symlink_to("..data/config.json")
    keychain = DockerConfigFile(tmp_path / "config.json", clock.monotonic)
    assert await username(keychain) == "first"
    (tmp_path / "..next").symlink_to("second")
    (tmp_path / "..next").rename(tmp_path / "..data")
    clock.advance(LOOK_SECONDS)
    assert await username(keychain) == "second"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('{"auths": {"ghcr.io": {"auth": "' + SECRET + '"}}}', "auths['ghcr.io']: its auth is not the base64"),
        (" " * (MAX_BYTES + 1), f"has {MAX_BYTES + 1} bytes"),
        (None, "is no file any more"),
    ],
)
async def test_a_version_that_cannot_be_used_leaves_the_one_before_and_is_told_once(
    file: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, broken: str | None, reason: str
) -> None:
    caplog.set_level(logging.INFO)
    keychain = DockerConfigFile(file, clock.monotonic)
    replace(file, broken)
    for _ in range(3):
        clock.advance(LOOK_SECONDS)
        assert await username(keychain) == "first"
    [told] = caplog.messages
    assert told.startswith(f"credentials not loaded, those before stay in force: {file}: {reason}")
    assert SECRET not in told
    replace(file, written("third"))
    clock.advance(LOOK_SECONDS)
    assert await username(keychain) == "third"
    assert caplog.messages[1:] == [f"credentials loaded: {file}"]


async def test_those_who_ask_while_the_file_is_read_wait_for_it(file: Path, clock: FakeClock) -> None:
    keychain = DockerConfigFile(file, clock.monotonic)
    replace(file, written("second"))
    clock.advance(LOOK_SECONDS)
    assert await asyncio.gather(*(username(keychain) for _ in range(5))) == ["second"] * 5


async def test_the_older_form_is_known_by_its_name(tmp_path: Path, clock: FakeClock) -> None:
    file = tmp_path / ".dockercfg"
    file.write_text(json.dumps({"ghcr.io": {"username": "old", "password": SECRET}}))
    assert await username(DockerConfigFile(file, clock.monotonic)) == "old"


def test_a_file_that_cannot_be_used_at_start_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        DockerConfigFile(tmp_path / "missing", clock.monotonic)
    assert str(refusal.value) == f"{tmp_path / 'missing'}: No such file or directory"


async def test_a_pipe_is_read_once(tmp_path: Path, clock: FakeClock) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(written("piped"),))
    writer.start()
    keychain = DockerConfigFile(pipe, clock.monotonic)
    writer.join()
    clock.advance(10 * LOOK_SECONDS)
    assert await username(keychain) == "piped"
