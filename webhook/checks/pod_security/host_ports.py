"""`hostPorts`, baseline: no container takes a port of its node; 0 is none."""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Container, Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_HOST_PORTS, "baseline", "hostPort")
PORTS = range(1, 65536)


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each port."""
    for container in pod.containers:
        if container.spec.ports:
            yield from _taken(container)


def _taken(container: Container) -> Iterator[Violation]:
    for index, port in enumerate(container.spec.ports or ()):
        if port.host_port:
            path = f"{container.path}.ports[{index}].hostPort"
            found = f"hostPort is {port.host_port if port.host_port in PORTS else 'out of range'}"
            yield TOPIC.finding(path, container.name, found, "none or 0", f"remove {path}")


STANDARD = Standard("hostPorts", TOPIC, (Revision(0, check),))
