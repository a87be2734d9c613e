"""What a decision needs from outside, as ports that adapters fill; each belongs to the decision, not to its adapter."""

from collections.abc import Mapping
from typing import Protocol

from webhook.images import Digest, ImageReference, PinnedImage
from webhook.objects import User
from webhook.policy.book import Book
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Evidence
from webhook.signatures.trust import TrustRoot


class Keyring(Protocol):
    """The pull secrets of one pod."""

    def scope(self, image: ImageReference | PinnedImage) -> str:
        """A fingerprint of the credentials that it holds for the image, "" where it holds none.

        It tells credentials apart without telling them: what one pod's secret opened is never another's to see.
        """
        ...


class Registry(Protocol):
    """The registries that images lie in. A keyring's credentials go before those that the program has itself."""

    async def resolve(self, image: ImageReference, keyring: Keyring | None = None) -> PinnedImage:
        """The digest that the tag names now. Raises `NotFoundOutError`."""
        ...

    async def evidence(self, image: PinnedImage, *, attestations: bool, keyring: Keyring | None = None) -> Evidence:
        """All signatures that lie beside the image, and all attestations too where they are asked for.

        A place that cannot be looked at is part of the answer, not an exception.
        """
        ...

    async def contents(self, image: PinnedImage, keyring: Keyring | None = None) -> Contents:
        """What the image is made of, on every platform. Raises `NotFoundOutError`."""
        ...

    async def listed(
        self, image: ImageReference, keyring: Keyring | None = None
    ) -> tuple[PinnedImage, frozenset[Digest]]:
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


class PullSecrets(Protocol):
    """Where the pull secrets of pods come from."""

    async def keyring(
        self, namespace: str, secrets: tuple[str, ...], service_account: str, wait: float
    ) -> Keyring | None:
        """The pull secrets of a pod, by the names in its spec; None where it has none.

        Without any names it is the service account's that count, of "default" where none is named. Raises
        `NotFoundOutError` where one cannot be read, or not within `wait` seconds.
        """
        ...


class Authorization(Protocol):
    """Who knows what users may do."""

    async def may_change_policies(self, user: User, wait: float) -> bool | None:
        """Whether the user may change policies; None where it is not known, or not within `wait` seconds."""
        ...
