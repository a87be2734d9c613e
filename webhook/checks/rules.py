"""What a policy's `containers` section asks of a pod, compiled."""

from typing import Literal

import msgspec

PodSecurityLevel = Literal["privileged", "baseline", "restricted"]


class PodSecurity(msgspec.Struct, frozen=True):
    """A level of the Pod Security Standards, of version v1.`minor`; the newest one known where it is None."""

    level: PodSecurityLevel
    minor: int | None = None


class LabelRule(msgspec.Struct, frozen=True):
    """A label that a pod must have; `values` None takes any, an empty one too."""

    key: str
    values: tuple[str, ...] | None = None


class PortRange(msgspec.Struct, frozen=True):
    """Ports, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"


Probe = Literal["liveness", "readiness", "startup"]


class ContainerRules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that checks read. A rule that is absent from the policy is not checked.

    `drop_capabilities` names what must be dropped (`ALL` covers every one); `allow_added_capabilities` is the list that
    additions must come from, None where additions are not judged. So are the other lists of what is allowed; there an
    empty list allows nothing, and an empty name stands for pods that name nothing. `unreadable_images_told` says that
    the policy has rules about images, which tell of those that cannot be read.
    """

    run_as_non_root: bool = False
    drop_capabilities: tuple[str, ...] = ()
    allow_added_capabilities: tuple[str, ...] | None = None
    read_only_root_filesystem: bool = False
    pod_security: PodSecurity | None = None
    required_limits: tuple[str, ...] = ()
    required_probes: tuple[Probe, ...] = ()
    required_labels: tuple[LabelRule, ...] = ()
    deny_latest_tag: bool = False
    unreadable_images_told: bool = False
    deny_service_account_token: bool = False
    allowed_image_pull_policies: tuple[str, ...] | None = None
    allowed_volume_types: tuple[str, ...] | None = None
    allowed_csi_drivers: tuple[str, ...] | None = None
    allowed_host_ports: tuple[PortRange, ...] | None = None
    allowed_runtime_classes: tuple[str, ...] | None = None
    allowed_priority_classes: tuple[str, ...] | None = None
