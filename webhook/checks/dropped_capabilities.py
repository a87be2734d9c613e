"""`dropCapabilities`: each container drops what the policy names.

Names are compared exactly, as Pod Security compares them, although container runtimes fold case and would take `all`.
`ALL` in the container's `drop` covers every name; where the policy itself says `ALL`, nothing less will do. Container
runtimes give a privileged container every capability, whatever it drops (containerd's CRI plugin does so after it has
dropped them), so `privileged: true` is a finding of its own. What `add` gives back is the business of
`allowed_capabilities`.

Windows has no capabilities and the API refuses the fields there, so pods with `os.name: windows` are not judged.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.checks.shown import listed, some
from webhook.codes import Code
from webhook.pods import Container, Pod
from webhook.verdict import Violation

ALL = "ALL"


def asked(rules: ContainerRules) -> bool:
    """Whether there are capabilities that must be dropped."""
    return bool(rules.drop_capabilities)


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """A finding for each privileged container, and one for each whose `drop` lacks a name."""
    if not rules.drop_capabilities or pod.windows:
        return
    for container in pod.containers:
        security = container.security
        if security.privileged:
            yield _privileged(container)
        capabilities = security.capabilities
        drop = None if capabilities is None else capabilities.drop
        if drop is None or ALL not in drop:
            dropped = frozenset(drop or ())
            missing = [name for name in rules.drop_capabilities if name not in dropped]
            if missing:
                yield _kept(container, drop, missing, rules)


def _privileged(container: Container) -> Violation:
    path = f"{container.path}.securityContext.privileged"
    return Violation(
        code=Code.CAPABILITIES_NOT_DROPPED,
        path=path,
        container=container.name,
        message="privileged is true, which keeps every capability, expected false",
        fix=f"set {path}: false",
    )


def _kept(container: Container, drop: tuple[str, ...] | None, missing: list[str], rules: ContainerRules) -> Violation:
    path = f"{container.path}.securityContext.capabilities.drop"
    found = "not set" if drop is None else some(drop)
    return Violation(
        code=Code.CAPABILITIES_NOT_DROPPED,
        path=path,
        container=container.name,
        message=f"capabilities.drop is {found}, expected {listed(missing)} in it",
        fix=f"set {path}: {listed(rules.drop_capabilities)}",
    )
