"""Pods as checks see them, whatever kind of object they came from: every container knows its path.

Every review makes one of these, so the code that does is plain.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from webhook.objects import ContainerSpec, LocalObjectReference, PodSecurityContext, PodSpec, SecurityContext


class ContainerKind(StrEnum):
    """Which list a container stands in; a sidecar is an init container that restarts always."""

    REGULAR = "container"
    INIT = "init container"
    SIDECAR = "sidecar container"
    EPHEMERAL = "ephemeral container"


_NO_CONTEXT = SecurityContext()
_NO_POD_CONTEXT = PodSecurityContext()


class Container(msgspec.Struct, frozen=True, gc=False):
    """One container with its path in the object, such as `spec.initContainers[1]`."""

    name: str
    path: str
    kind: ContainerKind
    image: str
    security: SecurityContext


class ImageUse(msgspec.Struct, frozen=True, gc=False):
    """One place that names an image: a container's `image`, or an image volume's `reference` (`container` is empty)."""

    path: str
    container: str
    text: str


class Pod(msgspec.Struct, frozen=True, gc=False):
    """A pod as checks see it: what has to be judged, and the pod-level fields that containers inherit from.

    `pull_secrets` and `service_account` are names in the pod's namespace, by which kubelet may pull its images.
    """

    path: str
    security: PodSecurityContext
    windows: bool
    containers: tuple[Container, ...]
    images: tuple[ImageUse, ...]
    pull_secrets: tuple[str, ...] = ()
    service_account: str = ""

    def nothing(self) -> "Pod":
        """The pod with nothing left to judge: what an update leaves that changed nothing."""
        return replace(self, containers=(), images=())

    def since(self, old: "Pod") -> "Pod":
        """What an update changed of a pod: containers that are new, and images whose text is another than before.

        A container is known by its list and its name, and only as long as nothing changed that checks read. Its index
        says nothing: patches may reorder ephemeral containers (core validation, ValidatePodEphemeralContainersUpdate).
        """
        same = self.security == old.security and self.windows == old.windows
        known = {_what_checks_read(container) for container in old.containers} if same else set()
        before = {_what_kubelet_pulls(use) for use in old.images}
        return replace(
            self,
            containers=tuple(container for container in self.containers if _what_checks_read(container) not in known),
            images=tuple(use for use in self.images if _what_kubelet_pulls(use) not in before),
        )


def _what_checks_read(container: Container) -> tuple[ContainerKind, str, SecurityContext]:
    return container.kind, container.name, container.security


def _what_kubelet_pulls(use: ImageUse) -> tuple[str, str, str]:
    where = use.path.partition("[")[0] if use.container else use.path
    return where, use.container, use.text


def pod(spec: PodSpec, path: str = "spec") -> Pod:
    """The pod of a spec that lies at `path` in its object."""
    containers = _containers(spec, path)
    images = [ImageUse(f"{each.path}.image", each.name, each.image) for each in containers]
    if spec.volumes:
        for index, volume in enumerate(spec.volumes):
            if volume.image is not None:
                images.append(ImageUse(f"{path}.volumes[{index}].image.reference", "", volume.image.reference or ""))
    return Pod(
        path,
        spec.security_context or _NO_POD_CONTEXT,
        spec.os is not None and spec.os.name == "windows",
        tuple(containers),
        tuple(images),
        _pull_secrets(spec.image_pull_secrets) if spec.image_pull_secrets else (),
        spec.service_account_name or "",
    )


def _pull_secrets(references: Iterable[LocalObjectReference]) -> tuple[str, ...]:
    """Each name once; one that is empty names nothing."""
    return tuple(dict.fromkeys(each.name for each in references if each.name))


def _containers(spec: PodSpec, path: str) -> list[Container]:
    found: list[Container] = []
    if spec.init_containers:
        for index, each in enumerate(spec.init_containers):
            kind = ContainerKind.SIDECAR if each.restart_policy == "Always" else ContainerKind.INIT
            found.append(_container(each, f"{path}.initContainers[{index}]", kind))
    if spec.containers:
        for index, each in enumerate(spec.containers):
            found.append(_container(each, f"{path}.containers[{index}]", ContainerKind.REGULAR))
    if spec.ephemeral_containers:
        for index, each in enumerate(spec.ephemeral_containers):
            found.append(_container(each, f"{path}.ephemeralContainers[{index}]", ContainerKind.EPHEMERAL))
    return found


def _container(spec: ContainerSpec, path: str, kind: ContainerKind) -> Container:
    return Container(spec.name or "", path, kind, spec.image or "", spec.security_context or _NO_CONTEXT)
