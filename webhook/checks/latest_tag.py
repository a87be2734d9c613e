"""`denyLatestTag`: no image is named by `latest`, the tag that says nothing about what it names.

An image without tag and digest means it too. One that has a digest passes, whatever its tag: runtimes pull by the
digest alone. Where tags are replaced by digests before pods are judged, the replaced ones are judged here.

Every image that an update changed is judged, and those of image volumes. Of an image that cannot be read the rules
about images tell. A policy need not have any, and kubelet reads more than we do, so it is told here then.
"""

from collections.abc import Iterator

from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.images import ImageReferenceError, parse
from webhook.pods import ImageUse, Pod
from webhook.verdict import Violation

LATEST = "latest"


def asked(rules: ContainerRules) -> bool:
    """Whether images are looked at."""
    return rules.deny_latest_tag


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each place that names such an image."""
    if not rules.deny_latest_tag:
        return
    for use in pod.images:
        try:
            image = parse(use.text)
        except ImageReferenceError as error:
            if not rules.unreadable_images_told:
                yield Violation(code=Code.REFERENCE_INVALID, path=use.path, container=use.container, message=str(error))
            continue
        if image.tag == LATEST and image.digest is None:
            yield _latest(use)


def _latest(use: ImageUse) -> Violation:
    written = use.text.endswith(f":{LATEST}")
    found = "the tag is latest" if written else "neither tag nor digest is named, which means latest"
    return Violation(
        code=Code.LATEST_TAG,
        path=use.path,
        container=use.container,
        message=f"{found}, expected another tag, or a digest",
        fix=f"set {use.path}: the same image with the tag of a version, or with a digest",
    )
