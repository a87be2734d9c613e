"""`windowsHostProcess`, baseline: no container is a process of its Windows node."""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_WINDOWS_HOST_PROCESS, "baseline", "hostProcess")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each `hostProcess: true`, the pod's or a container's."""
    if not pod.containers:
        return
    options = pod.security.windows_options
    if options is not None and options.host_process:
        yield _of_the_node(pod.path, "")
    for container in pod.containers:
        options = container.security.windows_options
        if options is not None and options.host_process:
            yield _of_the_node(container.path, container.name)


def _of_the_node(owner: str, container: str) -> Violation:
    path = f"{owner}.securityContext.windowsOptions.hostProcess"
    return TOPIC.finding(path, container, "windowsOptions.hostProcess is true", "false", f"set {path}: false")


STANDARD = Standard("windowsHostProcess", TOPIC, (Revision(0, check),))
