"""The part of a decision that may wait: digests of tags, outcomes of verify entries, each asked for once, together."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import TypeVar

import msgspec

from webhook.admission.verification import Verification
from webhook.errors import NotFoundOutError
from webhook.images import ImageReference, PinnedImage
from webhook.pods import ImageUse
from webhook.policy.book import Policy
from webhook.policy.rules import ImageJudgement, VerifyEntry
from webhook.signatures.verify import Outcome
from webhook.verdict import Mode

AUDIT_WAIT_SECONDS = 1.0
"""How long a request waits for what only Audit policies want to know."""

T = TypeVar("T")


class Inquiry(msgspec.Struct, frozen=True):
    """One image of the pod under one policy that has rules about images."""

    use: ImageUse
    image: ImageReference
    policy: Policy
    judgement: ImageJudgement


class Answers(msgspec.Struct, frozen=True):
    """What was found out, or why not: by image its digest, by entry and digest its outcome."""

    digests: dict[ImageReference, PinnedImage | NotFoundOutError]
    outcomes: dict[tuple[str, PinnedImage], Outcome | NotFoundOutError]


async def look_up(verification: Verification, inquiries: Sequence[Inquiry], wait: float, cap: Mode) -> Answers:
    """Everything that the inquiries need, within `wait` seconds; what is known already costs no I/O and no wait."""
    deadline = asyncio.get_running_loop().time() + wait
    digests: dict[ImageReference, PinnedImage | NotFoundOutError] = {}
    unknown: dict[ImageReference, Mode] = {}
    for inquiry in inquiries:
        known = verification.known_digest(inquiry.image)
        if known is not None:
            digests[inquiry.image] = known
        elif inquiry.judgement.resolve:
            unknown[inquiry.image] = _stronger(unknown.get(inquiry.image), inquiry.policy.mode.capped(cap))
    if unknown:
        waits = (_remaining(deadline, mode) for mode in unknown.values())
        resolved = await _gather(verification.digest(image, left) for image, left in zip(unknown, waits, strict=True))
        digests.update(zip(unknown, resolved, strict=True))
    return Answers(digests, await _outcomes(verification, inquiries, digests, deadline, cap))


async def _outcomes(
    verification: Verification,
    inquiries: Sequence[Inquiry],
    digests: dict[ImageReference, PinnedImage | NotFoundOutError],
    deadline: float,
    cap: Mode,
) -> dict[tuple[str, PinnedImage], Outcome | NotFoundOutError]:
    outcomes: dict[tuple[str, PinnedImage], Outcome | NotFoundOutError] = {}
    unknown: dict[tuple[str, PinnedImage], tuple[VerifyEntry, Mode]] = {}
    for inquiry in inquiries:
        pinned = digests.get(inquiry.image)
        if not isinstance(pinned, PinnedImage):
            continue
        for entry in inquiry.judgement.entries:
            key = (entry.key, pinned)
            known = verification.known_outcome(entry, pinned)
            if known is not None:
                outcomes[key] = known
            else:
                before = unknown[key][1] if key in unknown else None
                unknown[key] = (entry, _stronger(before, inquiry.policy.mode.capped(cap)))
    if unknown:
        answers = await _gather(
            verification.outcome(entry, pinned, _remaining(deadline, mode))
            for (_, pinned), (entry, mode) in unknown.items()
        )
        outcomes.update(zip(unknown, answers, strict=True))
    return outcomes


async def _gather(questions: Iterable[Awaitable[T]]) -> list[T | NotFoundOutError]:
    return await asyncio.gather(*(_answer(question) for question in questions))


async def _answer(question: Awaitable[T]) -> T | NotFoundOutError:
    try:
        return await question
    except NotFoundOutError as error:
        return error


def _remaining(deadline: float, mode: Mode) -> float:
    left = deadline - asyncio.get_running_loop().time()
    return min(left, AUDIT_WAIT_SECONDS) if mode is Mode.AUDIT else left


def _stronger(one: Mode | None, other: Mode) -> Mode:
    return other if one is None or other.rank > one.rank else one
