"""`restrictedVolumes`, restricted: volumes are of the types that give no way to the node and to other tenants' storage.

A type that is not known is none of them. Kubernetes is content with a volume whose first source is allowed, since the
API refuses a second one; where no API server looked on, every source that a volume names is judged.
"""

import re
from collections.abc import Iterator

from webhook.checks.pod_security import host_path_volumes
from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.checks.shown import name
from webhook.codes import Code
from webhook.pods import Pod, Volume
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_RESTRICTED_VOLUMES, "restricted", "restricted volume types")

ALLOWED = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_FIELD = re.compile(r"[A-Za-z0-9]{1,63}", re.ASCII)


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each source of another type."""
    if not pod.containers:
        return
    for volume in pod.volumes:
        if not ALLOWED.issuperset(volume.types):
            yield from _others(volume)


def _others(volume: Volume) -> Iterator[Violation]:
    for source in volume.types:
        if source not in ALLOWED:
            path = f"{volume.path}.{source}" if _FIELD.fullmatch(source) else f"{volume.path}[{name(source)}]"
            expected = f"one of {', '.join(sorted(ALLOWED))}"
            fix = f"remove {path}, or use a volume of another type"
            yield TOPIC.finding(path, "", f"the volume's type is {name(source)}", expected, fix)


STANDARD = Standard("restrictedVolumes", TOPIC, (Revision(0, check, (host_path_volumes.STANDARD.id,)),))
