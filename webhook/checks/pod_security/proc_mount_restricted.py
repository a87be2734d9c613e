"""`procMount_restricted`, restricted: what baseline asked for before v1.35, whatever `hostUsers` says."""

from collections.abc import Iterator

from webhook.checks.pod_security import proc_mount_baseline
from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_PROC_MOUNT_RESTRICTED, "restricted", "procMount")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each container with another mount than the default."""
    return proc_mount_baseline.unmasked(pod, TOPIC)


STANDARD = Standard("procMount_restricted", TOPIC, (Revision(35, check, (proc_mount_baseline.STANDARD.id,)),))
