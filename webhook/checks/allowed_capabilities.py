"""`allowAddedCapabilities`: containers add no capability that the policy does not name.

An allow-list compared exactly, as Pod Security does: a list of what is denied would be passed by `sys_admin`, which
container runtimes turn to upper case. `ALL` in `add` is a name like any other. Added capabilities count however many
were dropped: containerd applies `drop: [ALL]` first and `add` after it. What `privileged` gives is the business of
`dropped_capabilities`.

Windows has no capabilities and the API refuses the fields there, so pods with `os.name: windows` are not judged.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.checks.shown import listed, some
from webhook.codes import Code
from webhook.pods import Container, Pod
from webhook.verdict import Violation


def asked(rules: ContainerRules) -> bool:
    """Whether added capabilities are judged; an empty list judges them, and allows none."""
    return rules.allow_added_capabilities is not None


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each container that adds what is not allowed."""
    allowed = rules.allow_added_capabilities
    if allowed is None or pod.windows:
        return
    for container in pod.containers:
        capabilities = container.security.capabilities
        if capabilities is not None and capabilities.add:
            known = frozenset(allowed)
            refused = [name for name in capabilities.add if name not in known]
            if refused:
                yield _added(container, capabilities.add, refused, allowed)


def _added(container: Container, added: tuple[str, ...], refused: list[str], allowed: tuple[str, ...]) -> Violation:
    path = f"{container.path}.securityContext.capabilities.add"
    expected = f"none but {listed(allowed)}" if allowed else "none"
    present = frozenset(added)
    kept = [name for name in allowed if name in present]
    return Violation(
        code=Code.CAPABILITY_NOT_ALLOWED,
        path=path,
        container=container.name,
        message=f"capabilities.add names {some(refused)}, expected {expected}",
        fix=f"set {path}: {listed(kept)}",
    )
