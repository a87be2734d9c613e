"""The policies in force, as one immutable value: a decision takes it once and sees nothing change while it decides."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache

from webhook.checks import Check
from webhook.checks.rules import ContainerRules
from webhook.policy.content import content_hash
from webhook.policy.exemptions import Exemption
from webhook.policy.matching import Match
from webhook.policy.rules import ImageRules
from webhook.policy.trust_roots import TrustRootSource
from webhook.verdict import Mode

REMEMBERED_NAMESPACES = 4096
"""Selections that are kept: a cluster has 10,000 namespaces at most, few of which create pods at a time."""

_GENERATION_DIGITS = 16
_EVERYTHING = Match()
_NO_RULES = ContainerRules()


class OnError(StrEnum):
    """What a policy does when something could not be found out, though a later try may well find it."""

    DENY = "Deny"
    WARN = "Warn"
    ALLOW = "Allow"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One policy, compiled. `content` is a hash of all that it says, defaults and keys included."""

    name: str
    mode: Mode = Mode.ENFORCE
    on_error: OnError = OnError.DENY
    match: Match = _EVERYTHING
    images: ImageRules | None = None
    checks: tuple[Check, ...] = ()
    rules: ContainerRules = _NO_RULES
    exemptions: tuple[Exemption, ...] = ()
    content: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """The policies that speak about a namespace, by name in the order of their names.

    `undecided` would, or would not, by the namespace's labels, which are not known. `names` are those of both.
    `decides` says that an Enforce or a Warn policy matches: an undecided Enforce policy denies anyway. An
    undecided Warn policy does not count, or a failed lookup would admit what an answer denies.
    """

    policies: tuple[Policy, ...] = ()
    undecided: tuple[Policy, ...] = ()
    names: tuple[str, ...] = field(init=False)
    decides: bool = field(init=False)

    def __post_init__(self) -> None:
        considered = (*self.policies, *self.undecided)
        object.__setattr__(self, "names", tuple(policy.name for policy in considered))
        enforcing = any(policy.mode is Mode.ENFORCE for policy in considered)
        warning = any(policy.mode is Mode.WARN for policy in self.policies)
        object.__setattr__(self, "decides", enforcing or warning)


@dataclass(frozen=True)
class Book:
    """A set of policies with distinct names, kept in the order of their names, and the trust roots beside them."""

    policies: tuple[Policy, ...]
    trust_roots: Mapping[str, TrustRootSource] = field(default_factory=dict)
    _named: Callable[[str], Selection] = field(init=False, repr=False, compare=False)
    _labelled: Callable[[str, frozenset[tuple[str, str]]], Selection] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", tuple(sorted(self.policies, key=lambda policy: policy.name)))
        object.__setattr__(self, "_named", lru_cache(REMEMBERED_NAMESPACES)(self._select_by_name))
        object.__setattr__(self, "_labelled", lru_cache(REMEMBERED_NAMESPACES)(self._select_by_labels))

    @cached_property
    def generation(self) -> str:
        """Which content this is: it changes exactly when something that a policy or a trust root says does."""
        content = [policy.content for policy in self.policies], self.trust_roots
        return content_hash(content)[:_GENERATION_DIGITS]

    @cached_property
    def needs_labels(self) -> bool:
        """Whether any policy selects namespaces by label."""
        return any(policy.match.selector is not None for policy in self.policies)

    @cached_property
    def literal_registries(self) -> frozenset[str]:
        """The registries `host[:port]` that policies name without a wildcard."""
        return frozenset[str]().union(*(policy.images.registries for policy in self.policies if policy.images))

    @cached_property
    def needed_trust_roots(self) -> frozenset[str]:
        """The names of the trust roots without which some authority cannot vouch."""
        entries = (entry for policy in self.policies if policy.images for entry in policy.images.all_entries)
        return frozenset(name for entry in entries for name in entry.trust_roots)

    def select(self, namespace: str, labels: Mapping[str, str] | None) -> Selection:
        """The policies that speak about pods of a namespace; `labels` are the namespace's, None where not known.

        Selections are remembered, so that their cost does not grow with the number of policies.
        """
        selection = self._named(namespace)
        if labels is None or not selection.undecided:
            return selection
        return self._labelled(namespace, frozenset(labels.items()))

    def _select_by_name(self, namespace: str) -> Selection:
        named = [policy for policy in self.policies if policy.match.names(namespace)]
        return Selection(
            policies=tuple(policy for policy in named if policy.match.selector is None),
            undecided=tuple(policy for policy in named if policy.match.selector is not None),
        )

    def _select_by_labels(self, namespace: str, labels: frozenset[tuple[str, str]]) -> Selection:
        named, known = self._named(namespace), dict(labels)
        selected = (policy for policy in named.undecided if policy.match.selects(known))
        return Selection(tuple(sorted((*named.policies, *selected), key=lambda policy: policy.name)))
