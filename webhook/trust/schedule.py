"""When a trust root is fetched again."""

from typing import Final

INTERVAL_SECONDS: Final = 3600.0
FIRST_RETRY_SECONDS: Final = 10.0
LONGEST_WITHOUT_SECONDS: Final = 300.0
"""Between attempts while there is no root that can be used: what needs it is denied meanwhile."""


def after_success(life: float) -> float:
    """Seconds until the next attempt, for a root that is vouched for `life` seconds more: early enough for another."""
    return min(INTERVAL_SECONDS, max(life / 2, FIRST_RETRY_SECONDS))


def after_failure(failures: int, *, usable: bool) -> float:
    """Seconds until the next attempt after so many failures in a row; `usable` says whether a root holds meanwhile."""
    longest = INTERVAL_SECONDS if usable else LONGEST_WITHOUT_SECONDS
    return min(FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 16), longest)
