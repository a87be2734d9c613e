"""`runAsUser`, restricted from v1.23 on: nothing says UID 0, not the pod either where every container says another.

From v1.35 on a pod with a user namespace of its own (`hostUsers: false`) may be root in it.
"""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_RUN_AS_USER, "restricted", "runAsUser=0")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each 0, the pod's or a container's."""
    if not pod.containers:
        return
    if pod.security.run_as_user == 0:
        yield _root(pod.path, "")
    for container in pod.containers:
        if container.security.run_as_user == 0:
            yield _root(container.path, container.name)


def check_1_35(pod: Pod) -> Iterator[Violation]:
    """The same, where the users of the pod are those of the node."""
    return iter(()) if pod.spec.host_users is False else check(pod)


def _root(owner: str, container: str) -> Violation:
    path = f"{owner}.securityContext.runAsUser"
    fix = f"set {path}: 1000 (or any UID but 0), or leave it out"
    return TOPIC.finding(path, container, "runAsUser is 0", "any other UID", fix)


STANDARD = Standard("runAsUser", TOPIC, (Revision(23, check), Revision(35, check_1_35)))
