"""What a scan found so far, by subject; equal findings of different pods are kept once."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

from webhook.audit.results import Audited, Subject
from webhook.verdict import ImageResult, Verdict, Violation

MAX_FINDINGS = 200
"""Of one subject; as many more are counted as there are."""

MAX_IMAGES = 200
"""Of one subject, whose pods may be of many revisions."""

MAX_KEPT = 100_000
"""Findings and images that are shared by what equals them."""

T = TypeVar("T", bound=Hashable)
FindingKey = tuple[str, str, str, str]
Gravity = tuple[bool, bool, bool, int]


class Shared:
    """Gives for each value the first one that equals it: thousands of pods have the same findings."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Hashable] = {}

    def of(self, value: T) -> T:
        """The first one that equals it."""
        if len(self._kept) >= MAX_KEPT:
            return value
        kept = self._kept.setdefault(value, value)
        return kept if isinstance(kept, type(value)) else value


class Gathered:
    """One subject."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._pods = 0
        self._open = 0
        self._findings: dict[FindingKey, Violation] = {}
        self._would_deny: dict[FindingKey, Violation] = {}
        self._exempted: dict[FindingKey, Violation] = {}
        self._left_out: set[FindingKey] = set()
        self._policies: dict[str, None] = {}
        self._images: dict[ImageResult, None] = {}

    def count(self) -> None:
        """One more pod."""
        self._pods += 1

    def begin(self) -> None:
        """One of its pods is to be judged."""
        self._open += 1

    @property
    def open(self) -> bool:
        """Whether a pod of it is still to be judged."""
        return self._open > 0

    def take(self, verdict: Verdict, shared: Shared) -> None:
        """What was decided about one of its pods."""
        self._open -= 1
        self._add(self._would_deny, verdict.would_deny, shared)
        self._add(self._findings, verdict.violations, shared)
        self._add(self._exempted, verdict.exempted, shared)
        self._policies.update(dict.fromkeys(verdict.policies))
        for image in verdict.images:
            if len(self._images) < MAX_IMAGES:
                self._images[shared.of(image)] = None

    def _add(self, kept: dict[FindingKey, Violation], found: Iterable[Violation], shared: Shared) -> None:
        """The gravest are kept where there are too many, whichever pod they come from."""
        full = False
        for finding in sorted(found, key=self._gravity, reverse=True):
            key = _key(finding)
            if key in kept:
                continue
            full = full or (len(kept) >= MAX_FINDINGS and not self._make_room(kept, finding))
            if full:
                self._leave_out(key)
            else:
                kept[key] = shared.of(finding)

    def _make_room(self, kept: dict[FindingKey, Violation], finding: Violation) -> bool:
        """Leave out the least grave one for a graver one, if it is."""
        least = min(kept.values(), key=self._gravity)
        if self._gravity(least) >= self._gravity(finding):
            return False
        del kept[_key(least)]
        self._leave_out(_key(least))
        return True

    def _leave_out(self, key: FindingKey) -> None:
        if len(self._left_out) < MAX_KEPT:
            self._left_out.add(key)

    def _gravity(self, finding: Violation) -> Gravity:
        """By what becomes of the subject: denied, or would be, for certain; the rest by mode."""
        return finding.denies, _key(finding) in self._would_deny, not finding.inconclusive, finding.mode.rank

    def audited(self) -> Audited:
        """All of it."""
        return Audited(
            subject=self._subject,
            pods=self._pods,
            findings=tuple(self._findings.values()),
            would_deny=tuple(self._would_deny.values()),
            exempted=tuple(self._exempted.values()),
            left_out=len(self._left_out),
            policies=tuple(sorted(self._policies)),
            images=tuple(self._images),
        )


def _key(finding: Violation) -> FindingKey:
    return finding.code.value, finding.path, finding.policy, finding.message
