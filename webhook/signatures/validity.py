"""Spans of time in which a key or an authority of a trust root counts."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end`, both included; `end` None is no end. Times know their zone.

    Source: `validFor` in Sigstore's protobuf-specs, `sigstore_common.proto`, TimeRange: the end is inclusive.
    """

    start: datetime
    end: datetime | None = None

    def holds(self, time: datetime) -> bool:
        """Whether `time` lies in it."""
        return self.start <= time and (self.end is None or time <= self.end)

    def __str__(self) -> str:
        """As messages name it."""
        return f"from {moment(self.start)}" if self.end is None else f"{moment(self.start)} to {moment(self.end)}"


def moment(time: datetime) -> str:
    """A time as messages name it: RFC 3339, UTC, to the second."""
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
