"""What the server needs from outside."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from aiohttp import web

from webhook.admission.review import Answer
from webhook.pods import Pod
from webhook.verdict import Verdict

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
"""Answers a request."""


class Reviews(Protocol):
    """Who answers reviews: AdmissionReviews, or those of another protocol."""

    async def review(self, body: bytes, timeout: float | None) -> Answer:  # noqa: ASYNC109 - it answers in time itself
        """The answer to a review, within `timeout` seconds. Raises `ReviewError` where there is no review in it."""
        ...


class Judge(Protocol):
    """Who judges pods."""

    async def decide(self, pod: Pod, namespace: str, wait: float) -> Verdict:
        """The verdict about a pod in a namespace, after `wait` seconds at most."""
        ...


class RunningPods(Protocol):
    """Who knows the pods that run in the cluster."""

    def pages(self) -> AsyncIterator[list[tuple[str, Pod]]]:
        """All of them, with their namespaces, some at a time. Raises a `TidewaiterError` where they are not known."""
        ...

    async def close(self) -> None:
        """Nothing more is asked."""
        ...


class Tracing(Protocol):
    """Who makes traces of reviews and of what is done for them."""

    def handler(self, handle: Handler, paths: frozenset[str]) -> Handler:
        """A handler that does the same, and tells of it."""
        ...


Readiness = Callable[[], str | None]
"""None when reviews can be answered, else the reason why they cannot, in one line."""
