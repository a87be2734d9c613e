"""How many requests may wait for registries, so that those about known images are always taken.

A server has only so many reviews under way (`webhook.server.settings.Limits`). One that waits for a registry which does
not answer holds its place for as long as the API server lets it; were they to hold all places, then images that need
nobody's answer would be turned away too.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from webhook.errors import TooManyVerificationsError

MAX_WAITING = 896
"""Of all namespaces: seven eighths of the reviews that a server takes from one address, such as the API server. What
is left is plenty for images that are known, whose reviews take less than a millisecond each."""

MAX_WAITING_OF_ONE = 597
"""Of one namespace: two thirds. Of a crowd of pods of one new image as many are judged at once as the API server has
requests in flight (600 by default, two thirds of which create nothing), and none of them should have to come again."""


class Waiting:
    """The count of requests that wait, by namespace. What they wait for goes on whether they may wait or not.

    A namespace may have twice as many of them as there are places left, so that however many namespaces fill theirs,
    the next one finds some.
    """

    def __init__(self, places: int = MAX_WAITING, of_one: int = MAX_WAITING_OF_ONE) -> None:
        self._free = places
        self._of_one = of_one
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, namespace: str) -> Iterator[None]:
        """A place for one request of a namespace. Raises `TooManyVerificationsError` at once where there is none."""
        held = self._held[namespace]
        if held >= min(self._of_one, 2 * self._free):
            raise TooManyVerificationsError(_reason(held))
        self._free -= 1
        self._held[namespace] += 1
        try:
            yield
        finally:
            self._free += 1
            self._held[namespace] -= 1
            if not self._held[namespace]:
                del self._held[namespace]


def _reason(held: int) -> str:
    who = f"{held} of this namespace" if held else "too many"
    return f"not looked up: {who} wait for registries already"
