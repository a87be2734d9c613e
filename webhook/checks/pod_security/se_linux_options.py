"""`seLinuxOptions`, baseline: SELinux confines containers by a type made for them; user and role are the runtime's.

`level` is free: it sets containers apart from each other, and not from the node.
"""

from collections.abc import Iterator
from functools import partial

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.checks.shown import name
from webhook.codes import Code
from webhook.objects import SELinuxOptions
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_SE_LINUX_OPTIONS, "baseline", "seLinuxOptions")

TYPES = ("container_t", "container_init_t", "container_kvm_t")
TYPES_1_31 = (*TYPES, "container_engine_t")


def check(pod: Pod, types: tuple[str, ...]) -> Iterator[Violation]:
    """One finding for each field, of the pod or of a container, where these types are allowed."""
    if not pod.containers:
        return
    options = pod.security.se_linux_options
    if options is not None:
        yield from _judged(options, types, pod.path, "")
    for container in pod.containers:
        options = container.security.se_linux_options
        if options is not None:
            yield from _judged(options, types, container.path, container.name)


def _judged(options: SELinuxOptions, types: tuple[str, ...], owner: str, container: str) -> Iterator[Violation]:
    path = f"{owner}.securityContext.seLinuxOptions"
    if options.type and options.type not in types:
        yield _other(path, "type", options.type, f"none or one of {', '.join(types)}", container)
    if options.user:
        yield _other(path, "user", options.user, "none", container)
    if options.role:
        yield _other(path, "role", options.role, "none", container)


def _other(owner: str, field: str, value: str, expected: str, container: str) -> Violation:
    path = f"{owner}.{field}"
    return TOPIC.finding(path, container, f"seLinuxOptions.{field} is {name(value)}", expected, f"remove {path}")


STANDARD = Standard(
    "seLinuxOptions",
    TOPIC,
    (Revision(0, partial(check, types=TYPES)), Revision(31, partial(check, types=TYPES_1_31))),
)
