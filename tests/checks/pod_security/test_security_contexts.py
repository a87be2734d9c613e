"""SEC-01 to SEC-28: what securityContexts mean, and how they are misread.

SEC-14 (`readOnlyRootFilesystem`) is a check of its own, SEC-28 (versions) about the selection; here SEC-14 has only
that no level asks for it. SEC-25 is about what images say of their user, which no level judges.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tests.checks.pod_security.judged import APP_ARMOR, container, made, places, restricted_spec
from webhook.objects import PodTemplateSpec
from webhook.pods import pod

POD = "spec.securityContext"
APP = "spec.containers[0].securityContext"


def spec(shared: Mapping[str, Any] | None = None, *containers: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """The valid spec, but for the pod's securityContext, the containers' (one each) and other fields."""
    whole = restricted_spec()
    whole["securityContext"] |= shared or {}
    if containers:
        whole["containers"] = [container(f"c{index}", **each) for index, each in enumerate(containers)]
    return whole | fields


NON_ROOT = ("RUN_AS_NON_ROOT", f"{APP}.runAsNonRoot")
ROOT = ("RUN_AS_USER", f"{APP}.runAsUser")
POD_NON_ROOT = ("RUN_AS_NON_ROOT", f"{POD}.runAsNonRoot")
POD_ROOT = ("RUN_AS_USER", f"{POD}.runAsUser")
DROP = ("CAPABILITIES_RESTRICTED", f"{APP}.capabilities.drop")
ADD = ("CAPABILITIES_RESTRICTED", f"{APP}.capabilities.add")
BASELINE_ADD = ("CAPABILITIES_BASELINE", f"{APP}.capabilities.add")
SECCOMP = ("SECCOMP_PROFILE_RESTRICTED", f"{APP}.seccompProfile.type")
POD_SECCOMP = ("SECCOMP_PROFILE_RESTRICTED", f"{POD}.seccompProfile.type")
ESCALATION = ("ALLOW_PRIVILEGE_ESCALATION", f"{APP}.allowPrivilegeEscalation")
PROC = ("PROC_MOUNT_RESTRICTED", f"{APP}.procMount")
BASELINE_PROC = ("PROC_MOUNT", f"{APP}.procMount")

UNCONFINED = {"type": "Unconfined"}
DEFAULT = {"type": "RuntimeDefault"}
ALL = ["ALL"]

Places = list[tuple[str, str]]


@pytest.mark.parametrize(
    ("tried", "found"),
    [
        pytest.param(spec({}, {"runAsNonRoot": False}), [NON_ROOT], id="SEC-01 the container's false wins"),
        pytest.param(
            spec({"runAsNonRoot": False}, {"runAsNonRoot": True}, {"runAsNonRoot": True}),
            [POD_NON_ROOT],
            id="SEC-02 the pod's false counts where nothing inherits it",
        ),
        pytest.param(
            spec({"runAsNonRoot": None}, {"runAsNonRoot": True}, {"runAsNonRoot": True}),
            [],
            id="SEC-03 every container says so",
        ),
        pytest.param(spec({"runAsNonRoot": None}, {}), [NON_ROOT], id="SEC-03 nobody says so"),
        pytest.param(spec({"runAsUser": 0}, {"runAsUser": 1000}), [POD_ROOT], id="SEC-04 the pod is root"),
        pytest.param(spec({"runAsUser": 1000}, {"runAsUser": 0}), [ROOT], id="SEC-04 the container is root"),
        pytest.param(spec({"runAsUser": -1}), [], id="SEC-05 a UID that the API refuses"),
        pytest.param(
            spec({"runAsGroup": 0, "fsGroup": 0, "supplementalGroups": [0]}, {"runAsGroup": 0}), [], id="SEC-06 groups"
        ),
        pytest.param(spec({"runAsUser": 0}, hostUsers=True), [POD_ROOT], id="SEC-07 hostUsers: true relaxes nothing"),
        pytest.param(spec({"runAsUser": 0}, hostUsers=None), [POD_ROOT], id="SEC-07 nor does null"),
        pytest.param(
            spec({"runAsNonRoot": None, "runAsUser": 0}, {"runAsUser": 0, "runAsNonRoot": False}, hostUsers=False),
            [],
            id="SEC-07 hostUsers: false relaxes both",
        ),
        pytest.param(spec({}, {"procMount": "Unmasked"}, hostUsers=False), [PROC], id="SEC-08 but not procMount"),
        pytest.param(
            spec(
                {"seccompProfile": UNCONFINED},
                {"privileged": True, "allowPrivilegeEscalation": True, "capabilities": {"add": ["CHOWN"]}},
                hostUsers=False,
                hostNetwork=True,
            ),
            [
                ("HOST_NAMESPACES", "spec.hostNetwork"),
                ("PRIVILEGED", f"{APP}.privileged"),
                ESCALATION,
                DROP,
                ADD,
                POD_SECCOMP,
            ],
            id="SEC-09 and nothing else",
        ),
        *(
            pytest.param(spec({}, {"capabilities": {"drop": drop}}), [DROP], id=f"SEC-10 drop {drop}")
            for drop in (["all"], ["CAP_ALL"], [], None, [""], ["ALL\n"])
        ),
        pytest.param(spec({}, {"capabilities": None}), [DROP], id="SEC-10 null capabilities"),
        pytest.param(spec({}, {"capabilities": {"drop": ["NET_RAW", "ALL"]}}), [], id="SEC-11 more than all"),
        pytest.param(
            spec({}, {"capabilities": {"drop": ALL, "add": ["NET_BIND_SERVICE"]}}), [], id="SEC-12 the one to add"
        ),
        *(
            pytest.param(spec({}, {"capabilities": {"drop": ALL, "add": [name]}}), [ADD], id=f"SEC-12 add {name}")
            for name in ("CAP_NET_BIND_SERVICE", "net_bind_service", "CHOWN", "sys_admin", "ALL", "")
        ),
        pytest.param(spec({}, {"allowPrivilegeEscalation": None}), [ESCALATION], id="SEC-13 null"),
        pytest.param(spec({}, {"allowPrivilegeEscalation": True}), [ESCALATION], id="SEC-13 true"),
        pytest.param(spec({}, {"readOnlyRootFilesystem": False}), [], id="SEC-14 no level asks for it"),
        pytest.param(spec({}, {"seccompProfile": UNCONFINED}), [SECCOMP], id="SEC-15 the container turns it off"),
        pytest.param(
            spec({"seccompProfile": UNCONFINED}, {"seccompProfile": DEFAULT}), [POD_SECCOMP], id="SEC-15 the pod does"
        ),
        pytest.param(
            spec({"seccompProfile": None}, {"seccompProfile": DEFAULT}), [], id="SEC-15 every container has its own"
        ),
        pytest.param(spec({"seccompProfile": None}, {}), [SECCOMP], id="SEC-15 no profile at all"),
        pytest.param(spec({"seccompProfile": {}}), [POD_SECCOMP], id="SEC-15 a profile without a type"),
        pytest.param(spec({"seccompProfile": {"type": "Localhost"}}), [], id="SEC-15 Localhost without a name"),
        pytest.param(
            spec({}, {"seLinuxOptions": {"type": "container_engine_t", "level": "s0:c1,c2"}}), [], id="SEC-17 engine"
        ),
        pytest.param(
            spec({"seLinuxOptions": {"type": "spc_t", "user": "u", "role": "r"}}),
            [("SE_LINUX_OPTIONS", f"{POD}.seLinuxOptions.{field}") for field in ("type", "user", "role")],
            id="SEC-17 each field has its finding",
        ),
        pytest.param(
            spec({}, {"seLinuxOptions": {"type": "", "user": "", "role": None, "level": "s0"}}), [], id="SEC-17 empty"
        ),
        pytest.param(
            spec({"sysctls": [{"name": "net.ipv4.tcp_syncookies"}, {"name": "net/ipv4/tcp_syncookies"}, {}]}),
            [("SYSCTLS", f"{POD}.sysctls[1].name"), ("SYSCTLS", f"{POD}.sysctls[2].name")],
            id="SEC-18 slashes",
        ),
        pytest.param(spec(volumes=[{"name": "a"}]), [], id="SEC-21 a volume without a source is an emptyDir"),
        pytest.param(
            spec(volumes=[{"name": "a", "newThing": {}}]),
            [("RESTRICTED_VOLUMES", "spec.volumes[0].newThing")],
            id="SEC-21 a new type",
        ),
        pytest.param(
            spec(volumes=[{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}, "nfs": {}}]),
            [("RESTRICTED_VOLUMES", "spec.volumes[0].hostPath"), ("RESTRICTED_VOLUMES", "spec.volumes[0].nfs")],
            id="SEC-22 every source counts",
        ),
        pytest.param(
            spec({}, {"capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}}, os={"name": "windows"}),
            [BASELINE_ADD],
            id="SEC-23 baseline holds on Windows",
        ),
        pytest.param(
            spec({"seccompProfile": UNCONFINED}, {}, os={"name": "windows"}),
            [("SECCOMP_PROFILE_BASELINE", f"{POD}.seccompProfile.type")],
            id="SEC-23 baseline's seccomp too",
        ),
        pytest.param(
            spec(
                {"seccompProfile": None},
                {"capabilities": None, "allowPrivilegeEscalation": None},
                os={"name": "windows"},
            ),
            [],
            id="SEC-23 Windows needs none of it",
        ),
        pytest.param(
            spec({"runAsNonRoot": None, "runAsUser": 0}, {}, os={"name": "windows"}),
            [NON_ROOT, POD_ROOT],
            id="LOC-17 but runAsNonRoot",
        ),
        pytest.param(
            spec({}, {"allowPrivilegeEscalation": None}, os={"name": "Windows"}), [ESCALATION], id="LOC-17 spelling"
        ),
        pytest.param(
            spec(volumes=[{"name": "a", "gitRepo": {}}]),
            [("RESTRICTED_VOLUMES", "spec.volumes[0].gitRepo")],
            id="SEC-24 gitRepo",
        ),
        pytest.param(spec({"runAsNonRoot": True}, {"runAsNonRoot": None}), [], id="SEC-26 null is like missing"),
    ],
)
def test_restricted_finds(tried: dict[str, Any], found: Places) -> None:
    assert places(made(tried)) == found


@pytest.mark.parametrize(
    ("tried", "found"),
    [
        pytest.param(spec({}, {"capabilities": {"add": ["CHOWN"]}}), [], id="SEC-12 CHOWN"),
        pytest.param(spec({}, {"capabilities": {"add": ["chown"]}}), [BASELINE_ADD], id="SEC-12 chown"),
        pytest.param(spec({}, {"capabilities": {"add": ["NET_RAW", "KILL"]}}), [BASELINE_ADD], id="SEC-12 NET_RAW"),
        pytest.param(spec({}, {"procMount": "Unmasked"}, hostUsers=False), [], id="SEC-08 unmasked for its own users"),
        pytest.param(spec({}, {"procMount": "Unmasked"}, hostUsers=True), [BASELINE_PROC], id="SEC-08 for the node's"),
        pytest.param(spec({}, {"procMount": ""}), [BASELINE_PROC], id="SEC-08 an empty text is a value"),
        pytest.param(spec(volumes=[{"name": "a", "gitRepo": {}}]), [], id="SEC-24 gitRepo"),
        pytest.param(
            spec(volumes=[{"name": "a", "emptyDir": {}, "hostPath": {}}]),
            [("HOST_PATH_VOLUMES", "spec.volumes[0].hostPath")],
            id="SEC-22 an empty hostPath is one",
        ),
        pytest.param(spec(volumes=[{"name": "a", "hostPath": None}]), [], id="SEC-26 null is none"),
        pytest.param(
            spec({"seccompProfile": None}, {"capabilities": None, "allowPrivilegeEscalation": True}), [], id="the rest"
        ),
        pytest.param(
            spec(hostNetwork=True, hostPID=True, hostIPC=True),
            [("HOST_NAMESPACES", f"spec.{field}") for field in ("hostNetwork", "hostPID", "hostIPC")],
            id="each namespace has its finding",
        ),
        pytest.param(
            spec(containers=[{"name": "a", "ports": [{"hostPort": 0}, {"hostPort": 80}, {}, {"hostPort": -1}]}]),
            [
                ("HOST_PORTS", "spec.containers[0].ports[1].hostPort"),
                ("HOST_PORTS", "spec.containers[0].ports[3].hostPort"),
            ],
            id="SEC-20 ports",
        ),
        pytest.param(
            spec({"windowsOptions": {"hostProcess": True}}, {"windowsOptions": {"hostProcess": True}}),
            [
                ("WINDOWS_HOST_PROCESS", f"{POD}.windowsOptions.hostProcess"),
                ("WINDOWS_HOST_PROCESS", f"{APP}.windowsOptions.hostProcess"),
            ],
            id="processes of the node",
        ),
        pytest.param(
            spec({"windowsOptions": {}}, {"windowsOptions": {"hostProcess": False}}), [], id="none of the node's"
        ),
    ],
)
def test_baseline_finds(tried: dict[str, Any], found: Places) -> None:
    assert places(made(tried), "baseline") == found


@pytest.mark.parametrize(
    ("value", "allowed"),
    [
        ("unconfined", False),
        ("", True),
        ("runtime/default", True),
        ("localhost/", True),
        ("localhost", False),
        ("docker/default", False),
        ("Runtime/Default", False),
    ],
)
def test_sec_16_an_annotation_of_app_armor_counts_whatever_container_it_names(value: str, allowed: bool) -> None:
    key = f"{APP_ARMOR}/nobody"
    found = [] if allowed else [("APP_ARMOR_PROFILE", f'metadata.annotations["{key}"]')]
    assert places(made(spec(), {key: value, "note": "unconfined"}), "baseline", 0) == found
    assert places(made(spec(), {key: value})) == found


def test_sec_16_an_annotation_of_a_template_is_at_its_own_place() -> None:
    key = f"{APP_ARMOR}/app"
    template = msgspec.convert(
        {"spec": restricted_spec(), "metadata": {"annotations": {key: "unconfined"}}}, PodTemplateSpec
    )
    judged = pod(template, "spec.template.spec")
    assert places(judged) == [("APP_ARMOR_PROFILE", f'spec.template.metadata.annotations["{key}"]')]


@pytest.mark.parametrize(
    ("profile", "allowed"),
    [("RuntimeDefault", True), ("Localhost", True), ("Unconfined", False), ("", False), (None, False)],
)
def test_sec_16_fields_of_app_armor(profile: str | None, allowed: bool) -> None:
    tried = spec({"appArmorProfile": {"type": profile}}, {"appArmorProfile": {"type": profile}})
    found = [("APP_ARMOR_PROFILE", f"{owner}.appArmorProfile.type") for owner in (POD, APP)]
    assert places(made(tried)) == ([] if allowed else found)


RUNTIMES_OWN = (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT"
)


@pytest.mark.parametrize("name", RUNTIMES_OWN.split())
def test_sec_12_baseline_takes_the_capabilities_of_runtimes(name: str) -> None:
    for minor in (0, 37):
        assert places(made(spec({}, {"capabilities": {"add": [name]}})), "baseline", minor) == []
        mangled = [name.lower(), f"CAP_{name}", f"{name} "]
        assert places(made(spec({}, {"capabilities": {"add": mangled}})), "baseline", minor) == [BASELINE_ADD]


@pytest.mark.parametrize(
    "name",
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_syncookies",
    ],
)
def test_sec_18_some_sysctls_were_safe_always(name: str) -> None:
    for minor in (0, 26, 37):
        assert places(made(spec({"sysctls": [{"name": name}]})), "baseline", minor) == []
        assert len(places(made(spec({"sysctls": [{"name": f"{name} "}]})), "baseline", minor)) == 1


SYSCTLS = {
    27: ["ip_local_reserved_ports"],
    29: ["tcp_keepalive_time", "tcp_fin_timeout", "tcp_keepalive_intvl", "tcp_keepalive_probes"],
    32: ["tcp_rmem", "tcp_wmem"],
    37: ["tcp_slow_start_after_idle", "tcp_notsent_lowat"],
}


@pytest.mark.parametrize("since", SYSCTLS)
def test_sec_18_a_sysctl_is_safe_from_its_version_on(since: int) -> None:
    for name in SYSCTLS[since]:
        judged = made(spec({"sysctls": [{"name": f"net.ipv4.{name}"}]}))
        assert places(judged, "baseline", since) == []
        assert places(judged, "baseline", since - 1) == [("SYSCTLS", f"{POD}.sysctls[0].name")]


HANDLERS = ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle.postStart", "lifecycle.preStop"]


@pytest.mark.parametrize("action", ["httpGet", "tcpSocket"])
@pytest.mark.parametrize("handler", HANDLERS)
def test_sec_19_no_probe_and_no_handler_has_a_host_since_1_34(handler: str, action: str) -> None:
    def judged(host: str | None) -> Any:
        written: dict[str, Any] = {action: {"host": host, "port": 80, "httpHeaders": [{"name": "Host", "value": "x"}]}}
        for step in reversed(handler.split(".")):
            written = {step: written}
        return made(spec(containers=[{**container("app"), **written}]))

    path = f"spec.containers[0].{handler}.{action}.host"
    assert places(judged("127.0.0.1")) == [("HOST_PROBES_AND_HOST_LIFECYCLE", path)]
    assert places(judged("127.0.0.1"), "baseline", 34) == [("HOST_PROBES_AND_HOST_LIFECYCLE", path)]
    assert places(judged("127.0.0.1"), "restricted", 33) == []
    assert places(judged("")) == places(judged(None)) == []


@pytest.mark.parametrize(
    ("change", "minor", "before", "after"),
    [
        pytest.param(
            spec({"runAsNonRoot": None, "runAsUser": 0}, hostUsers=False), 35, [NON_ROOT, POD_ROOT], [], id="SEC-07"
        ),
        pytest.param(spec({}, {"procMount": "x"}, hostUsers=False), 35, [BASELINE_PROC], [PROC], id="SEC-08"),
        pytest.param(spec({"runAsUser": 0}), 23, [], [POD_ROOT], id="runAsUser"),
        pytest.param(spec({}, {"allowPrivilegeEscalation": None}), 8, [], [ESCALATION], id="escalation"),
        pytest.param(spec({}, {"capabilities": {"add": ["CHOWN"]}}), 22, [], [DROP, ADD], id="capabilities"),
        pytest.param(
            spec({}, {"capabilities": {"add": ["X"]}}), 22, [BASELINE_ADD], [DROP, ADD], id="capabilities of neither"
        ),
        pytest.param(spec({"seccompProfile": None}, {}), 19, [], [SECCOMP], id="seccomp"),
        pytest.param(
            spec({"seccompProfile": None}, {}, os={"name": "windows"}), 25, [SECCOMP], [], id="seccomp on Windows"
        ),
        pytest.param(
            spec({}, {"capabilities": None}, os={"name": "windows"}), 25, [DROP], [], id="capabilities on Windows"
        ),
        pytest.param(
            spec({}, {"allowPrivilegeEscalation": True}, os={"name": "windows"}),
            25,
            [ESCALATION],
            [],
            id="escalation on Windows",
        ),
        pytest.param(
            spec({"seLinuxOptions": {"type": "container_engine_t"}}),
            31,
            [("SE_LINUX_OPTIONS", f"{POD}.seLinuxOptions.type")],
            [],
            id="SEC-17",
        ),
    ],
)
def test_a_version_changes_what_is_found(change: dict[str, Any], minor: int, before: Places, after: Places) -> None:
    judged = made(change)
    assert places(judged, "restricted", minor - 1) == before
    assert places(judged, "restricted", minor) == after
    assert places(judged) == after


@pytest.mark.parametrize("wrong", [0, 1, "true", [], {}])
@pytest.mark.parametrize("field", ["runAsNonRoot", "privileged", "allowPrivilegeEscalation"])
def test_sec_27_a_flag_is_true_or_false_and_no_number(field: str, wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        made(spec({}, {field: wrong}))


@pytest.mark.parametrize("wrong", [False, "0", 0.5])
def test_sec_27_a_uid_is_a_number_and_no_flag(wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        made(spec({"runAsUser": wrong}))
