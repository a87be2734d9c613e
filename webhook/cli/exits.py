"""Exit codes, a contract with scripts and CI jobs."""

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """What a command ends with."""

    ADMITTED = 0
    DENIED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    INTERRUPTED = 130
    """As shells say it for SIGINT; click's own 1 would read as "denied"."""


_PRECEDENCE = (Exit.USAGE, Exit.DENIED, Exit.INCONCLUSIVE, Exit.ADMITTED)


def worst(outcomes: Iterable[Exit]) -> Exit:
    """Of several outcomes 2 beats 1 beats 3 beats 0."""
    return min(outcomes, key=_PRECEDENCE.index, default=Exit.ADMITTED)
