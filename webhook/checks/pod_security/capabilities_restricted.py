"""`capabilities_restricted`, restricted from v1.22 on: containers drop all capabilities, and add one at most.

Names are compared exactly: `all` drops nothing here, although runtimes would take it.

From v1.25 on pods with `os.name: windows` need not. Kubernetes lets them add any there and leaves it to the API to
refuse them; where no API server looked on, what baseline asks for still holds.
"""

from collections.abc import Iterator

from webhook.checks.pod_security import capabilities_baseline
from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.checks.shown import listed, some
from webhook.codes import Code
from webhook.pods import Container, Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_CAPABILITIES_RESTRICTED, "restricted", "unrestricted capabilities")

ALL = "ALL"
ADDABLE = "NET_BIND_SERVICE"


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each container that does not drop all, and one for each that adds another."""
    for container in pod.containers:
        capabilities = container.security.capabilities
        drop = None if capabilities is None else capabilities.drop
        if drop is None or ALL not in drop:
            yield _kept(container, drop)
        if capabilities is not None and capabilities.add:
            refused = [name for name in capabilities.add if name != ADDABLE]
            if refused:
                yield _added(container, refused, keep=len(refused) < len(capabilities.add))


def check_1_25(pod: Pod) -> Iterator[Violation]:
    """The same, but for Windows."""
    return capabilities_baseline.check(pod) if pod.windows else check(pod)


def _kept(container: Container, drop: tuple[str, ...] | None) -> Violation:
    path = f"{container.path}.securityContext.capabilities.drop"
    found = f"capabilities.drop is {'not set' if drop is None else some(drop)}"
    return TOPIC.finding(path, container.name, found, f"{ALL} in it", f"set {path}: [{ALL}]")


def _added(container: Container, refused: list[str], *, keep: bool) -> Violation:
    path = f"{container.path}.securityContext.capabilities.add"
    found = f"capabilities.add names {some(refused)}"
    return TOPIC.finding(
        path, container.name, found, f"none but {ADDABLE}", f"set {path}: {listed([ADDABLE] if keep else [])}"
    )


_OVERRIDDEN = (capabilities_baseline.STANDARD.id,)

STANDARD = Standard(
    "capabilities_restricted",
    TOPIC,
    (Revision(22, check, _OVERRIDDEN), Revision(25, check_1_25, _OVERRIDDEN)),
)
