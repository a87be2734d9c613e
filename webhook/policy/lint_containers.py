"""Rules about a pod's own fields that are weaker than their author may think, stricter, or without effect."""

from collections.abc import Iterator

from webhook.policy.model import Spec
from webhook.policy.model_containers import Containers
from webhook.policy.part import Finding
from webhook.policy.rules import Tags

ALL_PULL_POLICIES = frozenset({"Always", "IfNotPresent", "Never"})

_TOKENS = (
    "refuses pods that get the token of their service account, which the API mounts as a volume of type projected: "
    "allow that, or add automountServiceAccountToken: false"
)


def weak_containers(spec: Spec) -> Iterator[Finding]:
    """What is to be said about the `containers` section of a policy."""
    if spec.containers is None:
        return
    for name, message in (*_volumes(spec.containers), *_images(spec.containers, spec)):
        yield ("spec", "containers", name), message


def _volumes(containers: Containers) -> Iterator[tuple[str, str]]:
    types = containers.allowed_volume_types
    if types is None:
        return
    if "hostPath" in types:
        yield "allowedVolumeTypes", "hostPath lets pods read, and often write, files of their node"
    if "projected" not in types and containers.automount_service_account_token is None:
        yield "allowedVolumeTypes", _TOKENS
    if containers.allowed_csi_drivers is not None and "csi" not in types:
        yield "allowedCSIDrivers", "has no effect: allowedVolumeTypes does not name csi"


def _images(containers: Containers, spec: Spec) -> Iterator[tuple[str, str]]:
    if set(containers.allowed_image_pull_policies or ()) == ALL_PULL_POLICIES:
        yield "allowedImagePullPolicies", "has no effect: it names all there are"
    if containers.deny_latest_tag and spec.images is not None and spec.images.tags is Tags.PINNED:
        yield "denyLatestTag", "has no effect: images.tags Pinned wants a digest of every image"
