"""How the tests of Pod Security write pods, and what is found in them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from webhook.checks.pod_security import selected
from webhook.checks.rules import PodSecurityLevel
from webhook.objects import PodTemplateSpec
from webhook.pods import Pod, pod
from webhook.verdict import Violation

APP_ARMOR = "container.apparmor.security.beta.kubernetes.io"
SECCOMP = "seccomp.security.alpha.kubernetes.io"


def restricted_spec() -> dict[str, Any]:
    """What the restricted level is content with in every version: one container, and all that it wants of the pod."""
    return {
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container("app")],
    }


def container(name: str, **fields: Any) -> dict[str, Any]:
    """A container that the restricted level is content with, some fields of its securityContext set otherwise."""
    context = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, **fields}
    return {"name": name, "securityContext": context}


def made(spec: Mapping[str, Any], annotations: Mapping[str, str] | None = None) -> Pod:
    """The pod of a spec, as it stands in the API's JSON."""
    return pod(msgspec.convert({"spec": spec, "metadata": {"annotations": annotations}}, PodTemplateSpec))


def findings(judged: Pod, level: PodSecurityLevel = "restricted", minor: int | None = None) -> list[Violation]:
    """All that a level finds in a version."""
    return [violation for check in selected(level, minor) for violation in check(judged)]


def places(judged: Pod, level: PodSecurityLevel = "restricted", minor: int | None = None) -> list[tuple[str, str]]:
    """The same: code and path."""
    return [
        (violation.code.value.removeprefix("POD_SECURITY_"), violation.path)
        for violation in findings(judged, level, minor)
    ]
