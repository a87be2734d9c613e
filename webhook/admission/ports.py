"""What a decision needs from outside, as ports that adapters fill; each belongs to the decision, not to its adapter."""

from collections.abc import Mapping
from typing import Protocol

from webhook.images import ImageReference, PinnedImage
from webhook.policy.book import Book
from webhook.signatures.evidence import Evidence


class Registry(Protocol):
    """The registries that images lie in."""

    async def resolve(self, image: ImageReference) -> PinnedImage:
        """The digest that the tag names now. Raises `NotFoundOutError`."""
        ...

    async def evidence(self, image: PinnedImage) -> Evidence:
        """All that lies beside the image. A place that cannot be looked at is part of the answer, not an exception."""
        ...


class Policies(Protocol):
    """Where policies come from."""

    def current(self) -> Book:
        """The set of policies that is in force: one immutable snapshot for one decision."""
        ...


class Namespaces(Protocol):
    """Where the labels of namespaces come from."""

    async def labels(self, namespace: str, wait: float) -> Mapping[str, str] | None:
        """The labels of a namespace; None where they are not known, or not within `wait` seconds."""
        ...
