"""The part of a decision that may wait: digests of tags, outcomes of verify entries, each asked for once, together."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import TypeVar

import msgspec

from webhook.admission.asker import NOBODY, Asker
from webhook.admission.one_pass import KnownImages
from webhook.admission.ports import Keyring, PullSecrets
from webhook.errors import InternalError, NotFoundOutError, TooManyVerificationsError
from webhook.images import ImageReference, PinnedImage
from webhook.pods import ImageUse, Pod
from webhook.policy.book import Policy
from webhook.policy.rules import ImageJudgement, VerifyEntry
from webhook.signatures.outcome import Outcome
from webhook.verdict import Mode

AUDIT_WAIT_SECONDS = 1.0
"""How long a request waits for what only Audit policies want to know."""

MAX_LOOKUPS = 64
"""New images that one request may have looked up, so that no pod takes a registry's time from everybody else. A pod
with more gets through by retries, since what was found out stays known."""

_log = logging.getLogger(__name__)

T = TypeVar("T")
EntryOf = tuple[str, PinnedImage, str | None]
"""The key of a verify entry, the image that it is asked about, and the tag whose index may vouch for it."""


class Inquiry(msgspec.Struct, frozen=True, gc=False):
    """One image of the pod, and what policies have to ask about it. `image` is None where the text cannot be read."""

    use: ImageUse
    image: ImageReference | None
    asked: Sequence[tuple[Policy, ImageJudgement]] = ()


def asked_of(entry: VerifyEntry, image: ImageReference, pinned: PinnedImage) -> EntryOf:
    """What an entry asks of an image. Its tag matters where the digest beside it may be one platform of an index."""
    tag = image.tag if entry.accept_index_signature and image.digest is not None else None
    return entry.key, pinned, tag


class Answers(msgspec.Struct, frozen=True):
    """What was found out, or why not: by image its digest, by entry and digest its outcome.

    `opened` are the images that were asked about with the pod's pull secrets.
    """

    digests: dict[ImageReference, PinnedImage | NotFoundOutError]
    outcomes: dict[EntryOf, Outcome | NotFoundOutError]
    opened: set[ImageReference]


Unlock = Callable[[float], Awaitable[Keyring | None]]
"""Gets the pod's pull secrets within some seconds, None where it has none. Raises `NotFoundOutError`."""


def unlocking(pull_secrets: PullSecrets | None, pod: Pod, namespace: str) -> Unlock | None:
    """What gets the pull secrets of a pod in a namespace, None where those of pods are not used."""
    if pull_secrets is None:
        return None
    return partial(pull_secrets.keyring, namespace, pod.pull_secrets, pod.service_account)


async def look_up(
    verification: KnownImages,
    inquiries: Sequence[Inquiry],
    deadline: float,
    cap: Mode,
    namespace: str = "",
    unlock: Unlock | None = None,
) -> Answers:
    """Everything that the inquiries need, by `deadline` in the event loop's time; what is known costs no I/O.

    The pod's pull secrets are got only if something is not known without them. A refusal is nothing that is known
    without them: what is hidden from us can look as if it were not there.
    """
    lookup = _Lookup(verification, cap, namespace, secretly=unlock is not None)
    for inquiry in inquiries:
        lookup.take(inquiry)
    if unlock is not None and lookup.unknown:
        await lookup.unlock(unlock, inquiries, deadline)
    if lookup.unknown:
        await lookup.find_out(inquiries, deadline)
    return lookup.answers


class _Lookup:
    """Sorts what is known from what is not. The strongest mode of those who ask says how long to wait.

    `secretly` is whether the pod's pull secrets may matter: what has to do with them is passed over where they do not.
    """

    def __init__(self, verification: KnownImages, cap: Mode, namespace: str, *, secretly: bool) -> None:
        self._verification = verification
        self._cap = cap
        self._namespace = namespace
        self._secretly = secretly
        self._asker = NOBODY
        self.answers = Answers({}, {}, set())
        self.tags: dict[ImageReference, Mode] = {}
        self.entries: dict[EntryOf, tuple[VerifyEntry, Mode]] = {}

    @property
    def unknown(self) -> bool:
        """Whether anything has to be asked."""
        return bool(self.tags or self.entries)

    def take(self, inquiry: Inquiry) -> None:
        """Note what is known for an inquiry, and what is not."""
        image = inquiry.image
        if image is None or not inquiry.asked:
            return
        digests = self.answers.digests
        pinned = digests.get(image) or (
            self._known_digest(image) if self._secretly else self._verification.known_digest(image)
        )
        if pinned is None:
            for policy, judgement in inquiry.asked:
                if judgement.resolve:
                    self.tags[image] = self._stronger(self.tags.get(image), policy)
            return
        digests[image] = pinned
        if isinstance(pinned, PinnedImage):
            self._take_entries(inquiry, image, pinned)

    def _take_entries(self, inquiry: Inquiry, image: ImageReference, pinned: PinnedImage) -> None:
        outcomes = self.answers.outcomes
        for policy, judgement in inquiry.asked:
            for entry in judgement.entries:
                key = asked_of(entry, image, pinned)
                known = outcomes.get(key) or (
                    self._known_outcome(entry, image, key)
                    if self._secretly
                    else self._verification.known_outcome(entry, pinned, key[2])
                )
                if known is not None:
                    outcomes[key] = known
                else:
                    before = self.entries[key][1] if key in self.entries else None
                    self.entries[key] = (entry, self._stronger(before, policy))

    def _known_digest(self, image: ImageReference) -> PinnedImage | None:
        if self._asker.scope((image,)):
            self.answers.opened.add(image)
        return self._verification.known_digest(image, self._asker)

    def _known_outcome(self, entry: VerifyEntry, image: ImageReference, key: EntryOf) -> Outcome | None:
        _, pinned, tag = key
        if self._verification.scope(entry, pinned, self._asker):
            self.answers.opened.add(image)
        known = self._verification.known_outcome(entry, pinned, tag, self._asker)
        return known if known is not None and known.verified else None

    async def unlock(self, unlock: Unlock, inquiries: Sequence[Inquiry], deadline: float) -> None:
        """Go on with the pod's pull secrets. Where they cannot be had, nothing is asked without them."""
        tags, entries = self.tags, self.entries
        modes = [*tags.values(), *(mode for _, mode in entries.values())]
        until = _deadlines(deadline)[max(modes, key=lambda mode: mode.rank)]
        keyring = await _answer(unlock(_until(until)))
        self.tags, self.entries = {}, {}
        if isinstance(keyring, NotFoundOutError):
            self.answers.digests.update(dict.fromkeys(tags, keyring))
            self.answers.outcomes.update(dict.fromkeys(entries, keyring))
            self.answers.opened.update(each.image for each in inquiries if each.image is not None)
            return
        self._asker = Asker(self._namespace, keyring)
        for inquiry in inquiries:
            self.take(inquiry)

    async def find_out(self, inquiries: Sequence[Inquiry], deadline: float) -> None:
        """Ask for what is not known, unless too many requests wait already: then nothing is asked."""
        try:
            with self._verification.waiting.place(self._namespace):
                await self._ask(inquiries, deadline)
        except TooManyVerificationsError as error:
            self.answers.digests.update(dict.fromkeys(self.tags, error))
            self.answers.outcomes.update(dict.fromkeys(self.entries, error))

    async def _ask(self, inquiries: Sequence[Inquiry], deadline: float) -> None:
        """First for digests, then for the outcomes that need them."""
        deadlines = _deadlines(deadline)
        asker = Asker(self._namespace, self._asker.keyring)
        if self.tags:
            tags = dict(islice(self.tags.items(), MAX_LOOKUPS))
            digests = await _gather(
                self._verification.digest(image, _until(deadlines[mode]), asker) for image, mode in tags.items()
            )
            self.answers.digests.update(zip(tags, digests, strict=True))
            for image in islice(self.tags, MAX_LOOKUPS, None):
                self.answers.digests[image] = _too_many()
            for inquiry in inquiries:
                if inquiry.image in self.tags:
                    self.take(inquiry)
        images = set(islice(dict.fromkeys(pinned for _, pinned, _ in self.entries), MAX_LOOKUPS))
        within = {key: asked for key, asked in self.entries.items() if key[1] in images}
        outcomes = await _gather(
            self._verification.outcome(entry, pinned, tag, _until(deadlines[mode]), asker)
            for (_, pinned, tag), (entry, mode) in within.items()
        )
        self.answers.outcomes.update(zip(within, outcomes, strict=True))
        for key in self.entries.keys() - within.keys():
            self.answers.outcomes[key] = _too_many()

    def _stronger(self, before: Mode | None, policy: Policy) -> Mode:
        mode = policy.mode.capped(self._cap)
        return mode if before is None or mode.rank > before.rank else before


def _deadlines(deadline: float) -> dict[Mode, float]:
    audit = min(deadline, asyncio.get_running_loop().time() + AUDIT_WAIT_SECONDS)
    return {Mode.AUDIT: audit, Mode.WARN: deadline, Mode.ENFORCE: deadline}


async def _gather(questions: Iterable[Awaitable[T]]) -> list[T | NotFoundOutError]:
    return await asyncio.gather(*(_answer(question) for question in questions))


async def _answer(question: Awaitable[T]) -> T | NotFoundOutError:
    """What a question brings. A failure that nobody foresaw is about one image; each policy's mode decides on it."""
    try:
        return await question
    except NotFoundOutError as error:
        return error
    except Exception:  # noqa: BLE001 - whatever failed, the image was not verified
        _log.exception("an image could not be looked up")
        return InternalError("tidewaiter failed; its log has the reason")


def _too_many() -> TooManyVerificationsError:
    return TooManyVerificationsError(f"more than {MAX_LOOKUPS} new images in one request")


def _until(deadline: float) -> float:
    return deadline - asyncio.get_running_loop().time()
