"""Pods for static policies: a valid one, spoiled in a few of its fields, and pods of odd image references."""

import copy
import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.checks.valid import ABSENT, valid_metadata, valid_spec
from tests.policy.test_allowlist_patterns import MATCHES, MISSES
from tests.system.tools import source
from tests.test_image_refusals import REFUSED
from tests.test_images import NORMAL_FORMS

CONTAINERS = ("containers[0]", "containers[1]", "initContainers[0]", "initContainers[1]")
PROFILES = ({"type": "RuntimeDefault"}, {"type": "Localhost", "localhostProfile": "p"}, {"type": "Unconfined"}, ABSENT)
SE_LINUX = (
    {"type": "container_t", "level": "s0"},
    {"type": "spc_t"},
    {"type": "container_engine_t"},
    {"user": "u"},
    {"role": "r"},
)
CAPABILITIES: tuple[Any, ...] = (
    {"drop": ["all"]},
    {"drop": ["ALL"], "add": ["CHOWN"]},
    {"add": ["NET_BIND_SERVICE"]},
    {},
    ABSENT,
)
PORTS = ([{"containerPort": 1, "hostPort": port}] for port in (80, 8000, 8080, 8081, 9000))
HOST = {"httpGet": {"path": "/", "port": 80, "host": "127.0.0.1"}}

SOURCES: tuple[dict[str, Any], ...] = (
    {},
    {"emptyDir": {}},
    {"hostPath": {"path": "/"}},
    {"nfs": {"server": "s", "path": "/"}},
    {"csi": {"driver": "other.example.com"}},
    {"image": {"reference": "registry.example.com/x:latest", "pullPolicy": "Never"}},
)

OF_BOTH: dict[str, tuple[Any, ...]] = {
    "securityContext.runAsNonRoot": (True, False, ABSENT),
    "securityContext.runAsUser": (0, 1, ABSENT),
    "securityContext.seccompProfile": PROFILES,
    "securityContext.appArmorProfile": PROFILES,
    "securityContext.seLinuxOptions": SE_LINUX,
    "securityContext": (ABSENT, {}),
}
OF_CONTAINERS: dict[str, tuple[Any, ...]] = {
    **OF_BOTH,
    "securityContext.readOnlyRootFilesystem": (False, ABSENT),
    "securityContext.allowPrivilegeEscalation": (True, ABSENT),
    "securityContext.capabilities": CAPABILITIES,
    "securityContext.procMount": ("Default", "Unmasked"),
    "image": ("app", "app:latest", f"app:latest@sha256:{'a' * 64}", "registry.example.com:5000/app", "not//legal"),
    "imagePullPolicy": ("Always", "Never", ABSENT),
    "resources": (ABSENT, {"limits": {"memory": "0", "example.com/gpu": 1}}, {"limits": {"memory": "1e3"}}),
    "ports": tuple(PORTS),
    "livenessProbe": (ABSENT, HOST),
    "readinessProbe": (ABSENT,),
    "lifecycle": ({"preStop": HOST}, {"postStart": {"tcpSocket": {"port": 80, "host": "h"}}}),
}
OF_PODS: dict[str, tuple[Any, ...]] = {
    **OF_BOTH,
    "securityContext.sysctls": tuple(
        [{"name": name, "value": "1"}]
        for name in ("net.ipv4.tcp_syncookies", "net.ipv4.tcp_rmem", "net.ipv4.tcp_notsent_lowat", "vm.swappiness")
    ),
    "hostNetwork": (True, False),
    "hostPID": (True,),
    "hostIPC": (True,),
    "hostUsers": (True, False),
    "automountServiceAccountToken": (True, ABSENT),
    "runtimeClassName": ("runc", ABSENT),
    "priorityClassName": ("other", ABSENT),
    "restartPolicy": ("Never", "OnFailure"),
    "volumes[0]": tuple({"name": "settings", **source} for source in SOURCES),
}
LABELS: tuple[dict[str, str], ...] = (
    {"app.kubernetes.io/name": "web"},
    {"team": "red"},
    {"app.kubernetes.io/name": "", "team": "green"},
    {},
)
ANNOTATIONS = (
    {"container.apparmor.security.beta.kubernetes.io/app": "unconfined"},
    {"seccomp.security.alpha.kubernetes.io/pod": "localhost/x"},
    {"container.seccomp.security.alpha.kubernetes.io/web": "unconfined"},
)


def pod(spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A pod of this spec."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "drawn"} | metadata, "spec": spec}


def valid_pod() -> dict[str, Any]:
    """What every check is content with, as it can be created: without ephemeral containers."""
    spec = valid_spec()
    del spec["ephemeralContainers"]
    for container in spec["initContainers"][:1]:
        del container["livenessProbe"], container["readinessProbe"]
    for container in (*spec["initContainers"], *spec["containers"]):
        container["resources"]["requests"] = {"memory": "1Mi"}
    return pod(spec, **valid_metadata())


def spoiled(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Pods with up to four fields set otherwise, the same ones each time."""
    drawing = random.Random(seed)  # noqa: S311 - no secret
    ways = [f"{where}.{way}" for where in CONTAINERS for way in OF_CONTAINERS] + [*OF_PODS] * 3
    for _ in range(count):
        document = valid_pod()
        for way in drawing.choices(ways, k=drawing.randint(0, 4)):
            values = OF_PODS.get(way) or OF_CONTAINERS[way.partition(".")[2]]
            _set(document["spec"], way, drawing.choice(values))
        if drawing.random() < 0.2:
            document["metadata"]["labels"] = drawing.choice(LABELS)
        if drawing.random() < 0.2:
            document["metadata"]["annotations"] = drawing.choice(ANNOTATIONS)
        if drawing.random() < 0.1:
            document["spec"]["os"] = {"name": drawing.choice(["windows", "linux"])}
        yield document


def _set(owner: Any, way: str, value: Any) -> None:
    *steps, last = [int(step) if step.isdecimal() else step for step in re.findall(r"\w+", way)]
    for step in steps:
        if isinstance(owner, dict) and step not in owner:
            owner[step] = {}
        owner = owner[step]
    if value is ABSENT:
        owner.pop(last, None)
    else:
        owner[last] = copy.deepcopy(value)


def odd_references() -> list[str]:
    """Every text that the tests of images and of patterns know, and neighbours of them."""
    texts = [text for _, text, _ in REFUSED] + [row[1] for row in NORMAL_FORMS]
    texts += [row[1] for row in (*MATCHES, *MISSES)]
    texts += ["registry.example.com:443/a/b", "localhost:443/a", "host:443/a", "[::1]:443/a", "[::0]/a", "[0:0::1]/a"]
    texts += ["[2001:db8::1]/a", "[2001:DB8::1]/a", "[::ffff:a9fe:a9fe]/a", "index.docker.io/nginx", "a/b/c/d/e"]
    texts += [f"{text}@sha256:{'b' * 64}" for text in texts if "@" not in text]
    return [text for text in dict.fromkeys(texts) if len(text) < 5000 and "\ud800" not in text]


def of_reference(text: str, *, volume: bool) -> dict[str, Any]:
    """A pod that names this image, in a container or in a volume."""
    fine = f"registry.example.com/team/app@sha256:{'c' * 64}"
    spec: dict[str, Any] = {"containers": [{"name": "app", "image": fine if volume else text}]}
    if volume:
        spec["volumes"] = [{"name": "data", "image": {"reference": text}}]
    return pod(spec)


@cache
def fixtures(level: str, minor: int) -> list[dict[str, Any]]:
    """Kubernetes' own pods for a level and a version, those that pass and those that do not."""
    folder = source("kube-apiserver", "k8s.io/pod-security-admission") / "test" / "testdata" / level / f"v1.{minor}"
    return [_fixture(path) for path in sorted(folder.glob("*/*.yaml"))]


def _fixture(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return document
