"""`allowPrivilegeEscalation`, restricted from v1.8 on: every container gives up privileges that a program could gain.

From v1.25 on pods with `os.name: windows` are not judged: the API refuses the field there.
"""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Container, Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_ALLOW_PRIVILEGE_ESCALATION, "restricted", "allowPrivilegeEscalation != false")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each container that does not say false."""
    for container in pod.containers:
        if container.security.allow_privilege_escalation is not False:
            yield _allowed(container)


def check_1_25(pod: Pod) -> Iterator[Violation]:
    """The same, but for Windows."""
    return iter(()) if pod.windows else check(pod)


def _allowed(container: Container) -> Violation:
    path = f"{container.path}.securityContext.allowPrivilegeEscalation"
    found = "not set" if container.security.allow_privilege_escalation is None else "true"
    return TOPIC.finding(path, container.name, f"allowPrivilegeEscalation is {found}", "false", f"set {path}: false")


STANDARD = Standard("allowPrivilegeEscalation", TOPIC, (Revision(8, check), Revision(25, check_1_25)))
