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
    RegistryUnavailableError,
    TooManyVerificationsError,
    VerificationTimedOutError,
)
from webhook.images import ImageReference, PinnedImage
from webhook.policy.rules import VerifyEntry
from webhook.signatures.outcome import Outcome

MAX_REMEMBERED = 200_000
"""Answers of one pass and kind; what comes after is asked for as often as it is needed."""

MAX_SILENT = 4
"""Repositories of a registry that gave no usable answer, and nobody else any since then, after which the registry is
asked no more in this pass: each question may have taken ten seconds, and others wait."""

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

    A registry that says it is asked too often is not asked again before `forget_limits`, and one that is down not at
    all, once that has shown in several repositories: of what it is asked about nothing would be found out either way.
    `most` answers of a kind are remembered.
    """

    def __init__(self, images: KnownImages, most: int = MAX_REMEMBERED) -> None:
        self._images = images
        self._most = most
        self._digests: dict[_TagKey, PinnedImage | NotFoundOutError] = {}
        self._outcomes: dict[_OutcomeKey, Outcome | NotFoundOutError] = {}
        self._limited: set[str] = set()
        self._silent: dict[str, set[str]] = {}

    @property
    def waiting(self) -> Places:
        """The requests that wait for answers, those of everybody."""
        return self._images.waiting

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
            self._heed(image.registry)
            try:
                known = await self._images.digest(image, wait, asker)
            except NotFoundOutError as error:
                self._failed(error, image)
                known = error
            else:
                self._hear(image)
            if len(self._digests) < self._most:
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
            self._heed(image.registry)
            try:
                known = await self._images.outcome(entry, image, tag, wait, asker)
            except NotFoundOutError as error:
                self._failed(error, image)
                known = error
            else:
                self._hear(image, known.code)
                if known.code is Code.REGISTRY_RATE_LIMITED:
                    return known
            if len(self._outcomes) < self._most:
                self._outcomes[key] = known
        return _answered(known)

    def scope(self, entry: VerifyEntry, image: PinnedImage, asker: Asker) -> str:
        """The asker's own credentials that an outcome comes by, "" where there are none."""
        return self._images.scope(entry, image, asker)

    def _key(self, entry: VerifyEntry, image: PinnedImage, tag: str | None, asker: Asker) -> _OutcomeKey:
        return entry.key, image, tag, self.scope(entry, image, asker)

    def _heed(self, registry: str) -> None:
        """Raises the error of a registry that is left alone."""
        if registry in self._limited:
            raise RegistryRateLimitedError(f"{registry} answered that it was asked too often (429), and is left alone")
        if len(self._silent.get(registry, ())) >= MAX_SILENT:
            raise RegistryUnavailableError(f"{MAX_SILENT} repositories of {registry} failed, which is left alone")

    def _hear(self, image: ImageReference | PinnedImage, code: Code | None = None) -> None:
        """Note what an answer, or that there was none, says of the registry."""
        if code is Code.REGISTRY_RATE_LIMITED:
            self._limited.add(image.registry)
        if code is Code.REGISTRY_UNAVAILABLE:
            self._silent.setdefault(image.registry, set()).add(image.repository)
        else:
            self._silent.pop(image.registry, None)

    def _failed(self, error: NotFoundOutError, image: ImageReference | PinnedImage) -> None:
        """Note a failure. Raises it where it is none to be remembered."""
        if not isinstance(error, VerificationTimedOutError | TooManyVerificationsError):
            self._hear(image, error.code)
        if isinstance(error, _PASSING):
            raise error


def _answered(known: Answer | NotFoundOutError) -> Answer:
    if isinstance(known, NotFoundOutError):
        raise known.with_traceback(None)
    return known
