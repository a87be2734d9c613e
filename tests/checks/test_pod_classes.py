import pytest

from tests.checks.valid import ABSENT, found_by
from webhook.checks import pod_classes
from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.verdict import Violation

RUNTIME, PRIORITY = "runtimeClassName", "priorityClassName"


def refused(field: str, what: str, expected: str, value: str) -> Violation:
    code = Code.RUNTIME_CLASS_NOT_ALLOWED if field == RUNTIME else Code.PRIORITY_CLASS_NOT_ALLOWED
    return Violation(
        code=code,
        path=f"spec.{field}",
        message=f"{field} is {what}, expected {expected}",
        fix=f"set spec.{field}: {value}",
    )


def found(field: str, value: object, allowed: tuple[str, ...]) -> list[Violation]:
    rules = {
        RUNTIME: ContainerRules(allowed_runtime_classes=allowed),
        PRIORITY: ContainerRules(allowed_priority_classes=allowed),
    }[field]
    return found_by(pod_classes.check, rules)({f"spec.{field}": value})


either = pytest.mark.parametrize("field", [RUNTIME, PRIORITY])


@either
@pytest.mark.parametrize(
    ("allowed", "value", "what", "expected", "fix"),
    [
        (("a",), "b", "b", "a", "a"),
        (("a",), "A", "A", "a", "a"),
        (("a",), "\u202e", "'\\u202e'", "a", "a"),
        (("a", "b"), "c", "c", "one of [a, b]", "a (or another that is allowed)"),
        (("a",), "", "not set", "a", "a"),
        (("a",), None, "not set", "a", "a"),
        (("a",), ABSENT, "not set", "a", "a"),
        (("a", ""), "b", "b", "a, or none", "a, or leave it out"),
        (("", "a", "b"), "c", "c", "one of [a, b], or none", "a (or another that is allowed), or leave it out"),
        (("",), "b", "b", "none", "null, or leave it out"),
        ((), "b", "b", "none", "null"),
    ],
)
def test_wants_a_class_that_is_allowed(
    field: str, allowed: tuple[str, ...], value: object, what: str, expected: str, fix: str
) -> None:
    assert found(field, value, allowed) == [refused(field, what, expected, fix)]


@either
@pytest.mark.parametrize(
    ("allowed", "value"), [(("a",), "a"), (("a", "b"), "b"), (("",), ""), (("a", ""), None), (("",), ABSENT)]
)
def test_takes_those_that_are_allowed(field: str, allowed: tuple[str, ...], value: object) -> None:
    assert found(field, value, allowed) == []


def test_judges_both() -> None:
    rules = ContainerRules(allowed_runtime_classes=("a",), allowed_priority_classes=("b",))
    violations = found_by(pod_classes.check, rules)({})
    assert violations == [refused(RUNTIME, "gvisor", "a", "a"), refused(PRIORITY, "normal", "b", "b")]


def test_leaves_the_pod_alone_where_no_container_is_judged() -> None:
    nobody: dict[str, object] = {"spec.containers": [], "spec.initContainers": [], "spec.ephemeralContainers": []}
    rules = ContainerRules(allowed_runtime_classes=("a",), allowed_priority_classes=("b",))
    assert found_by(pod_classes.check, rules)(nobody) == []
