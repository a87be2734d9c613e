"""`requiredProbes`: kubelet can tell whether a container has started, lives, and is ready.

Containers and sidecars have probes; the API refuses them in other init containers and in ephemeral ones. Pods that are
to come to an end (`restartPolicy: OnFailure` or `Never`) are not judged. What a probe asks is not looked at.
"""

from collections.abc import Callable, Iterator, Mapping

from webhook.checks.rules import ContainerRules, Probe
from webhook.codes import Code
from webhook.objects import ContainerSpec, Handler
from webhook.pods import Container, ContainerKind, Pod
from webhook.verdict import Violation

_READ: Mapping[Probe, Callable[[ContainerSpec], Handler | None]] = {
    "liveness": lambda spec: spec.liveness_probe,
    "readiness": lambda spec: spec.readiness_probe,
    "startup": lambda spec: spec.startup_probe,
}
_HAVE_PROBES = (ContainerKind.REGULAR, ContainerKind.SIDECAR)
_COME_TO_AN_END = ("OnFailure", "Never")


def asked(rules: ContainerRules) -> bool:
    """Whether there are probes that containers must have."""
    return bool(rules.required_probes)


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each probe that a container lacks."""
    if not rules.required_probes or pod.spec.restart_policy in _COME_TO_AN_END:
        return
    for container in pod.containers:
        if container.kind in _HAVE_PROBES:
            for probe in rules.required_probes:
                if _READ[probe](container.spec) is None:
                    yield _missing(container, probe)


def _missing(container: Container, probe: Probe) -> Violation:
    path = f"{container.path}.{probe}Probe"
    return Violation(
        code=Code.PROBE_MISSING,
        path=path,
        container=container.name,
        message=f"{probe}Probe is not set, expected one",
        fix=f"set {path}: {{httpGet: {{path: /healthz, port: 8080}}}} (or what else answers)",
    )
