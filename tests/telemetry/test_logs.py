import io
import json
import logging
from collections.abc import Callable
from typing import Any

from webhook.errors import ConfigurationError, RegistryUnavailableError
from webhook.telemetry import logs


async def logged(write: Callable[[logging.Logger], None], level: int = logging.INFO) -> list[dict[str, Any]]:
    output = io.BytesIO()
    async with logs.logging_to(output, lambda _count: None, level):
        write(logging.getLogger("webhook.test"))
    return [json.loads(line) for line in output.getvalue().splitlines()]


async def test_a_message_is_one_line_of_json() -> None:
    (line,) = await logged(lambda log: log.warning("%s of %s\nlines", 1, 2))
    assert line.pop("ts").endswith("Z")
    assert line == {"level": "warning", "msg": "1 of 2\nlines", "logger": "webhook.test"}


async def test_a_level_hides_what_is_below_it() -> None:
    assert await logged(lambda log: log.info("hidden"), logging.WARNING) == []


def fail(log: logging.Logger, error: Exception) -> None:
    try:
        raise error
    except type(error):
        log.exception("failed")


async def test_an_exception_is_told_by_type_and_place_without_its_text() -> None:
    (line,) = await logged(lambda log: fail(log, RuntimeError("Authorization: Bearer s3cret")))
    (error,) = line["errors"]
    assert error["type"] == "builtins.RuntimeError"
    assert error["at"][-1].startswith("test_logs.py:")
    assert error["at"][-1].endswith(" fail")
    assert "s3cret" not in json.dumps(line)


async def test_the_text_of_our_own_errors_and_of_the_system_is_kept() -> None:
    lines = await logged(fail_in_all_ways)
    assert [line["errors"][0]["text"] for line in lines] == ["no policy", "no answer", "No such file"]


def fail_in_all_ways(log: logging.Logger) -> None:
    for error in (ConfigurationError("no policy"), RegistryUnavailableError("no answer"), OSError(2, "No such file")):
        fail(log, error)


def chain(log: logging.Logger) -> None:
    outer = ConfigurationError("outer")
    outer.__cause__ = KeyError("s3cret")
    fail(log, outer)


async def test_causes_are_told_too() -> None:
    (line,) = await logged(chain)
    assert [error["type"] for error in line["errors"]] == ["webhook.errors.ConfigurationError", "builtins.KeyError"]
    assert "s3cret" not in json.dumps(line)


async def test_logging_is_as_before_afterwards() -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    await logged(lambda log: log.info("x"))
    assert (list(root.handlers), root.level) == before
