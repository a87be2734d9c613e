"""What a pod's own fields must say: one module for each check, each listed here once.

A check is a pure function from a pod and the rules of a policy to violations. Every module of this package is one, but
for two: `rules` has the settings that checks read, `shown` how messages write names. `pod_security` is a package.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from webhook.checks import (
    allowed_capabilities,
    csi_drivers,
    dropped_capabilities,
    host_ports,
    image_pull_policy,
    latest_tag,
    pod_classes,
    pod_security,
    read_only_root_filesystem,
    required_labels,
    required_limits,
    required_probes,
    run_as_non_root,
    service_account_token,
    volume_types,
)
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
    latest_tag,
    image_pull_policy,
    required_limits,
    required_probes,
    required_labels,
    service_account_token,
    volume_types,
    csi_drivers,
    host_ports,
    pod_classes,
    pod_security,
)
"""All checks, in the order in which their findings are told."""


def enabled(rules: ContainerRules) -> tuple[Check, ...]:
    """The checks that these rules ask for; evaluated once, when a policy is compiled."""
    return tuple(module.check for module in CHECKS if module.asked(rules))
