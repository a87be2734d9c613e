"""How a level and a version select checks; the checks themselves have a folder of their own."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.checks.valid import found_by
from webhook.checks import pod_security
from webhook.checks.pod_security import LATEST_MINOR, registry, selected
from webhook.checks.pod_security.registry import BASELINE, RESTRICTED
from webhook.checks.pod_security.standard import Standard
from webhook.checks.rules import ContainerRules, PodSecurity, PodSecurityLevel
from webhook.codes import MEANINGS, Code
from webhook.verdict import Violation

ALL = (*BASELINE, *RESTRICTED)
NOT_CHECKS = {"__init__", "registry", "standard"}


def level_of(level: PodSecurityLevel, minor: int | None) -> list[str]:
    """The identities of what is selected."""
    return [name_of(check) for check in selected(level, minor)]


def name_of(check: object) -> str:
    [name] = {each.id for each in ALL for revision in each.revisions if revision.check is check}
    return name


def snake(name: str) -> str:
    """`hostIPCPorts_baseline` would be HOST_IPC_PORTS_BASELINE; no identity has two capital letters of a word."""
    return "".join(f"_{each}" if each.isupper() and not before.isupper() else each for before, each in pairs(name))


def pairs(name: str) -> list[tuple[str, str]]:
    return list(zip(f"X{name}", name, strict=False))


def test_every_module_has_one_check_that_is_listed_once() -> None:
    modules = {path.stem for path in Path(pod_security.__path__[0]).glob("*.py")} - NOT_CHECKS
    listed = [value for value in vars(registry).values() if isinstance(value, ModuleType)]
    assert {module.__name__.rpartition(".")[2] for module in listed} == modules
    assert len(ALL) == len(modules)
    assert {id(module.STANDARD) for module in listed} == {id(each) for each in ALL}


def test_identities_are_those_of_upstream_in_its_order() -> None:
    assert [each.id for each in BASELINE] == [
        "appArmorProfile",
        "capabilities_baseline",
        "hostNamespaces",
        "hostPathVolumes",
        "hostPorts",
        "hostProbesAndHostLifecycle",
        "privileged",
        "procMount",
        "seLinuxOptions",
        "seccompProfile_baseline",
        "sysctls",
        "windowsHostProcess",
    ]
    assert [each.id for each in RESTRICTED] == [
        "allowPrivilegeEscalation",
        "capabilities_restricted",
        "procMount_restricted",
        "restrictedVolumes",
        "runAsNonRoot",
        "runAsUser",
        "seccompProfile_restricted",
    ]


@pytest.mark.parametrize("standard", ALL, ids=[each.id for each in ALL])
def test_a_code_is_the_identity_in_capital_letters(standard: Standard) -> None:
    assert standard.topic.code.value == f"POD_SECURITY_{snake(standard.id).upper()}"
    assert MEANINGS[standard.topic.code].startswith(f"{standard.topic.level.capitalize()}: ")


def test_each_check_has_a_code_of_its_own_and_there_is_no_other() -> None:
    codes = [each.topic.code for each in ALL]
    assert len(codes) == len(set(codes))
    assert set(codes) == {code for code in Code if code.value.startswith("POD_SECURITY_")}


def test_levels_are_those_of_the_lists() -> None:
    assert {each.topic.level for each in BASELINE} == {"baseline"}
    assert {each.topic.level for each in RESTRICTED} == {"restricted"}


@pytest.mark.parametrize("standard", ALL, ids=[each.id for each in ALL])
def test_revisions_follow_each_other_and_restricted_ones_override_baseline_ones_alone(standard: Standard) -> None:
    minors = [revision.minor for revision in standard.revisions]
    assert minors == sorted(set(minors))
    assert minors[0] >= 0
    assert minors[-1] <= LATEST_MINOR
    overridden = {name for revision in standard.revisions for name in revision.overrides}
    assert overridden <= {each.id for each in BASELINE}
    assert not overridden or standard in RESTRICTED


def test_revisions_are_those_of_upstream() -> None:
    assert {each.id: [revision.minor for revision in each.revisions] for each in ALL if each.revisions[0].minor} == {
        "hostProbesAndHostLifecycle": [34],
        "allowPrivilegeEscalation": [8, 25],
        "capabilities_restricted": [22, 25],
        "procMount_restricted": [35],
        "runAsUser": [23, 35],
        "seccompProfile_restricted": [19, 25],
    }
    assert {each.id: [one.minor for one in each.revisions[1:]] for each in ALL if not each.revisions[0].minor} == {
        "appArmorProfile": [],
        "capabilities_baseline": [],
        "hostNamespaces": [],
        "hostPathVolumes": [],
        "hostPorts": [],
        "privileged": [],
        "procMount": [35],
        "seLinuxOptions": [31],
        "seccompProfile_baseline": [19],
        "sysctls": [27, 29, 32, 37],
        "windowsHostProcess": [],
        "restrictedVolumes": [],
        "runAsNonRoot": [35],
    }


@pytest.mark.parametrize("minor", [None, 0, LATEST_MINOR])
def test_privileged_asks_for_nothing(minor: int | None) -> None:
    assert selected("privileged", minor) == ()


@pytest.mark.parametrize("minor", range(LATEST_MINOR + 1))
def test_baseline_is_all_of_its_checks_but_for_the_one_that_is_younger(minor: int) -> None:
    missing = {"hostProbesAndHostLifecycle"} if minor < 34 else set()
    assert level_of("baseline", minor) == [each.id for each in BASELINE if each.id not in missing]


@pytest.mark.parametrize(
    ("since", "until", "own", "overridden"),
    [
        (0, 7, {"restrictedVolumes", "runAsNonRoot"}, {"hostPathVolumes"}),
        (8, 18, {"restrictedVolumes", "runAsNonRoot", "allowPrivilegeEscalation"}, {"hostPathVolumes"}),
        (
            19,
            21,
            {"restrictedVolumes", "runAsNonRoot", "allowPrivilegeEscalation", "seccompProfile_restricted"},
            {"hostPathVolumes", "seccompProfile_baseline"},
        ),
        (
            22,
            22,
            {each.id for each in RESTRICTED} - {"runAsUser", "procMount_restricted"},
            {"hostPathVolumes", "seccompProfile_baseline", "capabilities_baseline"},
        ),
        (
            23,
            34,
            {each.id for each in RESTRICTED} - {"procMount_restricted"},
            {"hostPathVolumes", "seccompProfile_baseline", "capabilities_baseline"},
        ),
        (
            35,
            LATEST_MINOR,
            {each.id for each in RESTRICTED},
            {"hostPathVolumes", "seccompProfile_baseline", "capabilities_baseline", "procMount"},
        ),
    ],
)
def test_restricted_is_its_own_checks_and_those_of_baseline_that_none_overrides(
    since: int, until: int, own: set[str], overridden: set[str]
) -> None:
    for minor in range(since, until + 1):
        kept = [name for name in level_of("baseline", minor) if name not in overridden]
        assert level_of("restricted", minor) == [*kept, *(each.id for each in RESTRICTED if each.id in own)]


@pytest.mark.parametrize("minor", [None, LATEST_MINOR + 1, 10**30, -1])
@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_sec_28_what_is_not_known_is_the_newest_version_and_none_is_skipped(
    level: PodSecurityLevel, minor: int | None
) -> None:
    assert selected(level, minor) == selected(level, LATEST_MINOR) != ()


def test_a_selection_is_made_once() -> None:
    assert selected("restricted", 30) is selected("restricted", 30)
    assert selected("restricted", None) is selected("restricted", 10**30)


HOST_PID = {"spec.hostPID": True}


@pytest.mark.parametrize("level", ["baseline", "restricted"])
def test_the_check_finds_what_the_level_forbids(level: PodSecurityLevel) -> None:
    found = found_by(pod_security.check, ContainerRules(pod_security=PodSecurity(level, 0)))
    assert found(HOST_PID) == [
        Violation(
            code=Code.POD_SECURITY_HOST_NAMESPACES,
            path="spec.hostPID",
            message="hostPID is true, expected false (Pod Security baseline: host namespaces)",
            fix="set spec.hostPID: false",
        )
    ]


@pytest.mark.parametrize(
    ("wanted", "findings"),
    [
        (PodSecurity("restricted", 8), 1),
        (PodSecurity("restricted", 7), 0),
        (PodSecurity("baseline", 37), 0),
        (PodSecurity("privileged", 37), 0),
    ],
)
def test_the_check_heeds_level_and_version(wanted: PodSecurity, findings: int) -> None:
    tweaks = {"spec.containers[0].securityContext.allowPrivilegeEscalation": True}
    assert len(found_by(pod_security.check, ContainerRules(pod_security=wanted))(tweaks)) == findings
