"""The steps of finding out about an image, for whoever watches them. What is known already has no steps."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import Protocol, TypeVar

from webhook.errors import NotFoundOutError

T = TypeVar("T")

VERIFIED = "verified"
FOUND = "found"
"""Outcomes beside codes of findings."""

CANCELLED = "cancelled"
FAILED = "failed"
"""Outcomes of a stage that an exception ended which says nothing about an image."""

Ended = Callable[[str], None]
"""Told once what came of a stage: a code of findings, or one of the outcomes above."""


class Stage(StrEnum):
    """What is done for an image."""

    RESOLVE = "resolve"
    FETCH = "fetch"
    VERIFY = "verify"


class Stages(Protocol):
    """Who is told, on the event loop, when a stage begins and ends. Must neither wait nor raise."""

    def began(self, stage: Stage, registry: str, digest: str) -> Ended:
        """Take note of a stage. `digest` is empty where it is what is looked for."""
        ...


class AllStages:
    """Fills `Stages` for any number of others, none among them."""

    def __init__(self, others: Iterable[Stages] = ()) -> None:
        self._others = tuple(others)

    def began(self, stage: Stage, registry: str, digest: str) -> Ended:
        """Tell all; those who were told first learn of its end last."""
        endings = [each.began(stage, registry, digest) for each in self._others]

        def ended(outcome: str) -> None:
            for ending in reversed(endings):
                ending(outcome)

        return ended


UNWATCHED = AllStages()


async def watched(ended: Ended, work: Awaitable[T], outcome: Callable[[T], str] = lambda _: FOUND) -> T:
    """What the work brings, or raises; whoever watches is told of either."""
    try:
        result = await work
    except NotFoundOutError as error:
        ended(error.code.value)
        raise
    except asyncio.CancelledError:
        ended(CANCELLED)
        raise
    except BaseException:
        ended(FAILED)
        raise
    ended(outcome(result))
    return result
