"""Whoever watches stages is told how each ends."""

import asyncio

import pytest

from webhook.admission.stages import CANCELLED, FAILED, FOUND, UNWATCHED, AllStages, Ended, Stage, watched
from webhook.errors import RegistryUnavailableError


class Told:
    """Fills `Stages`; keeps what it was told."""

    def __init__(self, name: str, into: list[tuple[str, ...]]) -> None:
        self._name = name
        self._told = into

    def began(self, stage: Stage, registry: str, digest: str) -> Ended:
        self._told.append((self._name, stage, registry, digest))
        return lambda outcome: self._told.append((self._name, outcome))


async def brings(result: str | BaseException) -> str:
    if isinstance(result, BaseException):
        raise result
    return result


async def test_what_a_stage_brings_is_passed_on_and_told() -> None:
    told: list[str] = []
    assert await watched(told.append, brings("value"), lambda value: f"it was {value}") == "value"
    assert told == ["it was value"]


async def test_without_a_word_for_it_something_was_found() -> None:
    told: list[str] = []
    await watched(told.append, brings("value"))
    assert told == [FOUND]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (RegistryUnavailableError("down"), "REGISTRY_UNAVAILABLE"),
        (asyncio.CancelledError(), CANCELLED),
        (ValueError("s3cret"), FAILED),
    ],
)
async def test_what_it_raises_is_passed_on_and_told(error: BaseException, outcome: str) -> None:
    told: list[str] = []
    with pytest.raises(type(error)):
        await watched(told.append, brings(error))
    assert told == [outcome]


def test_of_several_the_first_to_hear_of_a_beginning_is_the_last_to_hear_of_the_end() -> None:
    told: list[tuple[str, ...]] = []
    AllStages((Told("a", told), Told("b", told))).began(Stage.VERIFY, "ghcr.io", "")("verified")
    assert [each[:2] for each in told] == [("a", "verify"), ("b", "verify"), ("b", "verified"), ("a", "verified")]


def test_nobody_need_watch() -> None:
    ended = UNWATCHED.began(Stage.RESOLVE, "ghcr.io", "")
    ended("found")
    assert callable(ended)
