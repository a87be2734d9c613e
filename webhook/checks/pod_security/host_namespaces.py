"""`hostNamespaces`, baseline: the pod shares neither network, processes nor IPC with its node.

`hostUsers` is another matter: no level asks for a user namespace of the pod's own.
"""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_HOST_NAMESPACES, "baseline", "host namespaces")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each namespace that is the node's."""
    if not pod.containers:
        return
    spec = pod.spec
    if spec.host_network:
        yield _shared(pod, "hostNetwork")
    if spec.host_pid:
        yield _shared(pod, "hostPID")
    if spec.host_ipc:
        yield _shared(pod, "hostIPC")


def _shared(pod: Pod, field: str) -> Violation:
    path = f"{pod.path}.{field}"
    return TOPIC.finding(path, "", f"{field} is true", "false", f"set {path}: false")


STANDARD = Standard("hostNamespaces", TOPIC, (Revision(0, check),))
