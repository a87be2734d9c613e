"""The `containers` section of a policy as written: what a pod's own fields must say."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from webhook.policy.part import Finding, Items, Part, duplicates, items, mappings, shown
from webhook.policy.texts import LabelKey, LabelValue, PodSecurityVersion
from webhook.policy.texts_containers import Capability, ClassName, CSIDriverName, ResourceName, VolumeType


class PodSecurity(Part):
    """The Pod Security Standards."""

    level: Literal["privileged", "baseline", "restricted"] = Field(description="The level.")
    version: PodSecurityVersion = Field("latest", description="`latest` or `v1.N`.")


class PortRange(Part):
    """Ports, both ends included."""

    min: int = Field(ge=1, le=65535, description="The first, from 1.")
    max: int = Field(ge=1, le=65535, description="The last, up to 65535.")

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """A range the wrong way round would be empty."""
        first, last = value.get("min"), value.get("max")
        if isinstance(first, int) and isinstance(last, int) and first > last:
            yield (), f"expected min to be at most max, found {shown(first)} and {shown(last)}"


class RequiredLabel(Part):
    """A label that pods must have."""

    key: LabelKey = Field(description="Key of the label.")
    values: Items[LabelValue] | None = Field(None, description="What it may be. Absent: anything.")


def _only_false(value: object) -> object:
    if value is not False:
        raise ValueError(f"expected false, found {shown(value)}; leave it out where it is not to be checked")
    return value


class Containers(Part):
    """What a pod's own fields must say. A rule that is absent is not checked."""

    run_as_non_root: bool = Field(
        default=False, description="No container may run as root; UID 0 is refused, whatever `hostUsers` says."
    )
    drop_capabilities: Items[Capability] | None = Field(
        None, description="Linux capabilities that each container drops; `ALL` for every one. Absent: not checked."
    )
    allow_added_capabilities: Items[Capability] | None = Field(
        None,
        description="The only ones that may be added. "
        "Absent: `[NET_BIND_SERVICE]` where `dropCapabilities` is there, else any.",
    )
    read_only_root_filesystem: bool = Field(
        default=False, description="Root filesystems are read-only; ephemeral containers are exempt."
    )
    pod_security: PodSecurity | None = Field(
        None, description="A level of the Pod Security Standards. Absent: not checked."
    )
    required_limits: Items[ResourceName] | None = Field(
        None,
        description="Resources, such as `memory`, of which each container has a limit above 0 of its own; "
        "ephemeral containers, which cannot have any, are exempt. Absent: not checked.",
    )
    required_probes: Items[Literal["liveness", "readiness", "startup"]] | None = Field(
        None,
        description="Probes of each container and sidecar, in pods whose `restartPolicy` is Always. "
        "Absent: not checked.",
    )
    required_labels: Items[RequiredLabel] | None = Field(
        None, description="Labels of the pod; of a workload, those of its template. Absent: not checked."
    )
    deny_latest_tag: bool = Field(
        default=False,
        description="No image may be named by the tag `latest`, nor without tag and digest, which means the same. "
        "One that has a digest passes, whatever its tag.",
    )
    allowed_image_pull_policies: Items[Literal["Always", "IfNotPresent", "Never"]] | None = Field(
        None,
        description="When kubelet may pull images, those of image volumes too. Where a pod says nothing, it is what "
        "the API makes of it: Always for the tag `latest`, else IfNotPresent. Absent: not checked.",
    )
    automount_service_account_token: Annotated[Literal[False], BeforeValidator(_only_false)] | None = Field(
        None,
        description="Pods say `automountServiceAccountToken: false` themselves; that of their service account does "
        "not count. Absent: not checked.",
    )
    allowed_volume_types: Items[VolumeType] | None = Field(
        None,
        description="Types of volumes by the name of their field, such as `configMap`. The API adds a `projected` "
        "volume to each pod that gets the token of its service account. Absent: not checked.",
    )
    allowed_csi_drivers: Items[CSIDriverName] | None = Field(
        None,
        alias="allowedCSIDrivers",
        description="Drivers of volumes of type `csi`, which lie in the pod itself; what a claim is bound to is not "
        "looked at. Absent: not checked.",
    )
    allowed_host_ports: Items[PortRange] | None = Field(
        None,
        description="Ports of the node that containers may take as `hostPort`; with `hostNetwork` the API fills it in. "
        "Absent: not checked.",
    )
    allowed_runtime_classes: Items[ClassName] | None = Field(
        None, description='Names for `runtimeClassName`; `""` allows pods that name none. Absent: not checked.'
    )
    allowed_priority_classes: Items[ClassName] | None = Field(
        None,
        description='Names for `priorityClassName`; `""` allows pods that name none. The API fills in the default '
        "class of the cluster, if there is one. Absent: not checked.",
    )

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """One demand for each thing that can be demanded."""
        for name in ("requiredLimits", "requiredProbes"):
            yield from duplicates(((name, index), each) for index, each in items(value, name))
        yield from duplicates(
            (("requiredLabels", index, "key"), each.get("key")) for index, each in mappings(value, "requiredLabels")
        )
