"""The pod that every check is content with, and how a test spoils it: valid, but for one tweak."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from webhook.checks import Check
from webhook.checks.rules import ContainerRules, LabelRule, PodSecurity, PortRange
from webhook.objects import PodTemplateSpec
from webhook.pods import Pod, pod
from webhook.verdict import Violation

ALL_RULES = ContainerRules(
    run_as_non_root=True,
    drop_capabilities=("ALL",),
    allow_added_capabilities=("NET_BIND_SERVICE",),
    read_only_root_filesystem=True,
    required_limits=("memory", "example.com/gpu"),
    required_probes=("liveness", "readiness"),
    required_labels=(LabelRule("app.kubernetes.io/name"), LabelRule("team", ("red", "blue"))),
    deny_latest_tag=True,
    deny_service_account_token=True,
    allowed_image_pull_policies=("Always", "IfNotPresent"),
    allowed_volume_types=("configMap", "csi", "image"),
    allowed_csi_drivers=("secrets-store.csi.k8s.io",),
    allowed_host_ports=(PortRange(8000, 8080), PortRange(9000, 9000)),
    allowed_runtime_classes=("gvisor",),
    allowed_priority_classes=("normal", ""),
    pod_security=PodSecurity("restricted"),
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
        "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "initContainers": [_container("setup"), {**_container("proxy"), "restartPolicy": "Always"}],
        "containers": [_container("app"), _container("web")],
        "ephemeralContainers": [_container("debug")],
        "volumes": [
            {"name": "settings", "configMap": {"name": "settings"}},
            {"name": "keys", "csi": {"driver": "secrets-store.csi.k8s.io"}},
            {"name": "data", "image": {"reference": "registry.example.com/data:1", "pullPolicy": "Always"}},
        ],
        "automountServiceAccountToken": False,
        "runtimeClassName": "gvisor",
        "priorityClassName": "normal",
    }


def valid_metadata() -> dict[str, Any]:
    """The metadata beside it."""
    return {"labels": {"app.kubernetes.io/name": "web", "team": "red"}}


def _container(name: str) -> dict[str, Any]:
    context = {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "readOnlyRootFilesystem": True,
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
    }
    probe = {"httpGet": {"path": "/healthz", "port": 8080}}
    return {
        "name": name,
        "image": "registry.example.com/app:1",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": context,
        "resources": {"limits": {"memory": "256Mi", "example.com/gpu": 1}},
        "ports": [{"containerPort": 80, "hostPort": 0}, {"containerPort": 81}],
        "livenessProbe": probe,
        "readinessProbe": probe,
    }


def valid_but(tweaks: Mapping[str, object]) -> Pod:
    """The valid pod with some fields set otherwise, each by its path (`spec.containers[0].name`)."""
    whole = {"spec": valid_spec(), "metadata": valid_metadata()}
    for path, value in tweaks.items():
        *way, last = [int(step) if step.isdecimal() else step for step in re.findall(r"\w+", path)]
        owner: Any = whole
        for step in way:
            owner = owner[step]
        if value is ABSENT:
            del owner[last]
        else:
            owner[last] = value
    return pod(msgspec.convert(whole, PodTemplateSpec))


Finds = Callable[[Mapping[str, object]], list[Violation]]


def found_by(check: Check, rules: ContainerRules = ALL_RULES) -> Finds:
    """What the check finds in the valid pod after tweaks."""
    return lambda tweaks: list(check(valid_but(tweaks), rules))
