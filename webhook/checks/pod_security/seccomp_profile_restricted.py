"""`seccompProfile_restricted`, restricted: every container has a seccomp profile, its own or the pod's.

From v1.25 on pods with `os.name: windows` need none. Kubernetes lets them have any there and leaves it to the API to
refuse them; where no API server looked on, what baseline asks for still holds.
"""

from collections.abc import Iterator

from webhook.checks.pod_security import seccomp_profile_baseline
from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_SECCOMP_PROFILE_RESTRICTED, "restricted", "seccompProfile")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each profile of another type, and for each container without any."""
    yield from seccomp_profile_baseline.other_profiles(pod, TOPIC)
    if pod.security.seccomp_profile is None:
        for container in pod.containers:
            if container.security.seccomp_profile is None:
                path = f"{container.path}.securityContext.seccompProfile.type"
                found = "seccompProfile is set neither here nor for the pod"
                expected = "RuntimeDefault or Localhost"
                yield TOPIC.finding(path, container.name, found, expected, f"set {path}: RuntimeDefault")


def check_1_25(pod: Pod) -> Iterator[Violation]:
    """The same, but for Windows."""
    return seccomp_profile_baseline.check_1_19(pod) if pod.windows else check(pod)


_OVERRIDDEN = (seccomp_profile_baseline.STANDARD.id,)

STANDARD = Standard(
    "seccompProfile_restricted",
    TOPIC,
    (Revision(19, check, _OVERRIDDEN), Revision(25, check_1_25, _OVERRIDDEN)),
)
