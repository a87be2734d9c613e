"""Each check by itself, in the versions that tell its revisions apart."""

from typing import Any

import pytest

from tests.checks.pod_security.cases import CASES, DEFAULT, UNCONFINED, pod_context, tcp
from tests.checks.pod_security.judged import APP_ARMOR, SECCOMP, made
from webhook.checks.pod_security.registry import BASELINE, RESTRICTED

BY_ID = {each.id: each for each in (*BASELINE, *RESTRICTED)}


def found(name: str, minor: int, spec: dict[str, Any], annotations: dict[str, str] | None = None) -> list[str]:
    revision = BY_ID[name].at(minor)
    assert revision is not None
    whole = spec if {"containers", "initContainers"} & set(spec) else {**spec, "containers": [{"name": "x"}]}
    judged = made(whole, annotations)
    names = {container.path: container.name for container in judged.containers}
    violations = list(revision.check(judged))
    for violation in violations:
        at = next((path for path in names if violation.path.startswith(f"{path}.")), None)
        assert at is None or violation.container == names[at]
        assert at is not None or violation.container == "" or violation.path.endswith(f'/{violation.container}"]')
    return [violation.path for violation in violations]


@pytest.mark.parametrize(("name", "minors", "spec", "paths"), CASES)
def test_finds_the_fields(name: str, minors: list[int], spec: dict[str, Any], paths: list[str]) -> None:
    assert {minor: found(name, minor, spec) for minor in minors} == dict.fromkeys(minors, paths)


@pytest.mark.parametrize("name", BY_ID)
def test_finds_nothing_where_no_container_is_judged(name: str) -> None:
    annotations = {f"{APP_ARMOR}/x": "unconfined", f"{SECCOMP}/pod": "unconfined", f"container.{SECCOMP}/x": "off"}
    for case, minors, spec, _ in CASES:
        for minor in minors if case == name else ():
            revision = BY_ID[name].at(minor)
            assert revision is not None
            assert list(revision.check(made(spec, annotations).nothing())) == []


ANNOTATED = {"containers": [{"name": name} for name in "abc"]}


@pytest.mark.parametrize(
    ("annotations", "bad"),
    [
        ({f"{SECCOMP}/pod": "unconfined"}, [f"{SECCOMP}/pod"]),
        (
            {f"container.{SECCOMP}/a": "unconfined", f"container.{SECCOMP}/b": "unknown"},
            [f"container.{SECCOMP}/a", f"container.{SECCOMP}/b"],
        ),
        (
            {f"container.{SECCOMP}/b": "unknown", f"{SECCOMP}/pod": "unconfined", f"container.{SECCOMP}/a": ""},
            [f"{SECCOMP}/pod", f"container.{SECCOMP}/a", f"container.{SECCOMP}/b"],
        ),
        ({f"{SECCOMP}/pod": "runtime/default", f"container.{SECCOMP}/a": "docker/default"}, []),
        ({f"{SECCOMP}/pod": "localhost/", f"container.{SECCOMP}/a": "localhost"}, [f"container.{SECCOMP}/a"]),
        ({f"container.{SECCOMP}/nobody": "unconfined", f"container.{SECCOMP}/": "unconfined"}, []),
    ],
)
def test_seccomp_is_annotated_up_to_1_18(annotations: dict[str, str], bad: list[str]) -> None:
    paths = [f'metadata.annotations["{key}"]' for key in bad]
    assert found("seccompProfile_baseline", 0, ANNOTATED, annotations) == paths
    assert found("seccompProfile_baseline", 18, ANNOTATED, annotations) == paths
    assert found("seccompProfile_baseline", 19, ANNOTATED, annotations) == []
    assert found("seccompProfile_restricted", 19, ANNOTATED | pod_context(seccompProfile=DEFAULT), annotations) == []


def test_app_armor_is_annotated_in_every_version() -> None:
    values = ["bogus", "", "runtime/default", "localhost/", "localhost/foo", "unconfined", "unknown"]
    annotations = {f"{APP_ARMOR}/{name}": value for name, value in zip(["", *"abcdef"], values, strict=True)}
    paths = [f'metadata.annotations["{APP_ARMOR}/{name}"]' for name in ("", "e", "f")]
    for minor in (0, 30, 37):
        assert found("appArmorProfile", minor, {}, annotations | {"env": "unconfined"}) == paths


@pytest.mark.parametrize("place", ["initContainers", "containers", "ephemeralContainers"])
@pytest.mark.parametrize(
    "name",
    [name for name in BY_ID if name not in {"hostNamespaces", "hostPathVolumes", "restrictedVolumes", "sysctls"}],
)
def test_judges_containers_of_every_list(name: str, place: str) -> None:
    worst = {
        "securityContext": {
            "privileged": True,
            "allowPrivilegeEscalation": True,
            "runAsNonRoot": False,
            "runAsUser": 0,
            "procMount": "Unmasked",
            "capabilities": {"add": ["SYS_ADMIN"]},
            "seLinuxOptions": {"type": "spc_t"},
            "appArmorProfile": UNCONFINED,
            "seccompProfile": UNCONFINED,
            "windowsOptions": {"hostProcess": True},
        },
        "ports": [{"hostPort": 80}],
        "startupProbe": tcp("metadata"),
    }
    others = {
        other: [
            {
                "name": "fine",
                "securityContext": {
                    "runAsNonRoot": True,
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ]
        for other in ("initContainers", "containers", "ephemeralContainers")
    }
    side = {"restartPolicy": "Always"} if place == "initContainers" else {}
    spec = pod_context(seccompProfile=DEFAULT) | others | {place: [*others[place], {"name": "worst", **worst, **side}]}
    revision = BY_ID[name].at(37)
    assert revision is not None
    violations = list(revision.check(made(spec)))
    assert violations
    for violation in violations:
        assert violation.path.startswith(f"spec.{place}[1].")
        assert violation.container == "worst"
