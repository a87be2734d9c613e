"""`procMount`, baseline: runtimes mask what of `/proc` shows or changes the node.

From v1.35 on, whoever has a user namespace of the pod's own (`hostUsers: false`) may unmask it.
"""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.checks.shown import name
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_PROC_MOUNT, "baseline", "procMount")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each container with another mount than the default."""
    return unmasked(pod, TOPIC)


def check_1_35(pod: Pod) -> Iterator[Violation]:
    """The same, where the users of the pod are those of the node."""
    return iter(()) if pod.spec.host_users is False else unmasked(pod, TOPIC)


def unmasked(pod: Pod, topic: Topic) -> Iterator[Violation]:
    """The same, under either level."""
    for container in pod.containers:
        mount = container.security.proc_mount
        if mount is not None and mount != "Default":
            path = f"{container.path}.securityContext.procMount"
            found = f"procMount is {name(mount)}"
            yield topic.finding(path, container.name, found, "Default", f"set {path}: Default")


STANDARD = Standard("procMount", TOPIC, (Revision(0, check), Revision(35, check_1_35)))
