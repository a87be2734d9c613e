"""What an audit needs from outside."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from webhook.pods import Pod


class Workload(Protocol):
    """A pod that runs, and the topmost controller that is known of it, or itself where it has none.

    `pod` is None where it cannot be decoded. `static` says that a node runs it from a file of its own, whatever anybody
    says of it.
    """

    @property
    def api_version(self) -> str:
        """Of the controller, as documents write it."""
        ...

    @property
    def kind(self) -> str:
        """Of the controller."""
        ...

    @property
    def namespace(self) -> str:
        """Of both."""
        ...

    @property
    def name(self) -> str:
        """Of the controller."""
        ...

    @property
    def uid(self) -> str:
        """Of the controller."""
        ...

    @property
    def pod(self) -> Pod | None:
        """What is to be judged."""
        ...

    @property
    def static(self) -> bool:
        """Whether it shows a static pod."""
        ...


class Workloads(Protocol):
    """Who knows what runs in the cluster."""

    @property
    def notes(self) -> Sequence[str]:
        """What could not be found out of the last list, beside pods, in plain sentences."""
        ...

    def pages(self) -> AsyncIterator[Sequence[Workload]]:
        """All pods that have not ended, some at a time. Raises a `TidewaiterError` where they are not known."""
        ...
