"""The paths at which reviews are answered."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from webhook.admission.review import Answer
from webhook.server import undecided
from webhook.server.ports import Reviews
from webhook.verdict import Violation

VALIDATE = "/validate"
PIN = "/pin"
IMAGE_POLICY = "/image-policy"
GUARD = "/guard"


class Undecided(Protocol):
    """Makes an answer where `Reviews` made none; `found` says why not, and by its mode whether the request passes."""

    def __call__(self, body: bytes, found: Violation, *, audit: bool) -> Answer:
        """The answer. Raises `ReviewError` where there is no review in the body."""
        ...


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Who answers at a path, and what is answered where that fails.

    `harmless`: what the answer lets pass is judged by somebody else, so that a failure may let it pass too.
    """

    reviews: Reviews
    undecided: Undecided = undecided.of_admission
    harmless: bool = False


Routes = Mapping[str, Route]
"""By path, as requests name it: without a query."""
