"""A scan counted: in all, by policy, by namespace, by image, by code, and what to mend first.

Pods are counted by subject: all those of one whose pods were found something of.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from webhook.audit.mending import NONE, Count, Mend, first_to_mend
from webhook.audit.results import Audited, Scan
from webhook.codes import MEANINGS, Code
from webhook.verdict import ImageResult, Mode, Violation

__all__ = ["ByCode", "ByImage", "ByPolicy", "Count", "Counts", "Group", "Mend", "Summary", "summarize"]

G = TypeVar("G", bound="Group")

MAX_IMAGES = 1_000
"""Images that are told. A large cluster has more, of which these are the worst."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a group of subjects.

    Of `all` of them some are `denied`, some others are not, but `would_be_denied` did their policies enforce, and of
    some it is `undecided`: they are denied, or would be, only because something could not be found out.
    """

    all: Count = NONE
    denied: Count = NONE
    would_be_denied: Count = NONE
    undecided: Count = NONE

    @property
    def clear(self) -> Count:
        """Those that may run."""
        return self.all - self.denied - self.would_be_denied - self.undecided


class ByCode(msgspec.Struct, frozen=True, kw_only=True):
    """Subjects of which one thing was found."""

    code: Code
    counts: Counts

    @property
    def meaning(self) -> str:
        """The code in a sentence."""
        return MEANINGS[self.code]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Subjects that have something in common; of `codes` the one that most pods have comes first."""

    name: str
    counts: Counts
    codes: tuple[ByCode, ...] = ()


class ByPolicy(Group, frozen=True, kw_only=True):
    """What a policy judged; `name` is empty for what no policy found. `mode` is the strongest of its findings."""

    mode: Mode | None = None


class ByImage(Group, frozen=True, kw_only=True):
    """What runs an image; `name` is its reference, with its digest where that is known."""

    verified: bool = False
    signers: tuple[str, ...] = ()


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A scan in numbers. `first` is what to mend first, the best first; `images` are the worst ones."""

    counts: Counts
    policies: tuple[ByPolicy, ...] = ()
    namespaces: tuple[Group, ...] = ()
    images: tuple[ByImage, ...] = ()
    codes: tuple[ByCode, ...] = ()
    first: tuple[Mend, ...] = ()
    exempted: Count = NONE
    images_total: int = 0
    images_verified: int = 0

    @property
    def says_nothing(self) -> bool:
        """Whether there are pods, and no policy judged any: that they may run says nothing."""
        return bool(self.counts.all.pods) and not any(each.name for each in self.policies)


def summarize(scan: Scan) -> Summary:
    """The scan in numbers."""
    everything = _Tally()
    policies: dict[str, _Tally] = {}
    namespaces: dict[str, _Tally] = {}
    images: dict[str, _ImageTally] = {}
    exempted = NONE
    for audited in scan.audited:
        everything.take(audited, audited.findings)
        namespaces.setdefault(audited.subject.namespace, _Tally()).take(audited, audited.findings)
        for policy, findings in _by_policy(audited).items():
            policies.setdefault(policy, _Tally()).take(audited, findings)
        for name, (image, findings) in _by_image(audited).items():
            images.setdefault(name, _ImageTally(image)).take(audited, findings)
        if audited.exempted:
            exempted += Count(subjects=1, pods=audited.pods)
    return Summary(
        counts=everything.counts,
        policies=_worst_first(
            ByPolicy(name=name, counts=one.counts, codes=one.codes, mode=one.mode) for name, one in policies.items()
        ),
        namespaces=_worst_first(
            Group(name=name, counts=one.counts, codes=one.codes) for name, one in namespaces.items()
        ),
        images=_worst_first(map(_image, images.items()))[:MAX_IMAGES],
        codes=everything.codes,
        first=first_to_mend(scan.audited),
        exempted=exempted,
        images_total=len(images),
        images_verified=sum(one.image.verified for one in images.values()),
    )


class _Tally:
    """Counts subjects by what was found of them."""

    def __init__(self) -> None:
        self._subjects: Counter[str] = Counter()
        self._pods: Counter[str] = Counter()
        self._codes: dict[Code, _Tally] = {}
        self.mode: Mode | None = None

    def take(self, audited: Audited, findings: Iterable[Violation]) -> None:
        """Count a subject, of which these findings matter here."""
        found = list(findings)
        self.count(_standing(audited, found), audited.pods)
        by_code: dict[Code, list[Violation]] = {}
        for finding in found:
            by_code.setdefault(finding.code, []).append(finding)
            if self.mode is None or finding.mode.rank > self.mode.rank:
                self.mode = finding.mode
        for code, those in by_code.items():
            self._codes.setdefault(code, _Tally()).count(_standing(audited, those), audited.pods)

    def count(self, standing: str, pods: int) -> None:
        """Count a subject with so many pods."""
        for one in ("all", standing):
            self._subjects[one] += 1
            self._pods[one] += pods

    @property
    def counts(self) -> Counts:
        """What was counted."""
        count = {name: Count(subjects=number, pods=self._pods[name]) for name, number in self._subjects.items()}
        return Counts(**{name: one for name, one in count.items() if name in Counts.__struct_fields__})

    @property
    def codes(self) -> tuple[ByCode, ...]:
        """The same by code, what most pods have first."""
        found = [ByCode(code=code, counts=one.counts) for code, one in self._codes.items()]
        return tuple(sorted(found, key=lambda each: (-each.counts.all.pods, each.code.value)))


class _ImageTally(_Tally):
    """Counts subjects that run one image."""

    def __init__(self, image: ImageResult) -> None:
        super().__init__()
        self.image = image


def _standing(audited: Audited, findings: Iterable[Violation]) -> str:
    """Which of `Counts` a subject counts to by some of its findings."""
    would_deny = set(audited.would_deny)
    denying, recorded = [], []
    for finding in findings:
        if finding.denies:
            denying.append(finding)
        elif finding in would_deny:
            recorded.append(finding)
    refusing = denying or recorded
    if not refusing:
        return "clear"
    if all(finding.inconclusive for finding in refusing):
        return "undecided"
    return "denied" if denying else "would_be_denied"


def _by_policy(audited: Audited) -> Mapping[str, list[Violation]]:
    found: dict[str, list[Violation]] = {policy: [] for policy in audited.policies}
    for finding in audited.findings:
        found.setdefault(finding.policy, []).append(finding)
    return found


def _by_image(audited: Audited) -> Mapping[str, tuple[ImageResult, list[Violation]]]:
    """The images of a subject with what was found of them, which is told by the place that names them."""
    by_place: dict[str, list[Violation]] = {}
    for finding in audited.findings:
        by_place.setdefault(finding.path, []).append(finding)
    found: dict[str, tuple[ImageResult, list[Violation]]] = {}
    for image in audited.images:
        findings = [each for each in by_place.get(image.path, ()) if _is_of(image, each)]
        found.setdefault(name_of(image), (image, []))[1].extend(findings)
    return found


def _is_of(image: ImageResult, finding: Violation) -> bool:
    """Whether a finding at the image's place is of it: subjects may have pods with other images there."""
    name = finding.image.partition("@")[0]
    return not name or name == image.reference or image.reference.startswith((f"{name}:", f"{name}@"))


def name_of(image: ImageResult) -> str:
    """The image as it is told: by the digest too, where that is known."""
    if image.digest is None or "@" in image.reference:
        return image.reference
    return f"{image.reference}@{image.digest}"


def _image(item: tuple[str, _ImageTally]) -> ByImage:
    name, one = item
    image = one.image
    return ByImage(name=name, counts=one.counts, codes=one.codes, verified=image.verified, signers=image.signers)


def _worst_first(groups: Iterable[G]) -> tuple[G, ...]:
    return tuple(sorted(groups, key=_rank))


def _rank(group: Group) -> tuple[int, int, int, str]:
    counts = group.counts
    return -counts.denied.pods, -counts.would_be_denied.pods, -counts.undecided.pods, group.name
