"""`runAsNonRoot`: no container may run as root, and kubelet has to be told so.

The rules are those of Pod Security's restricted level (k8s.io/pod-security-admission: runAsNonRoot, runAsUser) before
v1.35: `hostUsers: false` relaxes nothing here.

- The pod or the container says `runAsNonRoot: true`; the container's own value wins.
- Nothing says false: not the pod either, even where every container overrides it.
- Nothing says `runAsUser: 0`, even where it is overridden. Any other UID is left to the API's own validation, and the
  group and file system IDs are not judged.

Pods for Windows are judged alike: there `runAsNonRoot: true` keeps kubelet from starting ContainerAdministrator, and
`runAsUser`, which the API refuses and kubelet ignores, has no use that an exception would serve.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation


def asked(rules: ContainerRules) -> bool:
    """Whether containers must not run as root."""
    return rules.run_as_non_root


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each field that lets root in; the pod's own fields count where a container is judged."""
    if not rules.run_as_non_root or not pod.containers:
        return
    inherited = pod.security.run_as_non_root
    if inherited is False:
        yield _may_be_root(pod.path, "", "is false")
    if pod.security.run_as_user == 0:
        yield _is_root(pod.path, "")
    for container in pod.containers:
        security = container.security
        own = security.run_as_non_root
        if own is False:
            yield _may_be_root(container.path, container.name, "is false")
        elif own is None and inherited is None:
            yield _may_be_root(container.path, container.name, "is set neither here nor for the pod")
        if security.run_as_user == 0:
            yield _is_root(container.path, container.name)


def _may_be_root(owner: str, container: str, found: str) -> Violation:
    path = f"{owner}.securityContext.runAsNonRoot"
    return Violation(
        code=Code.RUN_AS_NON_ROOT,
        path=path,
        container=container,
        message=f"runAsNonRoot {found}, expected true",
        fix=f"set {path}: true",
    )


def _is_root(owner: str, container: str) -> Violation:
    path = f"{owner}.securityContext.runAsUser"
    return Violation(
        code=Code.RUN_AS_NON_ROOT,
        path=path,
        container=container,
        message="runAsUser is 0, expected any other UID",
        fix=f"set {path}: 1000 (or any UID but 0), or leave it out",
    )
