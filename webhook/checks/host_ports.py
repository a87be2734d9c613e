"""`allowedHostPorts`: which ports of their node containers may take.

0 means none, as an absent one does. In a pod with `hostNetwork` the API fills in each `containerPort` as `hostPort`
(SetDefaults_Pod), so that those are judged too; a port that a container listens on without saying so is not seen here,
and neither is it in a template, where the API fills in nothing.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules, PortRange
from webhook.checks.shown import listed, some
from webhook.codes import Code
from webhook.pods import Container, Pod
from webhook.verdict import Violation


def asked(rules: ContainerRules) -> bool:
    """Whether ports are looked at."""
    return rules.allowed_host_ports is not None


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each container that takes other ports, at the first of them."""
    allowed = rules.allowed_host_ports
    if allowed is None:
        return
    for container in pod.containers:
        if container.spec.ports:
            refused = {
                index: port.host_port
                for index, port in enumerate(container.spec.ports)
                if port.host_port and not any(each.first <= port.host_port <= each.last for each in allowed)
            }
            if refused:
                yield _refused(container, refused, allowed)


def _refused(container: Container, refused: dict[int, int], allowed: tuple[PortRange, ...]) -> Violation:
    path = f"{container.path}.ports[{next(iter(refused))}].hostPort"
    ranges = [str(each) for each in allowed]
    only = ranges == [str(allowed[0].first)]
    return Violation(
        code=Code.HOST_PORT_NOT_ALLOWED,
        path=path,
        container=container.name,
        message=f"ports have the hostPort {some(map(str, refused.values()))}, expected none but {listed(ranges)}",
        fix=f"set {path}: {allowed[0].first}{'' if only else ' (or another that is allowed)'}, or leave it out",
    )
