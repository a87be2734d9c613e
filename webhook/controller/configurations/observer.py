"""What is told about the webhook configurations, for metrics."""

from enum import StrEnum
from typing import Protocol

from webhook.controller.configurations.drift import Field


class Failure(StrEnum):
    """What could not be done."""

    WANTED = "wanted"
    READ = "read"
    MEND = "mend"
    EVENT = "event"
    INTERNAL = "internal"


class Observer(Protocol):
    """Told what was found; a configuration is called `KIND/NAME`."""

    def drifted(self, configuration: str, fields: frozenset[Field]) -> None:
        """What differs as of this look, empty where all is as rendered."""
        ...

    def gone(self, configuration: str, is_gone: bool) -> None:  # noqa: FBT001 - a gauge's value
        """Whether it is not there."""
        ...

    def mended(self, configuration: str) -> None:
        """It is as it was rendered again, by us."""
        ...

    def failed(self, reason: Failure) -> None:
        """Something could not be done at this look."""
        ...
