"""`hostPathVolumes`, baseline: no volume is a folder or a file of the node."""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_HOST_PATH_VOLUMES, "baseline", "hostPath volumes")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each such volume, whatever else it names as its source."""
    if not pod.containers:
        return
    for volume in pod.volumes:
        if "hostPath" in volume.types:
            path = f"{volume.path}.hostPath"
            fix = f"remove {path}, or use a volume of another type"
            yield TOPIC.finding(path, "", "the volume is a hostPath", "any other type", fix)


STANDARD = Standard("hostPathVolumes", TOPIC, (Revision(0, check),))
