"""Pods, and the kinds that carry a pod template, as far as we judge them.

The structs mirror the fields of `core/v1` that a rule reads (Kubernetes 1.37); everything else in an object is skipped
while decoding. JSON null and an absent field are the same within a pod's spec, `0` and `false` are values; a value of
another type than the API's is an error, never a guess. `Pod` is what checks get: every container knows its path,
whatever kind of object it came from.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec
from msgspec.structs import replace


class Struct(msgspec.Struct, frozen=True, rename="camel"):
    """A Kubernetes object or a part of one: camelCase names, unknown fields skipped."""


class Capabilities(Struct, frozen=True):
    """`securityContext.capabilities`."""

    add: tuple[str, ...] | None = None
    drop: tuple[str, ...] | None = None


class SecurityContext(Struct, frozen=True):
    """A container's `securityContext`."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    read_only_root_filesystem: bool | None = None
    privileged: bool | None = None
    capabilities: Capabilities | None = None


class PodSecurityContext(Struct, frozen=True):
    """A pod's `securityContext`."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None


class ContainerSpec(Struct, frozen=True):
    """A container of any of the three lists."""

    name: str | None = None
    image: str | None = None
    security_context: SecurityContext | None = None
    restart_policy: str | None = None


class ImageVolumeSource(Struct, frozen=True):
    """`volumes[].image`: an OCI image mounted as a volume."""

    reference: str | None = None


class Volume(Struct, frozen=True):
    """A volume, of which only an image source matters here."""

    image: ImageVolumeSource | None = None


class PodOS(Struct, frozen=True):
    """`spec.os`."""

    name: str | None = None


class PodSpec(Struct, frozen=True):
    """`spec` of a pod or of a template."""

    containers: tuple[ContainerSpec, ...] | None = None
    init_containers: tuple[ContainerSpec, ...] | None = None
    ephemeral_containers: tuple[ContainerSpec, ...] | None = None
    volumes: tuple[Volume, ...] | None = None
    security_context: PodSecurityContext | None = None
    os: PodOS | None = None


class ObjectMeta(Struct, frozen=True):
    """The parts of `metadata` that name an object."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None


class PodTemplateSpec(Struct, frozen=True):
    """`template` of a workload."""

    spec: PodSpec | None = None


class PodObject(Struct, frozen=True):
    """A Pod."""

    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec | None = None


class _TemplateHolder(Struct, frozen=True):
    template: PodTemplateSpec | None = None


class WorkloadObject(Struct, frozen=True):
    """Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController, Job: `spec.template`."""

    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: _TemplateHolder | None = None


class _JobTemplate(Struct, frozen=True):
    spec: _TemplateHolder | None = None


class _CronJobSpec(Struct, frozen=True):
    job_template: _JobTemplate | None = None


class CronJobObject(Struct, frozen=True):
    """CronJob: `spec.jobTemplate.spec.template`."""

    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: _CronJobSpec | None = None


class PodTemplateObject(Struct, frozen=True):
    """PodTemplate: `template` at the top."""

    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    template: PodTemplateSpec | None = None


PodBearing = PodObject | WorkloadObject | CronJobObject | PodTemplateObject


class Kind(msgspec.Struct, frozen=True):
    """A kind of object that carries a pod: its names in the API, its struct, and where in it the pod's spec lies."""

    group: str
    resource: str
    kind: str
    struct: type[PodBearing]
    spec_path: str

    @property
    def is_pod(self) -> bool:
        """Whether it is the Pod itself, the point of enforcement, and not a template of pods to come."""
        return self.kind == "Pod"


POD = Kind("", "pods", "Pod", PodObject, "spec")
KINDS = (
    POD,
    Kind("", "replicationcontrollers", "ReplicationController", WorkloadObject, "spec.template.spec"),
    Kind("", "podtemplates", "PodTemplate", PodTemplateObject, "template.spec"),
    Kind("apps", "deployments", "Deployment", WorkloadObject, "spec.template.spec"),
    Kind("apps", "replicasets", "ReplicaSet", WorkloadObject, "spec.template.spec"),
    Kind("apps", "statefulsets", "StatefulSet", WorkloadObject, "spec.template.spec"),
    Kind("apps", "daemonsets", "DaemonSet", WorkloadObject, "spec.template.spec"),
    Kind("batch", "jobs", "Job", WorkloadObject, "spec.template.spec"),
    Kind("batch", "cronjobs", "CronJob", CronJobObject, "spec.jobTemplate.spec.template.spec"),
)
"""Every built-in kind that carries a pod (Kubernetes 1.37)."""

BY_RESOURCE = {(kind.group, kind.resource): kind for kind in KINDS}
BY_KIND = {(kind.group, kind.kind): kind for kind in KINDS}


def pod_spec(owner: PodBearing) -> PodSpec | None:
    """The pod's spec inside an object of any kind; None where the object has none."""
    match owner:
        case PodObject():
            return owner.spec
        case PodTemplateObject():
            template = owner.template
        case WorkloadObject():
            template = owner.spec.template if owner.spec else None
        case _:
            job = owner.spec.job_template if owner.spec else None
            template = job.spec.template if job and job.spec else None
    return template.spec if template else None


class ContainerKind(StrEnum):
    """Which list a container stands in; a sidecar is an init container that restarts always."""

    REGULAR = "container"
    INIT = "init container"
    SIDECAR = "sidecar container"
    EPHEMERAL = "ephemeral container"


_NO_CONTEXT = SecurityContext()
_NO_POD_CONTEXT = PodSecurityContext()


class Container(msgspec.Struct, frozen=True):
    """One container with its path in the object, such as `spec.initContainers[1]`."""

    name: str
    path: str
    kind: ContainerKind
    image: str
    security: SecurityContext


class ImageUse(msgspec.Struct, frozen=True):
    """One place that names an image: a container's `image`, or an image volume's `reference` (`container` is empty)."""

    path: str
    container: str
    text: str


class Pod(msgspec.Struct, frozen=True):
    """A pod as checks see it: what has to be judged, and the pod-level fields that containers inherit from."""

    path: str
    security: PodSecurityContext
    windows: bool
    containers: tuple[Container, ...]
    images: tuple[ImageUse, ...]

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
    containers = tuple(_containers(spec, path))
    images = [ImageUse(f"{container.path}.image", container.name, container.image) for container in containers]
    for index, volume in enumerate(spec.volumes or ()):
        if volume.image is not None:
            images.append(ImageUse(f"{path}.volumes[{index}].image.reference", "", volume.image.reference or ""))
    return Pod(
        path=path,
        security=spec.security_context or _NO_POD_CONTEXT,
        windows=spec.os is not None and spec.os.name == "windows",
        containers=containers,
        images=tuple(images),
    )


def _containers(spec: PodSpec, path: str) -> Iterator[Container]:
    for index, init in enumerate(spec.init_containers or ()):
        kind = ContainerKind.SIDECAR if init.restart_policy == "Always" else ContainerKind.INIT
        yield _container(init, f"{path}.initContainers[{index}]", kind)
    for index, regular in enumerate(spec.containers or ()):
        yield _container(regular, f"{path}.containers[{index}]", ContainerKind.REGULAR)
    for index, ephemeral in enumerate(spec.ephemeral_containers or ()):
        yield _container(ephemeral, f"{path}.ephemeralContainers[{index}]", ContainerKind.EPHEMERAL)


def _container(spec: ContainerSpec, path: str, kind: ContainerKind) -> Container:
    return Container(spec.name or "", path, kind, spec.image or "", spec.security_context or _NO_CONTEXT)
