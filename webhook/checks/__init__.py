"""What a pod's own fields must say: one module for each check, each listed here once.

A check is a pure function from a pod and the rules of a policy to violations. Every module of this package is one, but
for two: `rules` has the settings that checks read, `capability_names` how messages write such names.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from webhook.checks import allowed_capabilities, dropped_capabilities, read_only_root_filesystem, run_as_non_root
from webhook.checks.rules import ContainerRules
from webhook.pods import Pod
from webhook.verdict import Violation

Check = Callable[[Pod, ContainerRules], Iterator[Violation]]
"""Yields what breaks the rules: whole findings but for the policy and its mode."""


class CheckModule(Protocol):
    """What each module of a check defines."""

    def asked(self, rules: ContainerRules, /) -> bool:
        """Whether the rules want this check at all; where they do not, it finds nothing."""
        ...

    def check(self, pod: Pod, rules: ContainerRules, /) -> Iterator[Violation]:
        """The check itself."""
        ...


CHECKS: tuple[CheckModule, ...] = (
    run_as_non_root,
    dropped_capabilities,
    allowed_capabilities,
    read_only_root_filesystem,
)
"""All checks, in the order in which their findings are told."""


def enabled(rules: ContainerRules) -> tuple[Check, ...]:
    """The checks that these rules ask for; evaluated once, when a policy is compiled."""
    return tuple(module.check for module in CHECKS if module.asked(rules))
