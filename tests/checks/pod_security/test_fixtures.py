"""Kubernetes' own fixtures: 4,537 pods, each with the verdict that its own controller gives.

They are files of the Go module k8s.io/pod-security-admission, in folders by level, version and verdict, and named after
the check they are about. Each failing one is a valid pod but for one tweak, so its check finds something and no other
does; a few tweaks the API takes only together with another one.
"""

import re
from functools import cache
from pathlib import Path

import msgspec
import pytest
import yaml

from tests.system.tools import source
from webhook.checks.pod_security import LATEST_MINOR, selected
from webhook.checks.pod_security.registry import BASELINE, RESTRICTED
from webhook.checks.rules import PodSecurityLevel
from webhook.objects import PodObject
from webhook.pods import Pod, pod

BESIDE = {
    "windowshostprocess0.yaml": {"POD_SECURITY_HOST_NAMESPACES"},
    "windowshostprocess1.yaml": {"POD_SECURITY_HOST_NAMESPACES"},
    "privileged0.yaml": {"POD_SECURITY_ALLOW_PRIVILEGE_ESCALATION"},
    "privileged1.yaml": {"POD_SECURITY_ALLOW_PRIVILEGE_ESCALATION"},
    "allowprivilegeescalation3.yaml": {"POD_SECURITY_CAPABILITIES_RESTRICTED"},
}
"""What the API wants beside: a process of the node is in its network, and a container that is privileged, or adds
SYS_ADMIN, cannot say `allowPrivilegeEscalation: false`."""

LEVELS: tuple[PodSecurityLevel, ...] = ("baseline", "restricted")

each_level = pytest.mark.parametrize("level", LEVELS)
each_minor = pytest.mark.parametrize("minor", range(LATEST_MINOR + 1))


@cache
def folder() -> Path:
    return source("kube-apiserver", "k8s.io/pod-security-admission") / "test" / "testdata"


@cache
def read(text: bytes) -> Pod:
    """Most pods are the same in many versions."""
    return pod(msgspec.convert(yaml.load(text, yaml.CSafeLoader), PodObject))


def found(path: Path, level: PodSecurityLevel, minor: int | None) -> set[str]:
    return {violation.code.value for check in selected(level, minor) for violation in check(read(path.read_bytes()))}


def subject(path: Path, level: PodSecurityLevel, minor: int) -> str:
    """The code of the check that a failing fixture is about, or of the one that stands in for it in this version."""
    about = re.sub(r"[0-9]+$", "", path.stem)
    [standard] = [each for each in (*BASELINE, *RESTRICTED) if each.id.lower() == about]
    for other in RESTRICTED if level == "restricted" else ():
        revision = other.at(minor)
        if revision is not None and standard.id in revision.overrides:
            return other.topic.code.value
    return standard.topic.code.value


@each_level
def test_there_are_fixtures_for_every_version_that_is_known_and_for_no_other(level: PodSecurityLevel) -> None:
    versions = {path.name for path in (folder() / level).iterdir()}
    assert versions == {f"v1.{minor}" for minor in range(LATEST_MINOR + 1)}


def test_there_are_as_many_fixtures_as_upstream_has() -> None:
    assert sum(1 for _ in folder().rglob("*.yaml")) == 4537


@each_level
@each_minor
def test_pods_that_kubernetes_lets_pass_have_no_finding(level: PodSecurityLevel, minor: int) -> None:
    paths = sorted((folder() / level / f"v1.{minor}" / "pass").iterdir())
    assert paths
    assert {path.name: codes for path in paths if (codes := found(path, level, minor))} == {}


@each_level
@each_minor
def test_pods_that_kubernetes_refuses_have_findings_of_the_check_they_are_about(
    level: PodSecurityLevel, minor: int
) -> None:
    paths = sorted((folder() / level / f"v1.{minor}" / "fail").iterdir())
    assert paths
    wanted = {path.name: {subject(path, level, minor)} for path in paths}
    assert {path.name: found(path, level, minor) - BESIDE.get(path.name, set()) for path in paths} == wanted


@each_level
@pytest.mark.parametrize("minor", [None, LATEST_MINOR + 1, 10**30])
def test_a_version_that_is_not_known_is_judged_as_the_newest_one(level: PodSecurityLevel, minor: int | None) -> None:
    for path in sorted((folder() / level / f"v1.{LATEST_MINOR}").rglob("*.yaml")):
        assert bool(found(path, level, minor)) == (path.parent.name == "fail"), path.name
