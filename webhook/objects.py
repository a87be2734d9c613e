"""Kubernetes objects that carry a pod, as far as a rule reads them.

The structs mirror the fields of `core/v1`, `apps/v1` and `batch/v1` (Kubernetes 1.37); everything else in an object is
skipped while decoding. JSON null and an absent field are the same inside a spec, `0` and `false` are values; a value of
another type than the API's is an error, never a guess. They hold no cycles, so the garbage collector need not look.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

MAX_ITEMS = 1_000
"""Of any list. No real pod comes near; a review of 16 MiB could name 5,000,000 containers."""

MAX_NAME_CHARACTERS = 253
"""The longest name that the API takes (RFC 1123 subdomain)."""

MAX_PULL_SECRETS = 64
"""Of one pod: each that is needed costs a request to the API server. Real pods have one or two."""


class Struct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A Kubernetes object or a part of one: camelCase names, unknown fields skipped."""


class Capabilities(Struct, frozen=True, gc=False):
    """`securityContext.capabilities`."""

    add: Annotated[tuple[str, ...], Meta(max_length=MAX_ITEMS)] | None = None
    drop: Annotated[tuple[str, ...], Meta(max_length=MAX_ITEMS)] | None = None


class SecurityContext(Struct, frozen=True, gc=False):
    """A container's `securityContext`."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    read_only_root_filesystem: bool | None = None
    privileged: bool | None = None
    capabilities: Capabilities | None = None


class PodSecurityContext(Struct, frozen=True, gc=False):
    """A pod's `securityContext`."""

    run_as_non_root: bool | None = None
    run_as_user: int | None = None


class ContainerSpec(Struct, frozen=True, gc=False):
    """A container of any of the three lists."""

    name: Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)] | None = None
    image: str | None = None
    security_context: SecurityContext | None = None
    restart_policy: str | None = None


class ImageVolumeSource(Struct, frozen=True, gc=False):
    """`volumes[].image`: an OCI image mounted as a volume."""

    reference: str | None = None


class Volume(Struct, frozen=True, gc=False):
    """A volume, of which only an image source matters here."""

    image: ImageVolumeSource | None = None


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
    volumes: Annotated[tuple[Volume, ...], Meta(max_length=MAX_ITEMS)] | None = None
    security_context: PodSecurityContext | None = None
    os: PodOS | None = None
    image_pull_secrets: Annotated[tuple[LocalObjectReference, ...], Meta(max_length=MAX_PULL_SECRETS)] | None = None
    service_account_name: Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)] | None = None


class PodTemplateSpec(Struct, frozen=True, gc=False):
    """`template` of a workload."""

    spec: PodSpec | None = None


class PodObject(Struct, frozen=True, gc=False):
    """A Pod."""

    kind: str = ""
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
