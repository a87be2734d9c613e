"""Pods drawn by a seed, of all that the Pod Security Standards speak about: near to the line between yes and no.

Most are what the API server's validation accepts: a pod that the restricted level admits, or one that says nothing, and
a few tweaks of it.
"""

import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

Fields = dict[str, Any]
Tweak = Callable[[random.Random, Fields], None]
"""Changes a pod in place."""

_DIGEST = "0" * 64
_MOST_TWEAKS = 5


def drawn(seed: int, count: int) -> Iterator[Fields]:
    """So many pods; the same ones for the same seed."""
    for index in range(count):
        chance = random.Random(f"{seed}/{index}")  # noqa: S311 - to be drawn again, not to be kept secret
        pod = _base(chance)
        for tweak in chance.choices(TWEAKS, k=chance.randrange(_MOST_TWEAKS)):
            tweak(chance, pod)
        yield pod


def _base(chance: random.Random) -> Fields:
    hardened = chance.random() < 0.7
    spec: Fields = {"containers": [_container("c0", hardened=hardened)]}
    if chance.random() < 0.4:
        spec["initContainers"] = [_container("i0", hardened=hardened)]
        if chance.random() < 0.5:
            spec["initContainers"][0]["restartPolicy"] = "Always"
    if chance.random() < 0.3:
        spec["containers"].append(_container("c1", hardened=hardened))
    if hardened:
        spec["securityContext"] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "drawn"}, "spec": spec}


def _container(name: str, *, hardened: bool) -> Fields:
    found: Fields = {"name": name, "image": f"registry.invalid/app@sha256:{_DIGEST}"}
    if hardened:
        found["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return found


def _some_container(chance: random.Random, pod: Fields) -> Fields:
    spec = pod["spec"]
    found: Fields = chance.choice([*spec["containers"], *spec.get("initContainers", ())])
    return found


def _context(chance: random.Random, pod: Fields) -> Fields:
    """The security context of a container."""
    found: Fields = _some_container(chance, pod).setdefault("securityContext", {})
    return found


def _any_context(chance: random.Random, pod: Fields) -> Fields:
    """That of the pod or of a container."""
    if chance.random() < 0.4:
        found: Fields = pod["spec"].setdefault("securityContext", {})
        return found
    return _context(chance, pod)


def _set(name: str, *values: Any, of: Callable[[random.Random, Fields], Fields]) -> Tweak:
    """A field of one of these values; None takes it away."""

    def tweak(chance: random.Random, pod: Fields) -> None:
        owner, value = of(chance, pod), chance.choice(values)
        if value is None:
            owner.pop(name, None)
        else:
            owner[name] = deepcopy(value)  # another tweak may go on with it

    return tweak


def _spec(_: random.Random, pod: Fields) -> Fields:
    found: Fields = pod["spec"]
    return found


CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"),
    *("SETGID", "SETPCAP", "SETUID", "SYS_CHROOT", "SYS_ADMIN", "NET_RAW", "net_bind_service", "CAP_NET_BIND_SERVICE"),
    *("sys_admin", "ALL", "all", "CAP_CHOWN", "BPF", ""),
)
SYSCTLS = {
    "kernel.shm_rmid_forced": "0",
    "kernel/shm_rmid_forced": "0",
    "kernel.msgmax": "1",
    "net.core.somaxconn": "1",
    **dict.fromkeys(
        [
            *("net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net/ipv4/tcp_syncookies"),
            *("net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports"),
            *("net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"),
            *("net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_rmemx"),
            *("net.ipv4.tcp_slow_start_after_idle", "net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_mem"),
        ],
        "1",
    ),
}
VOLUMES: tuple[Fields, ...] = (
    {},
    {"emptyDir": {}},
    {"hostPath": {"path": "/var"}},
    {"configMap": {"name": "m"}},
    {"secret": {"secretName": "s"}},
    {"downwardAPI": {"items": []}},
    {"projected": {"sources": []}},
    {"persistentVolumeClaim": {"claimName": "c"}},
    {"csi": {"driver": "driver.example.com"}},
    {"image": {"reference": "registry.invalid/data"}},
    {
        "ephemeral": {
            "volumeClaimTemplate": {
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1"}}}
            }
        }
    },
    {"nfs": {"server": "h", "path": "/"}},
    {"iscsi": {"targetPortal": "h", "iqn": "iqn.2001-04.com.example:storage", "lun": 0}},
    {"gcePersistentDisk": {"pdName": "d"}},
    {"awsElasticBlockStore": {"volumeID": "d"}},
    {"azureDisk": {"diskName": "d", "diskURI": "u"}},
    {"azureFile": {"secretName": "s", "shareName": "s"}},
    {"cephfs": {"monitors": ["m"]}},
    {"cinder": {"volumeID": "d"}},
    {"fc": {"targetWWNs": ["w"], "lun": 0}},
    {"flexVolume": {"driver": "d/d"}},
    {"flocker": {"datasetName": "d"}},
    {"gitRepo": {"repository": "r"}},
    {"glusterfs": {"endpoints": "e", "path": "p"}},
    {"portworxVolume": {"volumeID": "d"}},
    {"quobyte": {"registry": "r:1", "volume": "v"}},
    {"rbd": {"monitors": ["m"], "image": "i"}},
    {"scaleIO": {"gateway": "g", "system": "s", "secretRef": {"name": "s"}, "volumeName": "v"}},
    {"storageos": {"volumeName": "v"}},
    {"vsphereVolume": {"volumePath": "v"}},
)
"""One of each type."""

_SECCOMP = (
    *({"type": "RuntimeDefault"}, {"type": "Unconfined"}, {"type": "Localhost", "localhostProfile": "p.json"}),
    *(None, None),
)
_APP_ARMOR = (
    *({"type": "RuntimeDefault"}, {"type": "Unconfined"}, {"type": "Localhost", "localhostProfile": "p"}),
    None,
)
_HOSTS = ("", "127.0.0.1", "example.com", None)


def _capabilities(chance: random.Random, pod: Fields) -> None:
    found: Fields = _context(chance, pod).setdefault("capabilities", {})
    name = chance.choice(("add", "drop"))
    found[name] = chance.choice(
        [[], ["ALL"], ["all"], ["CAP_ALL"], ["NET_RAW", "ALL"], *([each] for each in CAPABILITIES)]
    )
    if name == "add" and chance.random() < 0.3:
        found[name] = chance.sample(CAPABILITIES, 2)


def _se_linux(chance: random.Random, pod: Fields) -> None:
    types = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t", "spc_t", "Container_t")
    options = {
        "type": chance.choice(types),
        "user": chance.choice(("", "", "", "system_u")),
        "role": chance.choice(("", "", "", "system_r")),
        "level": chance.choice(("", "s0:c1,c2")),
    }
    _any_context(chance, pod)["seLinuxOptions"] = {key: options[key] for key in chance.sample(sorted(options), 2)}


def _sysctls(chance: random.Random, pod: Fields) -> None:
    names = chance.sample(sorted(SYSCTLS), chance.randrange(3))
    pod["spec"].setdefault("securityContext", {})["sysctls"] = [
        {"name": name, "value": SYSCTLS[name]} for name in names
    ]


def _volume(chance: random.Random, pod: Fields) -> None:
    volumes = pod["spec"].setdefault("volumes", [])
    volumes.append({"name": f"v{len(volumes)}", **chance.choice(VOLUMES)})


def _port(chance: random.Random, pod: Fields) -> None:
    port = chance.randrange(1, 65536)
    found = chance.choice(({}, {"hostPort": 0}, {"hostPort": port}, {"hostPort": port, "hostIP": "127.0.0.1"}))
    _some_container(chance, pod).setdefault("ports", []).append({"containerPort": port, **found})


def _handler(chance: random.Random) -> Fields:
    host = chance.choice(_HOSTS)
    named = {} if host is None else {"host": host}
    return chance.choice(
        (
            {"httpGet": {"port": 80, "httpHeaders": [{"name": "Host", "value": "h"}], **named}},
            {"tcpSocket": {"port": 80, **named}},
            {"exec": {"command": ["true"]}},
        )
    )


def _probe(chance: random.Random, pod: Fields) -> None:
    """An init container has neither probes nor handlers, unless it is a sidecar."""
    owners = [*pod["spec"]["containers"], *(e for e in pod["spec"].get("initContainers", ()) if "restartPolicy" in e)]
    owner = chance.choice(owners)
    if chance.random() < 0.6:
        owner[chance.choice(("livenessProbe", "readinessProbe", "startupProbe"))] = _handler(chance)
    else:
        owner.setdefault("lifecycle", {})[chance.choice(("postStart", "preStop"))] = _handler(chance)


def _annotation(chance: random.Random, pod: Fields) -> None:
    profile = chance.choice(("runtime/default", "localhost/p", "unconfined", "docker/default", ""))
    names = [each["name"] for each in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ()))]
    key = chance.choice(
        (
            f"container.apparmor.security.beta.kubernetes.io/{chance.choice(names)}",
            f"container.seccomp.security.alpha.kubernetes.io/{chance.choice(names)}",
            "seccomp.security.alpha.kubernetes.io/pod",
        )
    )
    pod["metadata"].setdefault("annotations", {})[key] = profile


def _windows(_: random.Random, pod: Fields) -> None:
    """A Windows pod says nothing that only Linux knows."""
    pod["spec"]["os"] = {"name": "windows"}
    for each in (pod["spec"], *pod["spec"]["containers"], *pod["spec"].get("initContainers", ())):
        kept = {key: value for key, value in each.pop("securityContext", {}).items() if key == "runAsNonRoot"}
        each["securityContext"] = kept


def _host_process(chance: random.Random, pod: Fields) -> None:
    _any_context(chance, pod)["windowsOptions"] = chance.choice(({}, {"hostProcess": False}, {"hostProcess": True}))
    if chance.random() < 0.7:
        pod["spec"]["hostNetwork"] = True


def _proc_mount(chance: random.Random, pod: Fields) -> None:
    _context(chance, pod)["procMount"] = chance.choice(("Default", "Unmasked", "Unmasked"))
    if chance.random() < 0.8:
        pod["spec"]["hostUsers"] = False


TWEAKS: tuple[Tweak, ...] = (
    _set("runAsNonRoot", True, False, None, of=_any_context),
    _set("runAsNonRoot", True, False, None, of=_any_context),
    _set("runAsUser", 0, 1, 1000, None, of=_any_context),
    _set("runAsUser", 0, 1, 1000, None, of=_any_context),
    _set("allowPrivilegeEscalation", True, False, None, of=_context),
    _set("privileged", True, False, None, of=_context),
    _set("readOnlyRootFilesystem", True, False, of=_context),
    _set("seccompProfile", *_SECCOMP, of=_any_context),
    _set("seccompProfile", *_SECCOMP, of=_any_context),
    _set("appArmorProfile", *_APP_ARMOR, of=_any_context),
    _set("hostUsers", True, False, False, None, of=_spec),
    _set("hostNetwork", True, False, of=_spec),
    _set("hostPID", True, False, of=_spec),
    _set("hostIPC", True, False, of=_spec),
    _set("os", {"name": "linux"}, {"name": "windows"}, of=_spec),
    _set("capabilities", None, {}, of=_context),
    _capabilities,
    _capabilities,
    _se_linux,
    _sysctls,
    _volume,
    _volume,
    _port,
    _probe,
    _probe,
    _annotation,
    _windows,
    _host_process,
    _proc_mount,
)
