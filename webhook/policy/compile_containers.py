"""The `containers` section into the settings that checks read, defaults applied."""

from webhook.checks.rules import ContainerRules, LabelRule, PodSecurity, PortRange
from webhook.policy.model_containers import Containers
from webhook.policy.model_containers import PodSecurity as WrittenPodSecurity

DEFAULT_ADDED_CAPABILITIES = ("NET_BIND_SERVICE",)
"""What may be added where capabilities must be dropped: the same that Pod Security's restricted level allows."""


def container_rules(written: Containers | None, *, images_judged: bool) -> ContainerRules:
    """The rules of the section; a policy without one asks nothing of containers.

    `images_judged`: the policy has rules about images, too.
    """
    if written is None:
        return ContainerRules()
    added = written.allow_added_capabilities
    if added is None and written.drop_capabilities is not None:
        added = DEFAULT_ADDED_CAPABILITIES
    return ContainerRules(
        run_as_non_root=written.run_as_non_root,
        drop_capabilities=written.drop_capabilities or (),
        allow_added_capabilities=added,
        read_only_root_filesystem=written.read_only_root_filesystem,
        pod_security=None if written.pod_security is None else _pod_security(written.pod_security),
        required_limits=written.required_limits or (),
        required_probes=written.required_probes or (),
        required_labels=tuple(LabelRule(each.key, each.values) for each in written.required_labels or ()),
        deny_latest_tag=written.deny_latest_tag,
        unreadable_images_told=written.deny_latest_tag and images_judged,
        deny_service_account_token=written.automount_service_account_token is False,
        allowed_image_pull_policies=written.allowed_image_pull_policies,
        allowed_volume_types=written.allowed_volume_types,
        allowed_csi_drivers=written.allowed_csi_drivers,
        allowed_host_ports=_ranges(written),
        allowed_runtime_classes=written.allowed_runtime_classes,
        allowed_priority_classes=written.allowed_priority_classes,
    )


def _ranges(written: Containers) -> tuple[PortRange, ...] | None:
    ranges = written.allowed_host_ports
    return None if ranges is None else tuple(PortRange(each.min, each.max) for each in ranges)


def _pod_security(written: WrittenPodSecurity) -> PodSecurity:
    minor = None if written.version == "latest" else int(written.version.removeprefix("v1."))
    return PodSecurity(written.level, minor)
