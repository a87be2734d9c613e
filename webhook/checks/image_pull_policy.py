"""`allowedImagePullPolicies`: when kubelet may pull images, and when it may use what lies on the node.

Where a pod says nothing, the API fills in Always for the tag `latest`, whether it is written or meant and whether or
not a digest follows it, else IfNotPresent (k8s.io/kubernetes, pkg/apis/core/v1/defaults.go: SetDefaults_Container,
SetDefaults_Volume). It does so before pods are judged; manifests and their templates are judged as if it had. An
image that cannot be read, which is a finding of its own, gets IfNotPresent there.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.checks.shown import name, one_of, or_another
from webhook.codes import Code
from webhook.images import ImageReferenceError, parse
from webhook.pods import Pod
from webhook.verdict import Violation


def asked(rules: ContainerRules) -> bool:
    """Whether pull policies are judged."""
    return rules.allowed_image_pull_policies is not None


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each container and image volume that is pulled otherwise."""
    allowed = rules.allowed_image_pull_policies
    if allowed is None or not pod.containers:
        return
    for container in pod.containers:
        written = container.spec.image_pull_policy or ""
        if (written or _default(container.image)) not in allowed:
            path = f"{container.path}.imagePullPolicy"
            yield _refused(path, container.name, written, container.image, allowed)
    for volume in pod.volumes:
        if volume.image is not None:
            written = volume.image_pull_policy or ""
            if (written or _default(volume.image)) not in allowed:
                yield _refused(f"{volume.path}.image.pullPolicy", "", written, volume.image, allowed)


def _default(image: str) -> str:
    try:
        return "Always" if parse(image).tag == "latest" else "IfNotPresent"
    except ImageReferenceError:
        return "IfNotPresent"


def _refused(path: str, container: str, written: str, image: str, allowed: tuple[str, ...]) -> Violation:
    found = name(written) if written else f"not set, which means {_default(image)}"
    return Violation(
        code=Code.IMAGE_PULL_POLICY_NOT_ALLOWED,
        path=path,
        container=container,
        message=f"{path.rpartition('.')[2]} is {found}, expected {one_of(allowed)}",
        fix=f"set {path}: {allowed[0]}{or_another(allowed)}",
    )
