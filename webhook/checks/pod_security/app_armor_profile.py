"""`appArmorProfile`, baseline: AppArmor stays on, with the runtime's profile or one that the node has loaded.

Before v1.30 of Kubernetes annotations said so, one for each container. They are judged still, in every version of the
Standards and whatever container they name: a node may be older than its API server.
"""

from collections.abc import Iterator

from webhook.checks.pod_security.standard import Revision, Standard, Topic
from webhook.checks.shown import member, name
from webhook.codes import Code
from webhook.objects import Profile
from webhook.pods import Pod
from webhook.verdict import Violation

TOPIC = Topic(Code.POD_SECURITY_APP_ARMOR_PROFILE, "baseline", "forbidden AppArmor profile")

ANNOTATIONS = "container.apparmor.security.beta.kubernetes.io/"
ALLOWED_IN_ANNOTATIONS = ("", "runtime/default")
LOADED_ON_THE_NODE = "localhost/"
ALLOWED = ("RuntimeDefault", "Localhost")


def check(pod: Pod) -> Iterator[Violation]:
    """One finding for each profile of another type, the pod's, a container's or an annotation's."""
    if not pod.containers:
        return
    profile = pod.security.app_armor_profile
    if profile is not None and profile.type not in ALLOWED:
        yield _other(pod.path, "", profile)
    for container in pod.containers:
        profile = container.security.app_armor_profile
        if profile is not None and profile.type not in ALLOWED:
            yield _other(container.path, container.name, profile)
    if pod.annotations:
        yield from _annotated(pod)


def _other(owner: str, container: str, profile: Profile) -> Violation:
    path = f"{owner}.securityContext.appArmorProfile.type"
    found = "not set" if profile.type is None else name(profile.type)
    expected = "RuntimeDefault or Localhost"
    return TOPIC.finding(path, container, f"appArmorProfile.type is {found}", expected, f"set {path}: RuntimeDefault")


def _annotated(pod: Pod) -> Iterator[Violation]:
    for key, value in pod.annotations.items():
        if key.startswith(ANNOTATIONS) and not (
            value in ALLOWED_IN_ANNOTATIONS or value.startswith(LOADED_ON_THE_NODE)
        ):
            path = member(f"{pod.metadata_path}.annotations", key)
            found = f"the annotation's profile is {name(value)}"
            yield TOPIC.finding(path, "", found, "runtime/default or localhost/...", f"remove {path}")


STANDARD = Standard("appArmorProfile", TOPIC, (Revision(0, check),))
