"""What to mend first: which single mend brings the most pods forward.

What was found of an image is mended at the image, whatever policies want it; anything else by what one policy wants.
"""

from collections.abc import Iterable, Sequence

import msgspec

from webhook.audit.results import Audited
from webhook.codes import Code
from webhook.verdict import Violation

MAX_MENDS = 100
"""Nobody begins with more."""

MAX_NAMESPACES = 5


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """Subjects, and the pods that they have."""

    subjects: int = 0
    pods: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(subjects=self.subjects + other.subjects, pods=self.pods + other.pods)

    def __sub__(self, other: "Count") -> "Count":
        return Count(subjects=self.subjects - other.subjects, pods=self.pods - other.pods)


NONE = Count()


class Mend(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to mend, of an `image` or for a `policy`; neither is given where no policy speaks at all.

    `fix` and `message` are those of one finding that it clears, and `example` is whose that is. `counts` are the
    subjects of which it clears something, `frees` those of them that nothing else denies then. `denies` says that pods
    are denied for it today. `namespaces` are the first few of them.
    """

    code: Code
    image: str = ""
    policy: str = ""
    fix: str = ""
    message: str = ""
    example: str = ""
    counts: Count = NONE
    frees: Count = NONE
    namespaces: tuple[str, ...] = ()
    denies: bool = False


Key = tuple[Code, str, str]
"""A code, and the image or the policy."""


def first_to_mend(audited: Iterable[Audited]) -> tuple[Mend, ...]:
    """What to mend first, the best first.

    A pod that needs several mends counts to each of them in part: it may run when the last one is done.
    """
    gathered: dict[Key, _Gathered] = {}
    for one in audited:
        needed = _needed(one)
        for key, finding in needed.items():
            gathered.setdefault(key, _Gathered(finding, one.subject.title)).take(one, finding, len(needed))
    mends = sorted(gathered.items(), key=lambda item: (-item[1].share, item[0]))
    return tuple(each.mend(key) for key, each in mends[:MAX_MENDS])


def refusing(audited: Audited) -> Sequence[Violation]:
    """The findings by which a subject is denied, or would be."""
    return [*(finding for finding in audited.findings if finding.denies), *audited.would_deny]


def _needed(audited: Audited) -> dict[Key, Violation]:
    """The mends that a subject needs, each with one finding that it clears."""
    needed: dict[Key, Violation] = {}
    for finding in refusing(audited):
        needed.setdefault((finding.code, finding.image, "" if finding.image else finding.policy), finding)
    return needed


class _Gathered:
    """A mend that is being counted."""

    def __init__(self, finding: Violation, example: str) -> None:
        self.share = 0.0
        self._finding = finding
        self._example = example
        self._counts = self._frees = NONE
        self._namespaces: set[str] = set()
        self._denies = False

    def take(self, audited: Audited, finding: Violation, needed: int) -> None:
        """Count a subject that needs this, and so many mends in all."""
        count = Count(subjects=1, pods=audited.pods)
        self.share += audited.pods / needed
        self._counts += count
        self._frees += count if needed == 1 else NONE
        self._namespaces.add(audited.subject.namespace)
        self._denies |= finding.denies

    def mend(self, key: Key) -> Mend:
        """What was counted."""
        code, image, policy = key
        return Mend(
            code=code,
            image=image,
            policy=policy,
            fix=self._finding.fix,
            message=self._finding.message,
            example=self._example,
            counts=self._counts,
            frees=self._frees,
            namespaces=tuple(sorted(self._namespaces)[:MAX_NAMESPACES]),
            denies=self._denies,
        )
