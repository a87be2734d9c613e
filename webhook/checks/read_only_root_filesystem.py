"""`readOnlyRootFilesystem`: containers cannot write to the file system that their image brings.

The field exists for containers alone, never for the pod, and absent means false. Ephemeral containers are exempt from
this check and no other: images made for debugging write to their root, and nobody can add one without being judged by
the other checks. The API refuses the field in pods with `os.name: windows`, so those are not judged.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.pods import Container, ContainerKind, Pod
from webhook.verdict import Violation


def asked(rules: ContainerRules) -> bool:
    """Whether root filesystems must be read-only."""
    return rules.read_only_root_filesystem


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each container that can write to its root."""
    if not rules.read_only_root_filesystem or pod.windows:
        return
    for container in pod.containers:
        if not container.security.read_only_root_filesystem and container.kind is not ContainerKind.EPHEMERAL:
            yield _writable(container)


def _writable(container: Container) -> Violation:
    path = f"{container.path}.securityContext.readOnlyRootFilesystem"
    found = "not set" if container.security.read_only_root_filesystem is None else "false"
    return Violation(
        code=Code.READ_ONLY_ROOT_FILESYSTEM,
        path=path,
        container=container.name,
        message=f"readOnlyRootFilesystem is {found}, expected true",
        fix=f"set {path}: true",
    )
