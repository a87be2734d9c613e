"""What a policy's `containers` section asks of a pod, compiled."""

from typing import Literal

import msgspec

PodSecurityLevel = Literal["privileged", "baseline", "restricted"]


class PodSecurity(msgspec.Struct, frozen=True):
    """A level of the Pod Security Standards, of version v1.`minor`; the newest one known where it is None."""

    level: PodSecurityLevel
    minor: int | None = None


class ContainerRules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that checks read. A rule that is absent from the policy is not checked.

    `drop_capabilities` names what must be dropped (`ALL` covers every one); `allow_added_capabilities` is the list that
    additions must come from, None where additions are not judged.
    """

    run_as_non_root: bool = False
    drop_capabilities: tuple[str, ...] = ()
    allow_added_capabilities: tuple[str, ...] | None = None
    read_only_root_filesystem: bool = False
    pod_security: PodSecurity | None = None
