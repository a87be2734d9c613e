"""`hostProbesAndHostLifecycle`, baseline from v1.34 on: kubelet probes and calls the container, and no other host.

A `host` makes kubelet send requests from the node to wherever the pod's author likes. HTTP's `Host` header is free.
"""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.checks.shown import name
from webhook.codes import Code
from webhook.objects import ContainerSpec, Handler
from webhook.pods import Container, Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_HOST_PROBES_AND_HOST_LIFECYCLE, "baseline", "probe or lifecycle host")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each `host`."""
    for container in pod.containers:
        spec = container.spec
        if spec.liveness_probe or spec.readiness_probe or spec.startup_probe or spec.lifecycle:
            for field, handler in _handlers(spec):
                if handler is not None:
                    yield from _hosts(container, field, handler)


def _handlers(spec: ContainerSpec) -> Iterator[tuple[str, Handler | None]]:
    yield "livenessProbe", spec.liveness_probe
    yield "readinessProbe", spec.readiness_probe
    yield "startupProbe", spec.startup_probe
    if spec.lifecycle is not None:
        yield "lifecycle.postStart", spec.lifecycle.post_start
        yield "lifecycle.preStop", spec.lifecycle.pre_stop


def _hosts(container: Container, field: str, handler: Handler) -> Iterator[Violation]:
    for action, called in (("httpGet", handler.http_get), ("tcpSocket", handler.tcp_socket)):
        if called is not None and called.host:
            path = f"{container.path}.{field}.{action}.host"
            found = f"{field}.{action}.host is {name(called.host)}"
            yield TOPIC.finding(path, container.name, found, "none", f"remove {path}")


STANDARD = Standard("hostProbesAndHostLifecycle", TOPIC, (Revision(34, check),))
