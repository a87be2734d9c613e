"""`allowedVolumeTypes`: what volumes are made of.

An allow-list, so that a type which a later version of Kubernetes brings is refused until the policy names it. Each
field that is there counts; a volume without any is an `emptyDir`, which the API makes of it. The plugin ServiceAccount
adds a `projected` volume to each pod that gets a token, before it is judged.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.checks.shown import member, one_of, some
from webhook.codes import Code
from webhook.pods import Pod, Volume
from webhook.verdict import Violation

VOLUME_TYPES = (
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageos",
    "vsphereVolume",
)
"""The fields of a volume's source (core/v1 VolumeSource, Kubernetes 1.37): what a policy may name."""

_LONGEST_TYPE = 32


def asked(rules: ContainerRules) -> bool:
    """Whether volumes are looked at."""
    return rules.allowed_volume_types is not None


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each volume that is not of an allowed type, at the first such field."""
    allowed = rules.allowed_volume_types
    if allowed is None or not pod.containers:
        return
    for volume in pod.volumes:
        for kind in volume.types:
            if kind not in allowed:
                yield _refused(volume, kind, allowed)
                break


def _refused(volume: Volume, first: str, allowed: tuple[str, ...]) -> Violation:
    path = member(volume.path, first, _LONGEST_TYPE)
    refused = [kind for kind in volume.types if kind not in allowed]
    return Violation(
        code=Code.VOLUME_TYPE_NOT_ALLOWED,
        path=path,
        message=f"the volume is of type {some(refused)}, expected {one_of(allowed)}",
        fix=f"set {path}: null, and give the volume a source that is allowed",
    )
