"""`runAsNonRoot`, restricted: every container says that it is not root, or the pod does; nothing says that it is.

From v1.35 on a pod with a user namespace of its own (`hostUsers: false`) may be root in it.
"""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_RUN_AS_NON_ROOT, "restricted", "runAsNonRoot != true")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each field that says false, and for each container for which nothing is said."""
    if not pod.containers:
        return
    inherited = pod.security.run_as_non_root
    if inherited is False:
        yield _may_be_root(pod.path, "", "is false")
    for container in pod.containers:
        own = container.security.run_as_non_root
        if own is False:
            yield _may_be_root(container.path, container.name, "is false")
        elif own is None and inherited is None:
            yield _may_be_root(container.path, container.name, "is set neither here nor for the pod")


def check_1_35(pod: Pod) -> Iterator[Violation]:
    """The same, where the users of the pod are those of the node."""
    return iter(()) if pod.spec.host_users is False else check(pod)


def _may_be_root(owner: str, container: str, found: str) -> Violation:
    path = f"{owner}.securityContext.runAsNonRoot"
    return TOPIC.finding(path, container, f"runAsNonRoot {found}", "true", f"set {path}: true")


STANDARD = Standard("runAsNonRoot", TOPIC, (Revision(0, check), Revision(35, check_1_35)))
