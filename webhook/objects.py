"""Kubernetes objects that carry a pod, as far as a rule reads them.

The structs mirror the fields of `core/v1`, `apps/v1` and `batch/v1` (Kubernetes 1.37); everything else in an object is
skipped while decoding. JSON null and an absent field are the same inside a spec, `0` and `false` are values; a value of
another type than the API's is an error, never a guess. They hold no cycles, so the garbage collector need not look.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

MAX_ITEMS = 1_000
"""Of any list. No real pod comes near; a review of 16 MiB could name 5,000,000 containers."""

MAX_NAME_CHARACTERS = 253
"""The longest name that the API takes (RFC 1123 subdomain)."""

MAX_VOLUME_FIELDS = 64
"""Of one volume: its name, and one source out of thirty."""

MAX_PULL_SECRETS = 64
"""Of one pod: each that is needed costs a request to the API server. Real pods have one or two."""


class Struct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A Kubernetes object or a part of one: camelCase names, unknown fields skipped."""


class Capabilities(Struct, frozen=True, gc=False):
    """`securityContext.capabilities`."""

    add: Annotated[tuple[str, ...], Meta(max_length=MAX_ITEMS)] | None = None
    drop: Annotated[tuple[str, ...], Meta(max_length=MAX_ITEMS)] | None = None


class SELinuxOptions(Struct, frozen=True, gc=False):
    """`seLinuxOptions`."""

    user: str | None = None
    role: str | None = None
    type: str | None = None


class Profile(Struct, frozen=True, gc=False):
    """`seccompProfile` and `appArmorProfile`."""

    type: str | None = None


class WindowsOptions(Struct, frozen=True, gc=False):
    """`windowsOptions`."""

    host_process: bool | None = None


class Sysctl(Struct, frozen=True, gc=False):
    """An item of `sysctls`."""

    name: str | None = None


class SecurityContext(Struct, frozen=True, gc=False):
    """A container's `securityContext`."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    read_only_root_filesystem: bool | None = None
    privileged: bool | None = None
    allow_privilege_escalation: bool | None = None
    capabilities: Capabilities | None = None
    proc_mount: str | None = None
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: Profile | None = None
    app_armor_profile: Profile | None = None
    windows_options: WindowsOptions | None = None


class PodSecurityContext(Struct, frozen=True, gc=False):
    """A pod's `securityContext`."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    se_linux_options: SELinuxOptions | None = None
    seccomp_profile: Profile | None = None
    app_armor_profile: Profile | None = None
    windows_options: WindowsOptions | None = None
    sysctls: Annotated[tuple[Sysctl, ...], Meta(max_length=MAX_ITEMS)] | None = None


class ContainerPort(Struct, frozen=True, gc=False):
    """An item of a container's `ports`."""

    host_port: int | None = None


class HostAction(Struct, frozen=True, gc=False):
    """`httpGet` and `tcpSocket`."""

    host: str | None = None


class Handler(Struct, frozen=True, gc=False):
    """A probe, or what is done after a container's start and before its stop."""

    http_get: HostAction | None = None
    tcp_socket: HostAction | None = None


class Lifecycle(Struct, frozen=True, gc=False):
    """`lifecycle`."""

    post_start: Handler | None = None
    pre_stop: Handler | None = None


class Resources(Struct, frozen=True, gc=False):
    """`resources`; a quantity is a number or a text."""

    limits: Annotated[dict[str, Any], Meta(max_length=MAX_ITEMS)] | None = None


class ContainerSpec(Struct, frozen=True, gc=False):
    """A container of any of the three lists."""

    name: Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)] | None = None
    image: str | None = None
    image_pull_policy: str | None = None
    security_context: SecurityContext | None = None
    restart_policy: str | None = None
    ports: Annotated[tuple[ContainerPort, ...], Meta(max_length=MAX_ITEMS)] | None = None
    liveness_probe: Handler | None = None
    readiness_probe: Handler | None = None
    startup_probe: Handler | None = None
    lifecycle: Lifecycle | None = None
    resources: Resources | None = None


class ImageVolumeSource(Struct, frozen=True, gc=False):
    """`volumes[].image`: an OCI image mounted as a volume."""

    reference: str | None = None
    pull_policy: str | None = None


class CSIVolumeSource(Struct, frozen=True, gc=False):
    """`volumes[].csi`: a volume that lives as long as its pod."""

    driver: str | None = None


VolumeSpec = Annotated[dict[str, Any], Meta(max_length=MAX_VOLUME_FIELDS)]
"""A volume: its `name`, and its source under the name of its type. All fields are kept, or a type that is new to us
would look like none."""


class PodOS(Struct, frozen=True, gc=False):
    """`spec.os`."""

    name: Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)] | None = None


class LocalObjectReference(Struct, frozen=True, gc=False):
    """The name of an object in the same namespace."""

    name: Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)] | None = None


class PodSpec(Struct, frozen=True, gc=False):
    """`spec` of a pod or of a template."""

    containers: Annotated[tuple[ContainerSpec, ...], Meta(max_length=MAX_ITEMS)] | None = None
    init_containers: Annotated[tuple[ContainerSpec, ...], Meta(max_length=MAX_ITEMS)] | None = None
    ephemeral_containers: Annotated[tuple[ContainerSpec, ...], Meta(max_length=MAX_ITEMS)] | None = None
    volumes: Annotated[tuple[VolumeSpec, ...], Meta(max_length=MAX_ITEMS)] | None = None
    security_context: PodSecurityContext | None = None
    os: PodOS | None = None
    image_pull_secrets: Annotated[tuple[LocalObjectReference, ...], Meta(max_length=MAX_PULL_SECRETS)] | None = None
    service_account_name: Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)] | None = None
    automount_service_account_token: bool | None = None
    restart_policy: str | None = None
    node_name: str | None = None
    runtime_class_name: str | None = None
    priority_class_name: str | None = None
    host_network: bool | None = None
    host_pid: bool | None = field(default=None, name="hostPID")
    host_ipc: bool | None = field(default=None, name="hostIPC")
    host_users: bool | None = None


class Metadata(Struct, frozen=True, gc=False):
    """`metadata` of a pod or of a template; null is an empty text there."""

    labels: dict[str, str | None] | None = None
    annotations: dict[str, str | None] | None = None


class PodTemplateSpec(Struct, frozen=True, gc=False):
    """`template` of a workload."""

    metadata: Metadata | None = None
    spec: PodSpec | None = None


class PodObject(Struct, frozen=True, gc=False):
    """A Pod."""

    kind: str = ""
    metadata: Metadata | None = None
    spec: PodSpec | None = None


class _TemplateHolder(Struct, frozen=True, gc=False):
    template: PodTemplateSpec | None = None


class WorkloadObject(Struct, frozen=True, gc=False):
    """Deployment, ReplicaSet, StatefulSet, DaemonSet, ReplicationController, Job: `spec.template`."""

    kind: str = ""
    spec: _TemplateHolder | None = None


class _JobTemplate(Struct, frozen=True, gc=False):
    spec: _TemplateHolder | None = None


class _CronJobSpec(Struct, frozen=True, gc=False):
    job_template: _JobTemplate | None = None


class CronJobObject(Struct, frozen=True, gc=False):
    """CronJob: `spec.jobTemplate.spec.template`."""

    kind: str = ""
    spec: _CronJobSpec | None = None


class PodTemplateObject(Struct, frozen=True, gc=False):
    """PodTemplate: `template` at the top."""

    kind: str = ""
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


def pod_template(owner: PodBearing) -> PodTemplateSpec | PodObject:
    """The pod, or the template of one, inside an object of any kind; an empty template where the object has none."""
    match owner:
        case PodObject():
            return owner
        case PodTemplateObject():
            template = owner.template
        case WorkloadObject():
            template = owner.spec.template if owner.spec else None
        case _:
            job = owner.spec.job_template if owner.spec else None
            template = job.spec.template if job and job.spec else None
    return template or PodTemplateSpec()


class User(Struct, frozen=True, gc=False):
    """`userInfo` of an admission request: who asks the API server for something, with all by which rights are told."""

    username: str = ""
    uid: str = ""
    groups: Annotated[tuple[str, ...], Meta(max_length=10 * MAX_ITEMS)] = ()
    extra: dict[str, tuple[str, ...]] = field(default_factory=dict)
