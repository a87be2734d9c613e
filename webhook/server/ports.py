"""What the server needs from outside."""

from collections.abc import Callable
from typing import Protocol

from webhook.admission.review import Answer


class Reviews(Protocol):
    """Who answers AdmissionReviews."""

    async def review(self, body: bytes, timeout: float | None) -> Answer:  # noqa: ASYNC109 - it answers in time itself
        """The answer to a review, within `timeout` seconds. Raises `ReviewError` where there is no review in it."""
        ...


Readiness = Callable[[], str | None]
"""None when reviews can be answered, else the reason why they cannot, in one line."""
