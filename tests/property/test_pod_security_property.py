"""Pod Security against an oracle that reads the JSON document itself, and knows what the Standards' pages say.

https://kubernetes.io/docs/concepts/security/pod-security-standards/ lists for each control the fields and their allowed
values; upstream's sources have the versions.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook.checks.pod_security import LATEST_MINOR, selected
from webhook.checks.rules import PodSecurityLevel
from webhook.objects import PodTemplateSpec
from webhook.pods import Pod, pod

LISTS = ["initContainers", "containers", "ephemeralContainers"]
APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP = "seccomp.security.alpha.kubernetes.io"
RUNTIMES_OWN = (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"
)
SAFE = {
    0: "kernel.shm_rmid_forced net.ipv4.ip_local_port_range net.ipv4.tcp_syncookies net.ipv4.ping_group_range "
    "net.ipv4.ip_unprivileged_port_start",
    27: "net.ipv4.ip_local_reserved_ports",
    29: "net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout net.ipv4.tcp_keepalive_intvl "
    "net.ipv4.tcp_keepalive_probes",
    32: "net.ipv4.tcp_rmem net.ipv4.tcp_wmem",
    37: "net.ipv4.tcp_slow_start_after_idle net.ipv4.tcp_notsent_lowat",
}
VOLUMES = "configMap csi downwardAPI emptyDir ephemeral image persistentVolumeClaim projected secret"


def fields(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects of which each field may be absent, or null."""
    return st.none() | st.fixed_dictionaries({}, optional=values)


flags = st.sampled_from([True, False, None])
names = st.sampled_from(["ALL", "all", "NET_RAW", *RUNTIMES_OWN.split(), "CAP_CHOWN"])
capabilities = fields(add=st.lists(names, max_size=3), drop=st.lists(names, max_size=3))
profiles = fields(type=st.sampled_from(["RuntimeDefault", "Localhost", "Unconfined", "", None]))
options = fields(
    type=st.sampled_from(["container_t", "container_engine_t", "spc_t", "", None]),
    user=st.sampled_from(["u", "", None]),
    role=st.sampled_from(["r", "", None]),
)
shared = {
    "runAsNonRoot": flags,
    "runAsUser": st.sampled_from([0, 1000, None]),
    "seccompProfile": profiles,
    "appArmorProfile": profiles,
    "seLinuxOptions": options,
    "windowsOptions": fields(hostProcess=flags),
}
contexts = fields(
    **shared,
    privileged=flags,
    allowPrivilegeEscalation=flags,
    procMount=st.sampled_from(["Default", "Unmasked", "", None]),
    capabilities=capabilities,
)
hosts = fields(host=st.sampled_from(["127.0.0.1", "", None]))
handlers = fields(httpGet=hosts, tcpSocket=hosts)
containers = st.fixed_dictionaries(
    {"name": st.sampled_from("abc")},
    optional={
        "securityContext": contexts,
        "ports": st.lists(fields(hostPort=st.sampled_from([0, 80, None])).filter(bool), max_size=2),
        "livenessProbe": handlers,
        "readinessProbe": handlers,
        "startupProbe": handlers,
        "lifecycle": fields(postStart=handlers, preStop=handlers),
    },
)
sysctls = st.lists(st.sampled_from([*" ".join(SAFE.values()).split(), "vm.swappiness"]), max_size=2)
volumes: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from([*VOLUMES.split(), "hostPath", "nfs", "newType"]), st.sampled_from([None, {}])
)
specs = st.fixed_dictionaries(
    {"containers": st.lists(containers, min_size=1, max_size=2)},
    optional={
        "initContainers": st.lists(containers, max_size=1),
        "ephemeralContainers": st.lists(containers, max_size=1),
        "securityContext": fields(
            **shared, sysctls=sysctls.map(lambda all_of_them: [{"name": each} for each in all_of_them])
        ),
        "volumes": st.lists(volumes, max_size=2),
        "os": fields(name=st.sampled_from(["windows", "Windows", "linux"])),
        "hostUsers": flags,
        "hostNetwork": flags,
        "hostPID": flags,
        "hostIPC": flags,
    },
)
annotations = st.dictionaries(
    st.sampled_from([f"{APP_ARMOR}a", f"{APP_ARMOR}x", f"{SECCOMP}/pod", f"container.{SECCOMP}/a", "note"]),
    st.sampled_from(["unconfined", "runtime/default", "docker/default", "localhost/x", ""]),
)
minors = st.integers(0, LATEST_MINOR)


def read(document: Any, way: str) -> Any:
    """What is at the end of the way; None where there is nothing."""
    for step in way.split("."):
        document = None if document is None else document.get(step)
    return document


class Oracle:
    """What one pod says, field by field."""

    def __init__(self, spec: dict[str, Any], annotated: dict[str, str], minor: int) -> None:
        self.spec, self.annotated, self.minor = spec, annotated, minor
        self.containers = [each for where in LISTS for each in spec.get(where) or []]
        self.windows = minor >= 25 and read(spec, "os.name") == "windows"
        self.own_users = minor >= 35 and spec.get("hostUsers") is False

    def of_containers(self, way: str) -> list[Any]:
        return [read(each, f"securityContext.{way}") for each in self.containers]

    def of_all(self, way: str) -> list[Any]:
        return [read(self.spec, f"securityContext.{way}"), *self.of_containers(way)]

    def denied(self, level: str) -> Iterator[str]:
        """The controls that say no."""
        tests: dict[str, Callable[[], bool]] = {
            name.removeprefix("no_"): getattr(self, name) for name in dir(self) if name.startswith("no_")
        }
        restricted_alone = {"escalation", "capabilities_restricted", "volumes", "root", "root_user", "seccomp_set"}
        for name, says_no in tests.items():
            if (level == "restricted" or name not in restricted_alone) and says_no():
                yield name

    def no_host_namespaces(self) -> bool:
        return any(self.spec.get(field) for field in ("hostNetwork", "hostPID", "hostIPC"))

    def no_privileged(self) -> bool:
        return True in self.of_containers("privileged")

    def no_capabilities(self) -> bool:
        added = [name for each in self.of_containers("capabilities.add") for name in each or []]
        return not set(added) <= set(RUNTIMES_OWN.split())

    def no_host_path(self) -> bool:
        return any(each.get("hostPath") is not None for each in self.spec.get("volumes") or [])

    def no_host_ports(self) -> bool:
        return any(port.get("hostPort") for each in self.containers for port in each.get("ports") or [])

    def no_host_probes(self) -> bool:
        handled = [
            read(each, f"{handler}.{action}.host")
            for each in self.containers
            for handler in (
                "livenessProbe",
                "readinessProbe",
                "startupProbe",
                "lifecycle.postStart",
                "lifecycle.preStop",
            )
            for action in ("httpGet", "tcpSocket")
        ]
        return self.minor >= 34 and any(handled)

    def no_app_armor(self) -> bool:
        set_to = [each.get("type") for each in self.of_all("appArmorProfile") if each is not None]
        named = [value for key, value in self.annotated.items() if key.startswith(APP_ARMOR)]
        good = all(value in {"", "runtime/default"} or value.startswith("localhost/") for value in named)
        return not good or not set(set_to) <= {"RuntimeDefault", "Localhost"}

    def no_selinux(self) -> bool:
        types = {None, "", "container_t"} | ({"container_engine_t"} if self.minor >= 31 else set())
        free = any(self.of_all("seLinuxOptions.user")) or any(self.of_all("seLinuxOptions.role"))
        return free or not set(self.of_all("seLinuxOptions.type")) <= types

    def unmasked(self) -> bool:
        return not set(self.of_containers("procMount")) <= {None, "Default"}

    def no_proc_mount(self) -> bool:
        return self.unmasked() and not self.own_users

    def no_seccomp_off(self) -> bool:
        if self.minor >= 19:
            set_to = {each.get("type") for each in self.of_all("seccompProfile") if each is not None}
            return not set_to <= {"RuntimeDefault", "Localhost"}
        keys = [f"{SECCOMP}/pod", *(f"container.{SECCOMP}/{each['name']}" for each in self.containers)]
        values = [self.annotated[key] for key in keys if key in self.annotated]
        return not all(value in {"runtime/default", "docker/default"} or value[:10] == "localhost/" for value in values)

    def no_sysctls(self) -> bool:
        safe = {name for since, known in SAFE.items() if since <= self.minor for name in known.split()}
        return not {each["name"] for each in read(self.spec, "securityContext.sysctls") or []} <= safe

    def no_host_process(self) -> bool:
        return True in self.of_all("windowsOptions.hostProcess")

    def no_escalation(self) -> bool:
        given = self.of_containers("allowPrivilegeEscalation")
        return self.minor >= 8 and not self.windows and set(given) != {False}

    def no_capabilities_restricted(self) -> bool:
        if self.minor < 22 or self.windows:
            return False
        dropped = [each or [] for each in self.of_containers("capabilities.drop")]
        added = [name for each in self.of_containers("capabilities.add") for name in each or []]
        return not all("ALL" in each for each in dropped) or not set(added) <= {"NET_BIND_SERVICE"}

    def no_volumes(self) -> bool:
        types = {kind for each in self.spec.get("volumes") or [] for kind in each if each[kind] is not None}
        return not types <= set(VOLUMES.split())

    def no_root(self) -> bool:
        pod_says, *said = self.of_all("runAsNonRoot")
        return not self.own_users and (
            pod_says is False or not all(pod_says if each is None else each for each in said)
        )

    def no_root_user(self) -> bool:
        return self.minor >= 23 and not self.own_users and 0 in self.of_all("runAsUser")

    def no_seccomp_set(self) -> bool:
        pod_has, *have = [each is not None for each in self.of_all("seccompProfile")]
        return self.minor >= 19 and not self.windows and not pod_has and not all(have)


CONTROLS = {
    "HOST_NAMESPACES": "host_namespaces",
    "PRIVILEGED": "privileged",
    "CAPABILITIES_BASELINE": "capabilities",
    "HOST_PATH_VOLUMES": "host_path",
    "HOST_PORTS": "host_ports",
    "HOST_PROBES_AND_HOST_LIFECYCLE": "host_probes",
    "APP_ARMOR_PROFILE": "app_armor",
    "SE_LINUX_OPTIONS": "selinux",
    "PROC_MOUNT": "proc_mount",
    "SECCOMP_PROFILE_BASELINE": "seccomp_off",
    "SYSCTLS": "sysctls",
    "WINDOWS_HOST_PROCESS": "host_process",
    "ALLOW_PRIVILEGE_ESCALATION": "escalation",
    "RUN_AS_NON_ROOT": "root",
    "RUN_AS_USER": "root_user",
}
"""Codes and the oracle's names for the same; those of overriding checks stand for two of them."""


def judged(spec: dict[str, Any], annotated: dict[str, str]) -> Pod:
    document = {"spec": spec, "metadata": {"annotations": annotated}}
    return pod(msgspec.json.decode(json.dumps(document), type=PodTemplateSpec))


def codes(one: Pod, level: PodSecurityLevel, minor: int) -> set[str]:
    return {violation.code.value[13:] for check in selected(level, minor) for violation in check(one)}


@settings(max_examples=400, deadline=None)
@given(specs, annotations, minors)
def test_baseline_finds_what_the_oracle_finds(spec: dict[str, Any], annotated: dict[str, str], minor: int) -> None:
    found = {CONTROLS[code] for code in codes(judged(spec, annotated), "baseline", minor)}
    assert found == set(Oracle(spec, annotated, minor).denied("baseline"))


@settings(max_examples=400, deadline=None)
@given(specs, annotations, minors)
def test_restricted_finds_what_the_oracle_finds(spec: dict[str, Any], annotated: dict[str, str], minor: int) -> None:
    oracle = Oracle(spec, annotated, minor)
    wanted = set(oracle.denied("restricted"))
    overriding = {
        "CAPABILITIES_RESTRICTED": {"capabilities", "capabilities_restricted"} & wanted if minor >= 22 else set(),
        "SECCOMP_PROFILE_RESTRICTED": {"seccomp_off", "seccomp_set"} & wanted if minor >= 19 else set(),
        "RESTRICTED_VOLUMES": {"host_path", "volumes"} & wanted,
        "PROC_MOUNT_RESTRICTED": {"proc_mount"} if minor >= 35 and oracle.unmasked() else set(),
    }
    if oracle.windows:  # where an overriding check looks away, baseline's is made
        del overriding["CAPABILITIES_RESTRICTED"], overriding["SECCOMP_PROFILE_RESTRICTED"]
    overridden = set().union(*overriding.values())
    expected = {code for code, control in CONTROLS.items() if control in wanted - overridden}
    expected |= {code for code, controls in overriding.items() if controls}
    assert codes(judged(spec, annotated), "restricted", minor) == expected


@settings(deadline=None)
@given(specs, annotations, minors)
def test_restricted_lets_nothing_pass_that_baseline_refuses(
    spec: dict[str, Any], annotated: dict[str, str], minor: int
) -> None:
    one = judged(spec, annotated)
    assert codes(one, "restricted", minor) or not codes(one, "baseline", minor)


@settings(deadline=None)
@given(specs, annotations, minors)
def test_each_field_has_one_finding(spec: dict[str, Any], annotated: dict[str, str], minor: int) -> None:
    for where in LISTS:
        for index, each in enumerate(spec.get(where) or []):
            each["name"] = f"{where}-{index}"
    one = judged(spec, annotated)
    for level in ("baseline", "restricted"):
        paths = [violation.path for check in selected(level, minor) for violation in check(one)]
        assert len(paths) == len(set(paths))


@settings(deadline=None)
@given(specs, annotations, minors)
def test_a_pod_of_which_no_container_is_judged_has_no_finding(
    spec: dict[str, Any], annotated: dict[str, str], minor: int
) -> None:
    one = judged(spec, annotated).nothing()
    assert codes(one, "baseline", minor) == codes(one, "restricted", minor) == set()
