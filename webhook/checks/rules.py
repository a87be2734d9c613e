"""What a policy's `containers` section asks of a pod, compiled."""

import msgspec


class ContainerRules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that checks read. A rule that is absent from the policy is not checked.

    `drop_capabilities` names what must be dropped (`ALL` covers every one); `allow_added_capabilities` is the list that
    additions must come from, None where additions are not judged.
    """

    run_as_non_root: bool = False
    drop_capabilities: tuple[str, ...] = ()
    allow_added_capabilities: tuple[str, ...] | None = None
    read_only_root_filesystem: bool = False
