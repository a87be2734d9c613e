"""What findings say: the field that was found, what is expected, the name Kubernetes has for it, and how to mend it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.checks.pod_security.cases import CASES
from tests.checks.pod_security.judged import APP_ARMOR, SECCOMP, container, findings, made, restricted_spec
from webhook.checks.pod_security.registry import BASELINE, RESTRICTED
from webhook.checks.shown import name
from webhook.verdict import Violation

HOSTILE = "\x1b[2J\u202e\ud800\x7f" * 1_000
SHOWN, SHOWN_IN_A_LIST = name(HOSTILE), name(HOSTILE, 32)
APP = "spec.containers[0].securityContext"

SPOILT = {
    "securityContext": {
        "runAsUser": 0,
        "seLinuxOptions": {"type": "spc_t", "user": HOSTILE, "role": "sysadm_r"},
        "sysctls": [{"name": "vm.swappiness"}, {}],
        "windowsOptions": {"hostProcess": True},
    },
    "hostPID": True,
    "volumes": [{"name": "a", "hostPath": {}}, {"name": "b", HOSTILE: {}}],
    "containers": [
        {
            "name": "app",
            "ports": [{"hostPort": 80}, {"hostPort": 10**30}],
            "livenessProbe": {"tcpSocket": {"host": HOSTILE}},
            "securityContext": {
                "privileged": True,
                "procMount": "Unmasked",
                "capabilities": {"add": ["SYS_ADMIN", "NET_BIND_SERVICE", HOSTILE]},
                "appArmorProfile": {},
            },
        }
    ],
}

BASELINE_SAYS = [
    (
        f"{APP}.appArmorProfile.type: appArmorProfile.type is not set, expected RuntimeDefault or Localhost "
        f"(Pod Security baseline: forbidden AppArmor profile); set {APP}.appArmorProfile.type: RuntimeDefault"
    ),
    (
        f'metadata.annotations["{APP_ARMOR}/app"]: the annotation\'s profile is unconfined, '
        "expected runtime/default or localhost/... (Pod Security baseline: forbidden AppArmor profile); "
        f'remove metadata.annotations["{APP_ARMOR}/app"]'
    ),
    (
        f"{APP}.capabilities.add: capabilities.add names [SYS_ADMIN, {SHOWN_IN_A_LIST}], "
        "expected none but those that runtimes give by default (Pod Security baseline: non-default capabilities); "
        f"set {APP}.capabilities.add: [NET_BIND_SERVICE]"
    ),
    ("spec.hostPID: hostPID is true, expected false (Pod Security baseline: host namespaces); set spec.hostPID: false"),
    (
        "spec.volumes[0].hostPath: the volume is a hostPath, expected any other type "
        "(Pod Security baseline: hostPath volumes); "
        "remove spec.volumes[0].hostPath, or use a volume of another type"
    ),
    (
        "spec.containers[0].ports[0].hostPort: hostPort is 80, expected none or 0 (Pod Security baseline: hostPort); "
        "remove spec.containers[0].ports[0].hostPort"
    ),
    (
        "spec.containers[0].ports[1].hostPort: hostPort is out of range, expected none or 0 "
        "(Pod Security baseline: hostPort); remove spec.containers[0].ports[1].hostPort"
    ),
    (
        "spec.containers[0].livenessProbe.tcpSocket.host: livenessProbe.tcpSocket.host is "
        f"{SHOWN}, expected none "
        "(Pod Security baseline: probe or lifecycle host); remove spec.containers[0].livenessProbe.tcpSocket.host"
    ),
    (
        f"{APP}.privileged: privileged is true, expected false (Pod Security baseline: privileged); "
        f"set {APP}.privileged: false"
    ),
    (
        f"{APP}.procMount: procMount is Unmasked, expected Default (Pod Security baseline: procMount); "
        f"set {APP}.procMount: Default"
    ),
    (
        "spec.securityContext.seLinuxOptions.type: seLinuxOptions.type is spc_t, expected none or one of container_t, "
        "container_init_t, container_kvm_t, container_engine_t (Pod Security baseline: seLinuxOptions); "
        "remove spec.securityContext.seLinuxOptions.type"
    ),
    (
        "spec.securityContext.seLinuxOptions.user: seLinuxOptions.user is "
        f"{SHOWN}, expected none "
        "(Pod Security baseline: seLinuxOptions); remove spec.securityContext.seLinuxOptions.user"
    ),
    (
        "spec.securityContext.seLinuxOptions.role: seLinuxOptions.role is sysadm_r, expected none "
        "(Pod Security baseline: seLinuxOptions); remove spec.securityContext.seLinuxOptions.role"
    ),
    (
        "spec.securityContext.sysctls[0].name: the sysctl's name is vm.swappiness, "
        "expected one that is safe, such as net.ipv4.ip_local_port_range "
        "(Pod Security baseline: forbidden sysctls); remove spec.securityContext.sysctls[0]"
    ),
    (
        "spec.securityContext.sysctls[1].name: the sysctl's name is not set, "
        "expected one that is safe, such as net.ipv4.ip_local_port_range "
        "(Pod Security baseline: forbidden sysctls); remove spec.securityContext.sysctls[1]"
    ),
    (
        "spec.securityContext.windowsOptions.hostProcess: windowsOptions.hostProcess is true, expected false "
        "(Pod Security baseline: hostProcess); set spec.securityContext.windowsOptions.hostProcess: false"
    ),
]

RESTRICTED_SAYS = [
    (
        f"{APP}.allowPrivilegeEscalation: allowPrivilegeEscalation is not set, expected false "
        "(Pod Security restricted: allowPrivilegeEscalation != false); "
        f"set {APP}.allowPrivilegeEscalation: false"
    ),
    (
        f"{APP}.capabilities.drop: capabilities.drop is not set, expected ALL in it "
        f"(Pod Security restricted: unrestricted capabilities); set {APP}.capabilities.drop: [ALL]"
    ),
    (
        f"{APP}.capabilities.add: capabilities.add names [SYS_ADMIN, {SHOWN_IN_A_LIST}], "
        "expected none but NET_BIND_SERVICE (Pod Security restricted: unrestricted capabilities); "
        f"set {APP}.capabilities.add: [NET_BIND_SERVICE]"
    ),
    (
        f"{APP}.procMount: procMount is Unmasked, expected Default (Pod Security restricted: procMount); "
        f"set {APP}.procMount: Default"
    ),
    (
        "spec.volumes[0].hostPath: the volume's type is hostPath, expected one of configMap, csi, "
        "downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected, secret "
        "(Pod Security restricted: restricted volume types); "
        "remove spec.volumes[0].hostPath, or use a volume of another type"
    ),
    (
        f"spec.volumes[1][{SHOWN}]: the volume's type is "
        f"{SHOWN}, expected one of configMap, csi, "
        "downwardAPI, emptyDir, ephemeral, image, persistentVolumeClaim, projected, secret "
        "(Pod Security restricted: restricted volume types); "
        f"remove spec.volumes[1][{SHOWN}], "
        "or use a volume of another type"
    ),
    (
        f"{APP}.runAsNonRoot: runAsNonRoot is set neither here nor for the pod, expected true "
        f"(Pod Security restricted: runAsNonRoot != true); set {APP}.runAsNonRoot: true"
    ),
    (
        "spec.securityContext.runAsUser: runAsUser is 0, expected any other UID "
        "(Pod Security restricted: runAsUser=0); "
        "set spec.securityContext.runAsUser: 1000 (or any UID but 0), or leave it out"
    ),
    (
        f"{APP}.seccompProfile.type: seccompProfile is set neither here nor for the pod, "
        "expected RuntimeDefault or Localhost (Pod Security restricted: seccompProfile); "
        f"set {APP}.seccompProfile.type: RuntimeDefault"
    ),
]


def said(violation: Violation) -> str:
    return f"{violation.path}: {violation.message}; {violation.fix}"


def test_baseline_says() -> None:
    judged = made(SPOILT, {f"{APP_ARMOR}/app": "unconfined"})
    assert [said(each) for each in findings(judged, "baseline")] == BASELINE_SAYS


def test_restricted_says() -> None:
    judged = made(SPOILT, {f"{APP_ARMOR}/app": "unconfined"})
    texts = [said(each) for each in findings(judged)]
    assert texts[-len(RESTRICTED_SAYS) :] == RESTRICTED_SAYS
    overridden = ("non-default capabilities", "hostPath volumes", "baseline: procMount")
    kept = [text for text in BASELINE_SAYS if not any(reason in text for reason in overridden)]
    assert texts[: -len(RESTRICTED_SAYS)] == kept


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation is true, expected false"),
        ({"runAsNonRoot": False}, "runAsNonRoot is false, expected true"),
        ({"capabilities": {"drop": []}}, "capabilities.drop is [], expected ALL in it"),
        ({"capabilities": {"drop": ["all"]}}, "capabilities.drop is [all], expected ALL in it"),
        ({"seccompProfile": {"type": "Unconfined"}}, "seccompProfile.type is Unconfined, expected RuntimeDefault or"),
        ({"seccompProfile": {}}, "seccompProfile.type is not set, expected RuntimeDefault or Localhost"),
        ({"appArmorProfile": {"type": "Unconfined"}}, "appArmorProfile.type is Unconfined, expected RuntimeDefault"),
    ],
)
def test_says_what_was_found(fields: dict[str, object], text: str) -> None:
    [violation] = findings(made(restricted_spec() | {"containers": [container("app", **fields)]}))
    assert violation.message.startswith(text)
    assert violation.container == "app"


@pytest.mark.parametrize(("port", "shown"), [(1, "1"), (65535, "65535"), (65536, "out of range"), (-1, "out of range")])
def test_says_which_port_it_is_where_it_can_be_one(port: int, shown: str) -> None:
    spec = restricted_spec() | {"containers": [container("app") | {"ports": [{"hostPort": port}]}]}
    [violation] = findings(made(spec))
    assert violation.message.startswith(f"hostPort is {shown}, expected none or 0")


@pytest.mark.parametrize("field", ["runAsNonRoot", "runAsUser"])
def test_says_what_was_found_of_the_pod(field: str) -> None:
    spec = restricted_spec()
    spec["securityContext"][field] = 0 if field == "runAsUser" else False
    [violation] = findings(made(spec))
    found = "runAsUser is 0, expected any other UID" if field == "runAsUser" else "runAsNonRoot is false, expected true"
    assert violation.message.startswith(found)
    assert violation.container == ""


def test_says_to_add_nothing_where_nothing_that_may_be_added_was() -> None:
    spec = restricted_spec() | {"containers": [container("app", capabilities={"drop": ["ALL"], "add": ["CHOWN"] * 2})]}
    [violation] = findings(made(spec))
    assert violation.fix == f"set {APP}.capabilities.add: []"


def test_says_which_annotation_of_seccomp_was_found() -> None:
    judged = made(restricted_spec(), {f"container.{SECCOMP}/app": "off", f"{SECCOMP}/pod": ""})
    of_pod, of_app = findings(judged, "baseline", 18)
    tail = "expected runtime/default, docker/default or localhost/... (Pod Security baseline: seccompProfile)"
    assert (of_pod.container, of_pod.message) == ("", f"the annotation's profile is '', {tail}")
    assert (of_app.container, of_app.message) == ("app", f"the annotation's profile is off, {tail}")
    assert of_app.fix == f'remove metadata.annotations["container.{SECCOMP}/app"]'


WORDS = {
    "appArmorProfile": "forbidden AppArmor profile",
    "capabilities_baseline": "capabilities",
    "capabilities_restricted": "unrestricted capabilities",
    "hostNamespaces": "host namespaces",
    "hostPathVolumes": "hostPath",
    "hostPorts": "hostPort",
    "hostProbesAndHostLifecycle": "probe or lifecycle host",
    "procMount": "procMount",
    "procMount_restricted": "procMount",
    "restrictedVolumes": "restricted volume types",
    "seLinuxOptions": "seLinuxOptions",
    "seccompProfile_baseline": "seccompProfile",
    "seccompProfile_restricted": "seccompProfile",
    "sysctls": "forbidden sysctl",
    "windowsHostProcess": "hostProcess",
}
"""What upstream's live suite looks for in a denial (test/fixtures_*.go, expectErrorSubstring)."""


def test_every_message_has_the_words_that_upstreams_suite_looks_for() -> None:
    seen = set()
    for identity, minors, spec, paths in CASES:
        standard = next(each for each in (*BASELINE, *RESTRICTED) if each.id == identity)
        revision = standard.at(minors[-1])
        assert revision is not None
        for violation in revision.check(made({"containers": [{"name": "x"}], **spec})) if paths else ():
            assert WORDS.get(identity, "") in violation.message
            seen.add(identity)
    assert seen == {each.id for each in (*BASELINE, *RESTRICTED)}


texts = st.text(st.characters(), max_size=400)


@given(texts, texts, texts)
def test_whatever_a_pod_says_findings_are_printable_ascii_and_bounded(key: str, value: str, container: str) -> None:
    context = {
        "procMount": value,
        "seLinuxOptions": {"type": value, "user": value, "role": value},
        "appArmorProfile": {"type": value},
        "seccompProfile": {"type": value},
        "capabilities": {"add": [value, key], "drop": [key]},
    }
    spec = {
        "securityContext": {"sysctls": [{"name": value}]},
        "volumes": [{"name": "a", key: {}}] if key not in {"name", "image", "csi"} else [],
        "containers": [
            {"name": container[:253], "securityContext": context, "livenessProbe": {"httpGet": {"host": value}}}
        ],
    }
    annotations = {
        f"{APP_ARMOR}/{key[:253]}": value,
        f"{SECCOMP}/pod": value,
        f"container.{SECCOMP}/{container[:253]}": value,
    }
    for minor in (18, 37):
        for level in ("baseline", "restricted"):
            for violation in findings(made(spec, annotations), level, minor):
                for text in (violation.path, violation.message, violation.fix):
                    assert text.isascii()
                    assert text.isprintable()
                    assert len(text) < 2_000
