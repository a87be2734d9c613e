"""`seccompProfile_baseline`, baseline: nobody turns seccomp off.

Up to v1.18 annotations said so, the pod's and one for each container; from v1.19 on fields do, and the annotations say
nothing any more.
"""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.checks.shown import member, name
from webhook.codes import Code
from webhook.objects import Profile
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_SECCOMP_PROFILE_BASELINE, "baseline", "seccompProfile")

POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod"
CONTAINER_ANNOTATIONS = "container.seccomp.security.alpha.kubernetes.io/"
ALLOWED_IN_ANNOTATIONS = ("runtime/default", "docker/default")
LOADED_ON_THE_NODE = "localhost/"
ALLOWED = ("RuntimeDefault", "Localhost")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each annotation that names another profile."""
    if not pod.containers:
        return
    if POD_ANNOTATION in pod.annotations:
        yield from _annotated(pod, POD_ANNOTATION, "")
    for container in pod.containers:
        key = f"{CONTAINER_ANNOTATIONS}{container.name}"
        if key in pod.annotations:
            yield from _annotated(pod, key, container.name)


def check_1_19(pod: Pod) -> Iterator[Violation]:
    """One finding for each profile of another type, the pod's or a container's."""
    return other_profiles(pod, TOPIC)


def other_profiles(pod: Pod, topic: Topic) -> Iterator[Violation]:
    """The same, under either level."""
    if not pod.containers:
        return
    profile = pod.security.seccomp_profile
    if profile is not None and profile.type not in ALLOWED:
        yield _other(topic, pod.path, "", profile)
    for container in pod.containers:
        profile = container.security.seccomp_profile
        if profile is not None and profile.type not in ALLOWED:
            yield _other(topic, container.path, container.name, profile)


def _annotated(pod: Pod, key: str, container: str) -> Iterator[Violation]:
    value = pod.annotations[key]
    if value not in ALLOWED_IN_ANNOTATIONS and not value.startswith(LOADED_ON_THE_NODE):
        path = member(f"{pod.metadata_path}.annotations", key)
        found = f"the annotation's profile is {name(value)}"
        expected = "runtime/default, docker/default or localhost/..."
        yield TOPIC.finding(path, container, found, expected, f"remove {path}")


def _other(topic: Topic, owner: str, container: str, profile: Profile) -> Violation:
    path = f"{owner}.securityContext.seccompProfile.type"
    found = "not set" if profile.type is None else name(profile.type)
    expected = "RuntimeDefault or Localhost"
    return topic.finding(path, container, f"seccompProfile.type is {found}", expected, f"set {path}: RuntimeDefault")


STANDARD = Standard("seccompProfile_baseline", TOPIC, (Revision(0, check), Revision(19, check_1_19)))
