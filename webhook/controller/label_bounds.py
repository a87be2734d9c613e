"""A ceiling on the values of a label that are not ours alone to choose."""

OTHER = "other"
"""In place of those beyond."""


class Bound:
    """Lets so many values through, the first ones, and `OTHER` for all beyond."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def of(self, value: str) -> str:
        """The value as a label."""
        if value in self._seen or len(self._seen) < self._limit:
            self._seen.add(value)
            return value
        return OTHER
