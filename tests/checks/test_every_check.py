"""What holds for every check, those included that are added next."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.checks.valid import ALL_RULES, valid_but
from webhook import checks
from webhook.checks import CHECKS, Check, CheckModule, enabled
from webhook.checks.rules import ContainerRules, LabelRule, PodSecurity, PortRange
from webhook.verdict import Mode, Violation

NOT_CHECKS = {"__init__", "rules", "shown"}
NOT_ABOUT_A_CHECK = {"every_check", "shown"}

HERE = Path(__file__).parent
VALID = valid_but({})
WORST = valid_but(
    {
        "spec.securityContext": {"runAsNonRoot": False, "runAsUser": 0},
        "spec.containers[0]": {
            "name": "app\n\u202e",
            "image": "registry.example.com/app",
            "imagePullPolicy": "\x1b[31m\u202e\ud800" * 20,
            "securityContext": {"runAsUser": 0, "privileged": True, "capabilities": {"add": ["\x1b[31m\u202e\ud800"]}},
            "ports": [{"hostPort": -(10**4000)}],
        },
        "spec.volumes": [
            {"csi": {"driver": "\x1b[31m\u202e\ud800" * 20}},
            {"image": {"reference": "registry.example.com/app:latest", "pullPolicy": "\x7f" * 100}},
            {"\x1b[31m\u202e\ud800" * 20: {}, "nfs": {}},
        ],
        "spec.automountServiceAccountToken": True,
        "spec.runtimeClassName": "\x1b[31m\u202e\ud800" * 20,
        "spec.priorityClassName": "\x7f" * 100,
        "metadata.labels": {"team": "\x1b[31m\u202e\ud800" * 20},
    }
)


def name(module: CheckModule) -> str:
    assert isinstance(module, ModuleType)
    return module.__name__.removeprefix("webhook.checks.")


NAMES = [name(module) for module in CHECKS]
each_check = pytest.mark.parametrize("check", [module.check for module in CHECKS], ids=NAMES)


def test_every_module_is_listed_once_and_every_listed_one_is_a_module() -> None:
    modules = {path.stem for path in Path(checks.__path__[0]).iterdir() if path.name != "__pycache__"}
    assert sorted(NAMES) == sorted(modules - NOT_CHECKS)


def test_every_check_has_its_file_of_tests_and_there_is_no_other_file() -> None:
    files = {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")}
    assert files - NOT_ABOUT_A_CHECK == set(NAMES)


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        (ContainerRules(), []),
        (ContainerRules(run_as_non_root=True), ["run_as_non_root"]),
        (ContainerRules(drop_capabilities=("ALL",)), ["dropped_capabilities"]),
        (ContainerRules(allow_added_capabilities=("CHOWN",)), ["allowed_capabilities"]),
        (ContainerRules(allow_added_capabilities=()), ["allowed_capabilities"]),
        (ContainerRules(read_only_root_filesystem=True), ["read_only_root_filesystem"]),
        (ContainerRules(required_limits=("cpu",)), ["required_limits"]),
        (ContainerRules(required_probes=("startup",)), ["required_probes"]),
        (ContainerRules(required_labels=(LabelRule("team"),)), ["required_labels"]),
        (ContainerRules(deny_latest_tag=True), ["latest_tag"]),
        (ContainerRules(deny_service_account_token=True), ["service_account_token"]),
        (ContainerRules(allowed_image_pull_policies=("Always",)), ["image_pull_policy"]),
        (ContainerRules(allowed_volume_types=("secret",)), ["volume_types"]),
        (ContainerRules(allowed_csi_drivers=("csi.example.com",)), ["csi_drivers"]),
        (ContainerRules(allowed_host_ports=(PortRange(1, 2),)), ["host_ports"]),
        (ContainerRules(allowed_runtime_classes=("gvisor",)), ["pod_classes"]),
        (ContainerRules(allowed_priority_classes=("normal",)), ["pod_classes"]),
        (ContainerRules(pod_security=PodSecurity("restricted")), ["pod_security"]),
        (ContainerRules(pod_security=PodSecurity("baseline", 0)), ["pod_security"]),
        (ContainerRules(pod_security=PodSecurity("privileged")), []),
        (ALL_RULES, NAMES),
    ],
)
def test_a_check_is_enabled_by_its_own_rule_alone(rules: ContainerRules, names: list[str]) -> None:
    assert enabled(rules) == tuple(module.check for module in CHECKS if name(module) in names)


@each_check
def test_a_check_is_content_with_the_valid_pod(check: Check) -> None:
    assert list(check(VALID, ALL_RULES)) == []


@each_check
def test_a_check_that_is_not_asked_for_finds_nothing_in_the_worst_pod(check: Check) -> None:
    assert list(check(WORST, ALL_RULES)) != []
    assert list(check(WORST, ContainerRules())) == []


@each_check
def test_a_check_finds_nothing_where_there_is_no_container(check: Check) -> None:
    assert list(check(WORST.nothing(), ALL_RULES)) == []


@each_check
def test_a_check_finds_the_same_again(check: Check) -> None:
    assert list(check(WORST, ALL_RULES)) == list(check(WORST, ALL_RULES))


def test_findings_are_short_printable_ascii_and_say_which_field_to_set() -> None:
    for violation in worst_findings():
        assert violation.path.startswith(("spec.", "metadata.labels"))
        assert violation.fix.startswith((f"set {violation.path}: ", f"remove {violation.path}"))
        assert ", expected " in violation.message
        for text in (violation.path, violation.message, violation.fix):
            assert text.isascii()
            assert text.isprintable()
            assert len(text) < 300


@each_check
def test_no_field_has_a_finding_twice(check: Check) -> None:
    found = [(violation.path, violation.code) for violation in check(WORST, ALL_RULES)]
    assert len(found) == len(set(found))


def test_a_check_leaves_to_others_what_is_theirs() -> None:
    for violation in worst_findings():
        assert (violation.image, violation.entry, violation.policy, violation.mode) == ("", "", "", Mode.ENFORCE)


def worst_findings() -> list[Violation]:
    return [violation for check in enabled(ALL_RULES) for violation in check(WORST, ALL_RULES)]
