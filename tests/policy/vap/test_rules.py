"""Each thing that a policy may ask for has its expressions, and each revision of Pod Security."""

import pytest
from msgspec.structs import fields, replace

from tests.checks.valid import ALL_RULES
from webhook.checks import CHECKS
from webhook.checks.pod_security import LATEST_MINOR, selected
from webhook.checks.pod_security.registry import BASELINE, RESTRICTED
from webhook.checks.rules import ContainerRules, PodSecurity, PodSecurityLevel, PortRange
from webhook.policy.allowlist import Pattern
from webhook.policy.vap.container_rules import rules_of_containers
from webhook.policy.vap.expressions import literal, quoted
from webhook.policy.vap.pod_security import RULES, rules_of_pod_security
from webhook.policy.vap.references import matched

SWITCHES = [field.name for field in fields(ContainerRules) if field.name != "unreadable_images_told"]
NOTHING = ContainerRules()


@pytest.mark.parametrize("switch", SWITCHES)
def test_each_setting_asks_for_a_rule(switch: str) -> None:
    alone = replace(NOTHING, **{switch: getattr(ALL_RULES, switch)})
    rules = list(rules_of_containers(alone))
    assert rules
    assert sum(module.asked(alone) for module in CHECKS) == 1
    for rule in rules:
        assert rule.places()


def test_no_setting_asks_for_none() -> None:
    assert list(rules_of_containers(NOTHING)) == []


def test_what_cannot_be_read_is_told_once() -> None:
    alone = replace(NOTHING, deny_latest_tag=True)
    told = [
        [rule.code.value for rule in rules_of_containers(rules)]
        for rules in (alone, replace(alone, unreadable_images_told=True))
    ]
    assert told == [["REFERENCE_INVALID", "LATEST_TAG"], ["LATEST_TAG"]]


def test_empty_lists_allow_nothing() -> None:
    empty = replace(NOTHING, allow_added_capabilities=(), allowed_host_ports=())
    assert [rule.expected for rule in rules_of_containers(empty)] == [
        "none but none in capabilities.add",
        "no hostPort but none",
    ]
    one = replace(NOTHING, allowed_host_ports=(PortRange(1, 2),))
    assert "p.hostPort >= 1 && p.hostPort <= 2" in next(rules_of_containers(one)).container


def test_each_revision_of_each_check_has_its_rule() -> None:
    revisions = {(each.id, revision.minor) for each in (*BASELINE, *RESTRICTED) for revision in each.revisions}
    assert revisions == RULES.keys()


@pytest.mark.parametrize("level", ["privileged", "baseline", "restricted"])
@pytest.mark.parametrize("minor", [*range(LATEST_MINOR + 1), None, LATEST_MINOR + 1])
def test_a_level_has_as_many_rules_as_checks(level: PodSecurityLevel, minor: int | None) -> None:
    assert len(list(rules_of_pod_security(PodSecurity(level, minor)))) == len(selected(level, minor))


def test_patterns_become_one_regular_expression() -> None:
    patterns = map(Pattern.parse, ("*.a.example.com/**", "ghcr.io/*/app", "[2001:db8::1]:5000/x"))
    assert matched(patterns) == (
        "i.name.matches('^(?:[^.]*[.]a[.]example[.]com/.+|ghcr[.]io/[^/]+/app|[[]2001:db8::1[]]:5000/x)$')"
    )
    assert matched(()) == "false"


def test_texts_are_written_as_cel_reads_them() -> None:
    assert quoted('it\'s "a" \\ b') == "'it\\'s \\\"a\\\" \\\\ b'"
    assert literal("a.b+c") == "a[.]b[+]c"
