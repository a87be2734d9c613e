"""Which namespaces a policy speaks about: by name, and by label as Kubernetes selects (apimachinery `labels`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Operator(StrEnum):
    """Operators of a label selector."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Glob:
    """A name in which `*` stands for any number of characters. Takes linear time, whatever the name."""

    pieces: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Glob":
        """The glob that a text writes."""
        return cls(tuple(text.split("*")))

    def matches(self, text: str) -> bool:
        """Whether the whole text fits: both ends, and the pieces between in order, each at its first place."""
        first, *middle = self.pieces
        if not middle:
            return text == first
        last = middle.pop()
        if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
            return False
        at, end = len(first), len(text) - len(last)
        for piece in middle:
            at = text.find(piece, at, end)
            if at < 0:
                return False
            at += len(piece)
        return True


@dataclass(frozen=True, slots=True)
class LabelRequirement:
    """One demand on labels. NotIn holds where the label is absent, as in Kubernetes."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels fulfil it."""
        if self.operator is Operator.EXISTS:
            return self.key in labels
        if self.operator is Operator.DOES_NOT_EXIST:
            return self.key not in labels
        among = self.key in labels and labels[self.key] in self.values
        return among if self.operator is Operator.IN else not among


@dataclass(frozen=True, slots=True)
class Match:
    """Which pods a policy speaks about. Nothing given restricts nothing, so that doubt makes it speak about more."""

    include: tuple[Glob, ...] = ()
    exclude: frozenset[str] = frozenset()
    selector: tuple[LabelRequirement, ...] | None = None

    def names(self, namespace: str) -> bool:
        """Whether a namespace of this name is meant, as far as names go."""
        if namespace in self.exclude:
            return False
        return not self.include or any(glob.matches(namespace) for glob in self.include)

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether a namespace with these labels is meant, as far as labels go."""
        return all(requirement.holds(labels) for requirement in self.selector or ())
