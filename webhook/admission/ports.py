"""What a decision needs from outside, as ports that adapters fill; each belongs to the decision, not to its adapter."""

from collections.abc import Mapping
from typing import Protocol

from webhook.images import Digest, ImageReference, PinnedImage
from webhook.policy.book import Book
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Evidence
from webhook.signatures.trust import TrustRoot


class Registry(Protocol):
    """The registries that images lie in."""

    async def resolve(self, image: ImageReference) -> PinnedImage:
        """The digest that the tag names now. Raises `NotFoundOutError`."""
        ...

    async def evidence(self, image: PinnedImage, *, attestations: bool) -> Evidence:
        """All signatures that lie beside the image, and all attestations too where they are asked for.

        A place that cannot be looked at is part of the answer, not an exception.
        """
        ...

    async def contents(self, image: PinnedImage) -> Contents:
        """What the image is made of, on every platform. Raises `NotFoundOutError`."""
        ...

    async def listed(self, image: ImageReference) -> tuple[PinnedImage, frozenset[Digest]]:
        """What the tag names now, and the digests that it lists, none unless it is an index.

        Raises `NotFoundOutError`.
        """
        ...


class Policies(Protocol):
    """Where policies come from."""

    def current(self) -> Book:
        """The set of policies that is in force: one immutable snapshot for one decision."""
        ...


class TrustRoots(Protocol):
    """Where trust roots come from."""

    def current(self, name: str) -> TrustRoot | None:
        """The trust root of that name; None where there is none, or its time is over."""
        ...


class Namespaces(Protocol):
    """Where the labels of namespaces come from."""

    async def labels(self, namespace: str, wait: float) -> Mapping[str, str] | None:
        """The labels of a namespace; None where they are not known, or not within `wait` seconds."""
        ...
