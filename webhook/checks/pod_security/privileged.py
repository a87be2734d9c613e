"""`privileged`, baseline: no container is privileged."""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_PRIVILEGED, "baseline", "privileged")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each privileged container."""
    for container in pod.containers:
        if container.security.privileged:
            path = f"{container.path}.securityContext.privileged"
            yield TOPIC.finding(path, container.name, "privileged is true", "false", f"set {path}: false")


STANDARD = Standard("privileged", TOPIC, (Revision(0, check),))
