"""Reports as `check` makes them, of manifests in memory."""

from collections.abc import Iterator
from typing import Any

from webhook.cli.manifests import Resource, resources_of
from webhook.cli.outputs.judged import Judged, Report
from webhook.codes import Code
from webhook.policy.documents import load
from webhook.verdict import Mode, Verdict, Violation

MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
  name: web
  namespace: prod
spec:
  containers:
  - name: app
    securityContext: {}
    image: nginx
  - name: side
    image: busybox
"""


def finding(**changes: Any) -> Violation:
    given: dict[str, Any] = {
        "code": Code.NOT_SIGNED,
        "path": "spec.containers[0].image",
        "message": "no signature",
        "fix": "sign it",
        "container": "app",
        "policy": "production",
    }
    return Violation(**{**given, **changes})


def resource(source: str = "pod.yaml", content: str = MANIFEST) -> Resource:
    return next(_resources(source, content))


def _resources(source: str, content: str) -> Iterator[Resource]:
    for document in load(source, content.encode()):
        yield from resources_of(document, "default")


def report(*found: Violation, exempted: tuple[Violation, ...] = (), source: str = "pod.yaml") -> Report:
    verdict = Verdict(violations=found, exempted=exempted)
    return Report((Judged(resource(source), verdict),), frozenset({Mode.ENFORCE}))


def one_of_each_mode() -> Report:
    return report(
        finding(),
        finding(code=Code.LATEST_TAG, path="spec.containers[1].image", container="side", mode=Mode.WARN),
        finding(code=Code.READ_ONLY_ROOT_FILESYSTEM, path="spec.containers[1].securityContext", mode=Mode.AUDIT),
        exempted=(finding(code=Code.RUN_AS_NON_ROOT, path="spec.containers[0].securityContext", exemption="OPS-17"),),
    )
