"""The pod that every check is content with, and how a test spoils it: valid, but for one tweak."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from webhook.checks import Check
from webhook.checks.rules import ContainerRules
from webhook.objects import PodTemplateSpec
from webhook.pods import Pod, pod
from webhook.verdict import Violation

ALL_RULES = ContainerRules(
    run_as_non_root=True,
    drop_capabilities=("ALL",),
    allow_added_capabilities=("NET_BIND_SERVICE",),
    read_only_root_filesystem=True,
)

ABSENT = object()
"""As the value of a tweak: take the field away."""

PLACES = {
    "spec.initContainers[0]": "setup",
    "spec.initContainers[1]": "proxy",
    "spec.containers[0]": "app",
    "spec.containers[1]": "web",
    "spec.ephemeralContainers[0]": "debug",
}
"""Where the valid pod has containers, and their names; `proxy` is a sidecar."""


def valid_spec() -> dict[str, Any]:
    """A fresh copy of the spec that every check is content with."""
    return {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000},
        "initContainers": [_container("setup"), {**_container("proxy"), "restartPolicy": "Always"}],
        "containers": [_container("app"), _container("web")],
        "ephemeralContainers": [_container("debug")],
    }


def _container(name: str) -> dict[str, Any]:
    context = {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "readOnlyRootFilesystem": True,
        "privileged": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
    }
    return {"name": name, "image": "registry.example.com/app", "securityContext": context}


def valid_but(tweaks: Mapping[str, object]) -> Pod:
    """The valid pod with some fields set otherwise, each by its path (`spec.containers[0].name`)."""
    spec = valid_spec()
    for path, value in tweaks.items():
        *way, last = [int(step) if step.isdecimal() else step for step in re.findall(r"\w+", path)][1:]
        owner: Any = spec
        for step in way:
            owner = owner[step]
        if value is ABSENT:
            del owner[last]
        else:
            owner[last] = value
    return pod(msgspec.convert({"spec": spec}, PodTemplateSpec))


Finds = Callable[[Mapping[str, object]], list[Violation]]


def found_by(check: Check, rules: ContainerRules = ALL_RULES) -> Finds:
    """What the check finds in the valid pod after tweaks."""
    return lambda tweaks: list(check(valid_but(tweaks), rules))
