"""`requiredLimits`: each container has a limit of the resources that the policy names.

A limit of 0 is none: kubelet hands it on to the runtime as it stands, where 0 means unlimited (calculateLinuxResources,
pkg/kubelet/kuberuntime). Limits of the pod as a whole (`spec.resources`) do not make up for those of a container. The
API refuses `resources` in ephemeral containers, so those are not judged.
"""

import re
from collections.abc import Iterator
from typing import Any

from webhook.checks.rules import ContainerRules
from webhook.checks.shown import member
from webhook.codes import Code
from webhook.pods import Container, ContainerKind, Pod
from webhook.verdict import Violation

_ZERO = re.compile(r"[+-]?[0.]*(?:[A-Za-z].*)?", re.ASCII | re.DOTALL)
"""A quantity without a digit from 1 to 9 before its suffix or exponent (apimachinery, pkg/api/resource)."""

_EXAMPLES = {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "1Gi"}


def asked(rules: ContainerRules) -> bool:
    """Whether there are resources that must have a limit."""
    return bool(rules.required_limits)


def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
    """One finding for each container and resource without a limit."""
    if not rules.required_limits:
        return
    for container in pod.containers:
        if container.kind is ContainerKind.EPHEMERAL:
            continue
        resources = container.spec.resources
        limits = resources.limits if resources is not None else None
        for resource in rules.required_limits:
            limit = limits.get(resource) if limits else None
            if limit is None or _ZERO.fullmatch(str(limit)):
                yield _unlimited(container, resource, limit)


def _unlimited(container: Container, resource: str, limit: Any) -> Violation:
    path = member(f"{container.path}.resources.limits", resource)
    found = "is not set" if limit is None else "is 0, which limits nothing"
    return Violation(
        code=Code.LIMITS_MISSING,
        path=path,
        container=container.name,
        message=f"the limit of {resource} {found}, expected one",
        fix=f"set {path}: {_EXAMPLES.get(resource, '1')} (or what the container needs at most)",
    )
