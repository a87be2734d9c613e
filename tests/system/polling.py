"""Waiting for what another process does: asked again and again until a deadline, never for a fixed time."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

_POLL_SECONDS: Final = 0.1

T = TypeVar("T")


def eventually(probe: Callable[[], T], seconds: float = 20) -> T:
    """The first result of `probe` that is true, such as a list that is not empty.

    Raises:
        AssertionError: it was none for `seconds`; the message holds the last one.
    """
    deadline = time.monotonic() + seconds
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found!r} after {seconds} s")
        time.sleep(_POLL_SECONDS)
    return found
