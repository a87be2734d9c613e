"""Pods as checks see them, whatever kind of object they came from: every container knows its path.

Every review makes one of these, so the code that does is plain.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec.structs import replace

from webhook.objects import (
    ContainerSpec,
    CSIVolumeSource,
    ImageVolumeSource,
    LocalObjectReference,
    Metadata,
    PodObject,
    PodSecurityContext,
    PodSpec,
    PodTemplateSpec,
    SecurityContext,
)


class ContainerKind(StrEnum):
    """Which list a container stands in; a sidecar is an init container that restarts always."""

    REGULAR = "container"
    INIT = "init container"
    SIDECAR = "sidecar container"
    EPHEMERAL = "ephemeral container"


_NO_CONTEXT = SecurityContext()
_NO_POD_CONTEXT = PodSecurityContext()
_NO_SPEC = PodSpec()
_NO_METADATA = Metadata()
_NOTHING_SAID: Mapping[str, str] = MappingProxyType({})
_NO_SOURCE = ("emptyDir",)


class Container(msgspec.Struct, frozen=True, gc=False):
    """One container with its path in the object, such as `spec.initContainers[1]`, and all else that it says."""

    name: str
    path: str
    kind: ContainerKind
    image: str
    security: SecurityContext
    spec: ContainerSpec


class Volume(msgspec.Struct, frozen=True, gc=False):
    """One volume with its path, such as `spec.volumes[0]`.

    `types` are the fields that say what it is made of: one in an object out of the API server, which makes a volume
    without any an `emptyDir`. `image` and `csi_driver` are of volumes of those types, "" where nothing is named;
    `image_pull_policy` is what a volume of the first says of it.
    """

    name: str
    path: str
    types: tuple[str, ...]
    image: str | None = None
    csi_driver: str | None = None
    image_pull_policy: str | None = None


class ImageUse(msgspec.Struct, frozen=True, gc=False):
    """One place that names an image: a container's `image`, or an image volume's `reference` (`container` is empty)."""

    path: str
    container: str
    text: str


class Pod(msgspec.Struct, frozen=True, gc=False):
    """A pod as checks see it: what has to be judged, and the pod-level fields that containers inherit from.

    Pod-level fields, those of `spec` and `volumes` too, count where a container is judged. `labels` is None where they
    are not to be judged. `pull_secrets` and `service_account` are names in the pod's namespace, by which kubelet may
    pull its images.
    """

    path: str
    security: PodSecurityContext
    windows: bool
    containers: tuple[Container, ...]
    images: tuple[ImageUse, ...]
    pull_secrets: tuple[str, ...] = ()
    service_account: str = ""
    spec: PodSpec = _NO_SPEC
    volumes: tuple[Volume, ...] = ()
    labels: Mapping[str, str] | None = _NOTHING_SAID
    annotations: Mapping[str, str] = _NOTHING_SAID

    @property
    def metadata_path(self) -> str:
        """Where the pod's metadata lies: beside its spec."""
        return f"{self.path.removesuffix('spec')}metadata"

    def nothing(self) -> "Pod":
        """The pod with nothing left to judge: what an update leaves that changed nothing."""
        return replace(self, containers=(), images=(), labels=None)

    def since(self, old: "Pod") -> "Pod":
        """What an update changed of a pod: containers that are new, and images whose text is another than before.

        A container is known by its list and its name, and only as long as nothing changed that checks read. Its index
        says nothing: patches may reorder ephemeral containers (core validation, ValidatePodEphemeralContainersUpdate).
        """
        same = _beside_images(self) == _beside_images(old)
        known = {_what_checks_read(container) for container in old.containers} if same else set()
        before = {_what_kubelet_pulls(use) for use in old.images}
        return replace(
            self,
            containers=tuple(container for container in self.containers if _what_checks_read(container) not in known),
            images=tuple(use for use in self.images if _what_kubelet_pulls(use) not in before),
            labels=None,
        )


def _beside_images(pod: Pod) -> tuple[PodSpec, list[Any]]:
    """What all containers share. The references of image volumes are not of it: their changes are told apart."""
    shared = replace(pod.spec, containers=None, init_containers=None, ephemeral_containers=None, volumes=None)
    return shared, [each for each in pod.spec.volumes or () if each.get("image") is None]


def _what_checks_read(container: Container) -> tuple[Any, ...]:
    """All but the image, whose changes are told apart, and the limits of resources, which `pods/resize` may change."""
    spec = container.spec
    probes = spec.liveness_probe, spec.readiness_probe, spec.startup_probe, spec.lifecycle
    return container.kind, container.name, container.security, spec.image_pull_policy, spec.ports, probes


def _what_kubelet_pulls(use: ImageUse) -> tuple[str, str, str]:
    where = use.path.partition("[")[0] if use.container else use.path
    return where, use.container, use.text


def pod(template: PodTemplateSpec | PodObject, path: str = "spec") -> Pod:
    """The pod of a template whose spec lies at `path` in its object. Raises `msgspec.ValidationError`."""
    spec = template.spec or _NO_SPEC
    metadata = template.metadata or _NO_METADATA
    containers = _containers(spec, path)
    volumes = _volumes(spec, path)
    images = [ImageUse(f"{each.path}.image", each.name, each.image) for each in containers]
    images += [ImageUse(f"{each.path}.image.reference", "", each.image) for each in volumes if each.image is not None]
    return Pod(
        path,
        spec.security_context or _NO_POD_CONTEXT,
        spec.os is not None and spec.os.name == "windows",
        tuple(containers),
        tuple(images),
        _pull_secrets(spec.image_pull_secrets) if spec.image_pull_secrets else (),
        spec.service_account_name or "",
        spec,
        volumes,
        _texts(metadata.labels),
        _texts(metadata.annotations),
    )


def of_images(images: Iterable[ImageUse], pull_secrets: tuple[str, ...] = (), service_account: str = "") -> Pod:
    """A pod of which nothing but images is to be judged."""
    return Pod(
        "spec",
        _NO_POD_CONTEXT,
        windows=False,
        containers=(),
        images=tuple(images),
        pull_secrets=pull_secrets,
        service_account=service_account,
    )


def _texts(written: Mapping[str, str | None] | None) -> Mapping[str, str]:
    return {key: value or "" for key, value in written.items()} if written else _NOTHING_SAID


def _volumes(spec: PodSpec, path: str) -> tuple[Volume, ...]:
    if not spec.volumes:
        return ()
    return tuple([_volume(each, f"{path}.volumes[{index}]") for index, each in enumerate(spec.volumes)])


def _volume(spec: Mapping[str, Any], path: str) -> Volume:
    name = spec.get("name") or ""
    types = tuple([key for key, value in spec.items() if value is not None and key != "name"])
    if not isinstance(name, str):
        raise msgspec.ValidationError(f"Expected `str`, got `{type(name).__name__}` - at `$.{path}.name`")
    image, driver = spec.get("image"), spec.get("csi")
    source = None if image is None else msgspec.convert(image, ImageVolumeSource)
    return Volume(
        name,
        path,
        types or _NO_SOURCE,
        None if source is None else source.reference or "",
        None if driver is None else msgspec.convert(driver, CSIVolumeSource).driver or "",
        None if source is None else source.pull_policy,
    )


def _pull_secrets(references: Iterable[LocalObjectReference]) -> tuple[str, ...]:
    """Each name once. One that is empty names no Secret, and is a list of the pod's own all the same.

    The service account's names are taken where there is none (`plugin/pkg/admission/serviceaccount`, Admit).
    """
    return tuple(dict.fromkeys(each.name or "" for each in references))


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
    return Container(spec.name or "", path, kind, spec.image or "", spec.security_context or _NO_CONTEXT, spec)
