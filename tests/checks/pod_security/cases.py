"""The facts of upstream's own table tests (policy/check_*_test.go): checks by themselves, in some versions.

Each case is an identity, minor versions, a spec, and the paths that are found in each of these versions. Where only the
pod's own fields matter, upstream judges pods without any container; such a spec gets one before it is judged, since
nothing of a pod is judged whose containers are not.
"""

from collections.abc import Mapping
from typing import Any

Case = tuple[str, list[int], dict[str, Any], list[str]]
WINDOWS, LINUX = {"os": {"name": "windows"}}, {"os": {"name": "linux"}}
UNCONFINED, DEFAULT = {"type": "Unconfined"}, {"type": "RuntimeDefault"}


def contexts(*each: Mapping[str, Any] | None) -> dict[str, Any]:
    """Containers a, b, c … with these securityContexts."""
    return {"containers": [{"name": "abcdefghij"[index], "securityContext": one} for index, one in enumerate(each)]}


def pod_context(**fields: Any) -> dict[str, Any]:
    return {"securityContext": fields}


def of(field: str, *indexes: int, pod: bool = False) -> list[str]:
    """The paths of a field of securityContexts: the pod's, and those of the containers with these indexes."""
    owners = [*(["spec"] if pod else []), *(f"spec.containers[{index}]" for index in indexes)]
    return [f"{owner}.securityContext.{field}" for owner in owners]


def sysctl(*names: str) -> dict[str, Any]:
    return pod_context(sysctls=[{"name": name, "value": "1"} for name in names])


FOUR_FLAGS = contexts(
    None, {"allowPrivilegeEscalation": None}, {"allowPrivilegeEscalation": True}, {"allowPrivilegeEscalation": False}
)
ADDITIONS = contexts(
    {"capabilities": {"add": ["FOO", "BAR"]}},
    {"capabilities": {"add": ["BAR", "BAZ"]}},
    {"capabilities": {"add": ["NET_BIND_SERVICE", "CHOWN"], "drop": ["ALL", "FOO"]}},
)
ADDED = [
    "spec.containers[0].securityContext.capabilities.drop",
    "spec.containers[0].securityContext.capabilities.add",
    "spec.containers[1].securityContext.capabilities.drop",
    "spec.containers[1].securityContext.capabilities.add",
    "spec.containers[2].securityContext.capabilities.add",
]
MOUNTS = contexts(None, {}, {"procMount": "Default"}, {"procMount": "Unmasked"}, {"procMount": "other"})
PROFILES = contexts(
    None,
    {},
    {"seccompProfile": UNCONFINED},
    {"seccompProfile": UNCONFINED},
    {"seccompProfile": DEFAULT},
    {"seccompProfile": DEFAULT},
)
SOME_PROFILES = contexts(None, {}, {"seccompProfile": DEFAULT}, {"seccompProfile": DEFAULT})
TYPES = [{"seLinuxOptions": {"type": f"container_{kind}t"}} for kind in ("", "init_", "kvm_", "engine_")]
BAD_OPTIONS = [{"seLinuxOptions": {field: "bar"}} for field in ("type", "user", "role")]
BAD_OF_THE_POD = pod_context(seLinuxOptions={"type": "foo", "user": "bar", "role": "baz"})
POD_OPTIONS = [f"spec.securityContext.seLinuxOptions.{field}" for field in ("type", "user", "role")]
ENGINE = of("seLinuxOptions.type", 3)
CONTAINERS_OPTIONS = [
    f"spec.containers[{index}].securityContext.seLinuxOptions.{field}"
    for index, field in ((4, "type"), (5, "user"), (6, "role"))
]


def host(**handlers: Any) -> dict[str, Any]:
    return {"containers": [{"name": "a", **handlers}]}


def http(name: str | None = None) -> dict[str, Any]:
    return {"httpGet": {"host": name}}


def tcp(name: str | None = None) -> dict[str, Any]:
    return {"tcpSocket": {"host": name}}


A = "spec.containers[0]"
ALLOWED_TYPES = [
    "emptyDir",
    "secret",
    "persistentVolumeClaim",
    "downwardAPI",
    "configMap",
    "projected",
    "csi",
    "ephemeral",
    "image",
]
OTHER_TYPES = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
    "unknown",
]
PORTS = {
    "containers": [
        {"name": "a", "ports": [{"hostPort": 0}]},
        {"name": "b", "ports": [{"hostPort": 0}, {"hostPort": 10}, {"hostPort": 20}]},
        {"name": "c", "ports": [{"hostPort": 0}, {"hostPort": 10}, {"hostPort": 30}]},
    ]
}

CASES: list[Case] = [
    ("allowPrivilegeEscalation", [8, 25, 37], FOUR_FLAGS, of("allowPrivilegeEscalation", 0, 1, 2)),
    ("allowPrivilegeEscalation", [25, 37], WINDOWS, []),
    ("allowPrivilegeEscalation", [8, 24], WINDOWS, of("allowPrivilegeEscalation", 0)),
    ("allowPrivilegeEscalation", [25, 37], LINUX, of("allowPrivilegeEscalation", 0)),
    ("appArmorProfile", [0, 37], {}, []),
    ("appArmorProfile", [0, 37], pod_context(appArmorProfile=DEFAULT), []),
    ("appArmorProfile", [0, 37], contexts({"appArmorProfile": {"type": "Localhost"}}), []),
    ("appArmorProfile", [0, 37], pod_context(appArmorProfile=UNCONFINED), of("appArmorProfile.type", pod=True)),
    (
        "appArmorProfile",
        [0, 37],
        pod_context(appArmorProfile=DEFAULT) | contexts({"appArmorProfile": UNCONFINED}),
        of("appArmorProfile.type", 0),
    ),
    (
        "appArmorProfile",
        [0, 37],
        contexts(None) | {"initContainers": [{"name": "bar", "securityContext": {"appArmorProfile": UNCONFINED}}]},
        ["spec.initContainers[0].securityContext.appArmorProfile.type"],
    ),
    ("capabilities_baseline", [0, 37], ADDITIONS, of("capabilities.add", 0, 1)),
    ("capabilities_restricted", [22, 25, 37], ADDITIONS, ADDED),
    ("capabilities_restricted", [25, 37], WINDOWS, []),
    ("capabilities_restricted", [22, 24], WINDOWS, of("capabilities.drop", 0)),
    ("capabilities_restricted", [25, 37], LINUX, of("capabilities.drop", 0)),
    (
        "hostNamespaces",
        [0, 37],
        {"hostNetwork": True, "hostIPC": True, "hostPID": True},
        ["spec.hostNetwork", "spec.hostPID", "spec.hostIPC"],
    ),
    ("hostNamespaces", [0, 37], {"hostNetwork": False, "hostIPC": None, "hostPID": False}, []),
    (
        "hostPathVolumes",
        [0, 37],
        {"volumes": [{"name": "a", "hostPath": {}}, {"name": "b", "hostPath": {}}, {"name": "c", "emptyDir": {}}]},
        ["spec.volumes[0].hostPath", "spec.volumes[1].hostPath"],
    ),
    (
        "hostPorts",
        [0, 37],
        PORTS,
        [f"spec.containers[{index}].ports[{port}].hostPort" for index in (1, 2) for port in (1, 2)],
    ),
    (
        "hostPorts",
        [0, 37],
        {"containers": [{"ports": [{"hostPort": 0}]}, {"ports": [{"hostPort": 0}, {"hostPort": 20}]}]},
        ["spec.containers[1].ports[1].hostPort"],
    ),
    (
        "hostProbesAndHostLifecycle",
        [34, 37],
        host(livenessProbe=http(), readinessProbe=tcp(), lifecycle={"postStart": http(), "preStop": None}),
        [],
    ),
    (
        "hostProbesAndHostLifecycle",
        [34, 37],
        host(livenessProbe=http("127.0.0.1"), readinessProbe=tcp("::1"), startupProbe=http("localhost")),
        [f"{A}.livenessProbe.httpGet.host", f"{A}.readinessProbe.tcpSocket.host", f"{A}.startupProbe.httpGet.host"],
    ),
    *(
        ("hostProbesAndHostLifecycle", [34, 37], host(**{probe: call(name)}), [f"{A}.{probe}.{action}.host"])
        for probe, call, action, name in (
            ("livenessProbe", http, "httpGet", "invalid.host"),
            ("readinessProbe", tcp, "tcpSocket", "invalid.host"),
            ("startupProbe", http, "httpGet", "invalid.host"),
            ("livenessProbe", http, "httpGet", "8.8.8.8"),
            ("livenessProbe", tcp, "tcpSocket", "2001:4860:4860::8888"),
        )
    ),
    (
        "hostProbesAndHostLifecycle",
        [34, 37],
        host(lifecycle={"postStart": tcp("invalid.host")}),
        [f"{A}.lifecycle.postStart.tcpSocket.host"],
    ),
    (
        "hostProbesAndHostLifecycle",
        [34, 37],
        host(lifecycle={"preStop": http("another.invalid.host")}),
        [f"{A}.lifecycle.preStop.httpGet.host"],
    ),
    (
        "hostProbesAndHostLifecycle",
        [34, 37],
        {
            "containers": [
                {"name": "valid"},
                {"name": "invalid1", "livenessProbe": http("a.com")},
                {"name": "invalid2", "lifecycle": {"preStop": tcp("b.com")}, "startupProbe": http("a.com")},
            ]
        },
        [
            "spec.containers[1].livenessProbe.httpGet.host",
            "spec.containers[2].startupProbe.httpGet.host",
            "spec.containers[2].lifecycle.preStop.tcpSocket.host",
        ],
    ),
    (
        "hostProbesAndHostLifecycle",
        [34, 37],
        {"initContainers": [{"name": "init", "livenessProbe": http("invalid.init.host")}]},
        ["spec.initContainers[0].livenessProbe.httpGet.host"],
    ),
    (
        "privileged",
        [0, 37],
        contexts(None, {}, {"privileged": False}, {"privileged": True}, {"privileged": True}),
        of("privileged", 3, 4),
    ),
    ("procMount", [0, 34, 35, 37], MOUNTS | {"hostUsers": True}, of("procMount", 3, 4)),
    ("procMount", [35, 37], MOUNTS | {"hostUsers": False}, []),
    ("procMount", [0, 34], MOUNTS | {"hostUsers": False}, of("procMount", 3, 4)),
    ("procMount_restricted", [35, 37], MOUNTS, of("procMount", 3, 4)),
    ("procMount_restricted", [35, 37], MOUNTS | {"hostUsers": False}, of("procMount", 3, 4)),
    (
        "restrictedVolumes",
        [0, 37],
        {"volumes": [{"name": kind.lower(), kind: {}} for kind in (*ALLOWED_TYPES, *OTHER_TYPES)]},
        [f"spec.volumes[{index}].{kind}" for index, kind in enumerate(OTHER_TYPES, len(ALLOWED_TYPES))],
    ),
    ("runAsNonRoot", [0, 35, 37], contexts(None), of("runAsNonRoot", 0)),
    ("runAsNonRoot", [0, 35, 37], pod_context(runAsNonRoot=False) | contexts(None), of("runAsNonRoot", pod=True)),
    (
        "runAsNonRoot",
        [0, 35, 37],
        pod_context(runAsNonRoot=True) | contexts(None, {}, *({"runAsNonRoot": flag} for flag in (False, False, True))),
        of("runAsNonRoot", 2, 3),
    ),
    (
        "runAsNonRoot",
        [0, 35, 37],
        contexts(None, {}, {"runAsNonRoot": True}, {"runAsNonRoot": True}),
        of("runAsNonRoot", 0, 1),
    ),
    ("runAsNonRoot", [35, 37], {"hostUsers": False}, []),
    ("runAsNonRoot", [0, 34], {"hostUsers": False}, of("runAsNonRoot", 0)),
    ("runAsUser", [23, 35, 37], pod_context(runAsUser=0) | contexts(None), of("runAsUser", pod=True)),
    ("runAsUser", [23, 35, 37], pod_context(runAsUser=1000) | contexts(None), []),
    ("runAsUser", [23, 35, 37], pod_context(runAsUser=None) | contexts(None), []),
    (
        "runAsUser",
        [23, 35, 37],
        pod_context(runAsUser=1000) | contexts(None, {}, *({"runAsUser": uid} for uid in (0, 0, 1, 1))),
        of("runAsUser", 2, 3),
    ),
    ("runAsUser", [23, 35, 37], contexts(*({"runAsUser": uid} for uid in (1, 2, 3, 4))), []),
    ("runAsUser", [35, 37], pod_context(runAsUser=0) | {"hostUsers": False}, []),
    ("runAsUser", [23, 34], pod_context(runAsUser=0) | {"hostUsers": False}, of("runAsUser", pod=True)),
    ("seccompProfile_baseline", [19, 37], contexts(None), []),
    ("seccompProfile_baseline", [0, 18], pod_context(seccompProfile=UNCONFINED), []),
    (
        "seccompProfile_baseline",
        [19, 37],
        pod_context(seccompProfile=UNCONFINED) | contexts(None),
        of("seccompProfile.type", pod=True),
    ),
    (
        "seccompProfile_baseline",
        [19, 37],
        pod_context(seccompProfile=DEFAULT) | PROFILES,
        of("seccompProfile.type", 2, 3),
    ),
    (
        "seccompProfile_baseline",
        [19, 37],
        pod_context(seccompProfile=UNCONFINED) | PROFILES,
        of("seccompProfile.type", 2, 3, pod=True),
    ),
    ("seccompProfile_restricted", [19, 25, 37], contexts(None), of("seccompProfile.type", 0)),
    ("seccompProfile_restricted", [25, 37], WINDOWS, []),
    ("seccompProfile_restricted", [19, 24], WINDOWS, of("seccompProfile.type", 0)),
    ("seccompProfile_restricted", [25, 37], LINUX, of("seccompProfile.type", 0)),
    (
        "seccompProfile_restricted",
        [19, 25, 37],
        pod_context(seccompProfile=UNCONFINED) | contexts(None),
        of("seccompProfile.type", pod=True),
    ),
    (
        "seccompProfile_restricted",
        [19, 25, 37],
        pod_context(seccompProfile=DEFAULT) | PROFILES,
        of("seccompProfile.type", 2, 3),
    ),
    ("seccompProfile_restricted", [19, 25, 37], SOME_PROFILES, of("seccompProfile.type", 0, 1)),
    ("seLinuxOptions", [31, 37], BAD_OF_THE_POD | contexts(*TYPES, *BAD_OPTIONS), POD_OPTIONS + CONTAINERS_OPTIONS),
    (
        "seLinuxOptions",
        [0, 30],
        BAD_OF_THE_POD | contexts(*TYPES, *BAD_OPTIONS),
        POD_OPTIONS + ENGINE + CONTAINERS_OPTIONS,
    ),
    ("seLinuxOptions", [31, 37], BAD_OF_THE_POD | contexts(*TYPES), POD_OPTIONS),
    ("seLinuxOptions", [31, 37], pod_context(seLinuxOptions={}) | contexts(*TYPES, *BAD_OPTIONS), CONTAINERS_OPTIONS),
    *(
        (
            "seLinuxOptions",
            [0, 31, 37],
            pod_context(seLinuxOptions={field: "bad"}),
            of(f"seLinuxOptions.{field}", pod=True),
        )
        for field in ("type", "user", "role")
    ),
    (
        "sysctls",
        [0, 27, 29, 32, 37],
        sysctl("a", "b"),
        ["spec.securityContext.sysctls[0].name", "spec.securityContext.sysctls[1].name"],
    ),
    *(
        case
        for since, names in (
            (27, ["ip_local_reserved_ports"]),
            (29, ["tcp_keepalive_time", "tcp_fin_timeout", "tcp_keepalive_intvl", "tcp_keepalive_probes"]),
            (32, ["tcp_rmem", "tcp_wmem"]),
            (37, ["tcp_slow_start_after_idle", "tcp_notsent_lowat"]),
        )
        for name in names
        for case in (
            ("sysctls", [0, since - 1], sysctl(f"net.ipv4.{name}"), ["spec.securityContext.sysctls[0].name"]),
            ("sysctls", [since, 37], sysctl(f"net.ipv4.{name}"), []),
        )
    ),
    (
        "windowsHostProcess",
        [0, 37],
        pod_context(windowsOptions={"hostProcess": True})
        | contexts(None, {}, *({"windowsOptions": {"hostProcess": flag}} for flag in (None, False, True, True))),
        of("windowsOptions.hostProcess", 4, 5, pod=True),
    ),
]
