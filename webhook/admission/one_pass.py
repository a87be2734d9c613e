"""What is known about images, asked for once in a pass over many pods.

A review must see soon what was signed or mended meanwhile, so that a refusal is kept for seconds and a failure not at
all. A pass over a whole cluster meets the same image in thousands of pods, and one answer has to do for all of them.
"""

from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from webhook.admission.asker import NOBODY, Asker
from webhook.codes import Code
from webhook.errors import (
    NotFoundOutError,
    RegistryRateLimitedError,
    TooManyVerificationsError,
    VerificationTimedOutError,
)
from webhook.images import ImageReference, PinnedImage
from webhook.policy.rules import VerifyEntry
from webhook.signatures.outcome import Outcome

MAX_REMEMBERED = 200_000
"""Answers of one pass; what comes after is asked for as often as it is needed."""

_PASSING = (VerificationTimedOutError, TooManyVerificationsError, RegistryRateLimitedError)
"""What the next question may find otherwise: the work goes on, or there is room again."""


Answer = TypeVar("Answer")


class Places(Protocol):
    """How many requests may wait."""

    def place(self, namespace: str) -> AbstractContextManager[None]:
        """A place for one request of a namespace. Raises `TooManyVerificationsError` at once where there is none."""
        ...


class KnownImages(Protocol):
    """Who knows images: `webhook.admission.verification.Verification`."""

    @property
    def waiting(self) -> Places:
        """The requests that wait for answers."""
        ...

    def known_digest(self, image: ImageReference, asker: Asker = NOBODY) -> PinnedImage | None:
        """The image by digest, if that is known without asking anybody."""
        ...

    async def digest(self, image: ImageReference, wait: float, asker: Asker = NOBODY) -> PinnedImage:
        """The image by the digest that its tag names. Raises `NotFoundOutError`."""
        ...

    def known_outcome(
        self, entry: VerifyEntry, image: PinnedImage, tag: str | None, asker: Asker = NOBODY
    ) -> Outcome | None:
        """The outcome, if it is known without asking anybody."""
        ...

    async def outcome(
        self, entry: VerifyEntry, image: PinnedImage, tag: str | None, wait: float, asker: Asker = NOBODY
    ) -> Outcome:
        """Whether the entry is satisfied for the image, or for the index of the tag. Raises `NotFoundOutError`."""
        ...

    def scope(self, entry: VerifyEntry, image: PinnedImage, asker: Asker) -> str:
        """The asker's own credentials that an outcome comes by, "" where there are none."""
        ...


_TagKey = tuple[ImageReference, str]
_OutcomeKey = tuple[str, PinnedImage, str | None, str]


class RememberingImages:
    """Fills `KnownImages` for one pass: each answer is had once, refusals and failures too.

    A registry that says it is asked too often is not asked again before `forget_limits`.
    """

    def __init__(self, images: KnownImages) -> None:
        self._images = images
        self._digests: dict[_TagKey, PinnedImage | NotFoundOutError] = {}
        self._outcomes: dict[_OutcomeKey, Outcome | NotFoundOutError] = {}
        self._limited: set[str] = set()

    @property
    def waiting(self) -> Places:
        """The requests that wait for answers, those of everybody."""
        return self._images.waiting

    @property
    def limited(self) -> frozenset[str]:
        """The registries that said they are asked too often."""
        return frozenset(self._limited)

    def forget_limits(self) -> None:
        """Ask those registries again from now on."""
        self._limited.clear()

    def known_digest(self, image: ImageReference, asker: Asker = NOBODY) -> PinnedImage | None:
        """The image by digest, if that is known without asking anybody."""
        known = self._digests.get((image, asker.scope((image,))))
        return known if isinstance(known, PinnedImage) else self._images.known_digest(image, asker)

    async def digest(self, image: ImageReference, wait: float, asker: Asker = NOBODY) -> PinnedImage:
        """The image by the digest that its tag named in this pass. Raises `NotFoundOutError`."""
        key = (image, asker.scope((image,)))
        known = self._digests.get(key)
        if known is None:
            self._heed_limit(image.registry)
            try:
                known = await self._images.digest(image, wait, asker)
            except NotFoundOutError as error:
                self._failed(error, image.registry)
                known = error
            if len(self._digests) < MAX_REMEMBERED:
                self._digests[key] = known
        return _answered(known)

    def known_outcome(
        self, entry: VerifyEntry, image: PinnedImage, tag: str | None, asker: Asker = NOBODY
    ) -> Outcome | None:
        """The outcome, if it is known without asking anybody."""
        known = self._outcomes.get(self._key(entry, image, tag, asker))
        return known if isinstance(known, Outcome) else self._images.known_outcome(entry, image, tag, asker)

    async def outcome(
        self, entry: VerifyEntry, image: PinnedImage, tag: str | None, wait: float, asker: Asker = NOBODY
    ) -> Outcome:
        """Whether the entry is satisfied for the image, or for the index of the tag. Raises `NotFoundOutError`."""
        key = self._key(entry, image, tag, asker)
        known = self._outcomes.get(key)
        if known is None:
            self._heed_limit(image.registry)
            try:
                known = await self._images.outcome(entry, image, tag, wait, asker)
            except NotFoundOutError as error:
                self._failed(error, image.registry)
                known = error
            else:
                if known.code is Code.REGISTRY_RATE_LIMITED:
                    self._limited.add(image.registry)
                    return known
            if len(self._outcomes) < MAX_REMEMBERED:
                self._outcomes[key] = known
        return _answered(known)

    def scope(self, entry: VerifyEntry, image: PinnedImage, asker: Asker) -> str:
        """The asker's own credentials that an outcome comes by, "" where there are none."""
        return self._images.scope(entry, image, asker)

    def _key(self, entry: VerifyEntry, image: PinnedImage, tag: str | None, asker: Asker) -> _OutcomeKey:
        return entry.key, image, tag, self.scope(entry, image, asker)

    def _heed_limit(self, registry: str) -> None:
        if registry in self._limited:
            raise RegistryRateLimitedError(f"{registry} answered that it was asked too often (429), and is left alone")

    def _failed(self, error: NotFoundOutError, registry: str) -> None:
        """Note what a failure says of the registry. Raises it where it is none to be remembered."""
        if isinstance(error, RegistryRateLimitedError):
            self._limited.add(registry)
        if isinstance(error, _PASSING):
            raise error


def _answered(known: Answer | NotFoundOutError) -> Answer:
    if isinstance(known, NotFoundOutError):
        raise known.with_traceback(None)
    return known
