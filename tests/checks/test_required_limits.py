import pytest

from tests.checks.valid import ABSENT, PLACES, found_by
from webhook.checks import required_limits
from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.verdict import Violation

RULES = ContainerRules(required_limits=("memory", "example.com/gpu"))
found = found_by(required_limits.check, RULES)

LIMITS = "spec.containers[0].resources.limits"
UNSET = "is not set"
ZERO = "is 0, which limits nothing"


def missing(
    what: str, resource: str = "memory", example: str = "256Mi", at: str = "spec.containers[0]", name: str = "app"
) -> Violation:
    member = f'["{resource}"]' if "/" in resource else f".{resource}"
    path = f"{at}.resources.limits{member}"
    return Violation(
        code=Code.LIMITS_MISSING,
        path=path,
        container=name,
        message=f"the limit of {resource} {what}, expected one",
        fix=f"set {path}: {example} (or what the container needs at most)",
    )


GPU = missing(UNSET, "example.com/gpu", "1")


@pytest.mark.parametrize(
    ("tweaks", "violations"),
    [
        pytest.param({}, [], id="all are there"),
        pytest.param({f"{LIMITS}.memory": ABSENT}, [missing(UNSET)], id="one is absent"),
        pytest.param({f"{LIMITS}.memory": None}, [missing(UNSET)], id="one is null"),
        pytest.param({LIMITS: {}}, [missing(UNSET), GPU], id="no limits"),
        pytest.param({LIMITS: None}, [missing(UNSET), GPU], id="null limits"),
        pytest.param({"spec.containers[0].resources": ABSENT}, [missing(UNSET), GPU], id="no resources"),
        pytest.param({"spec.containers[0].resources": None}, [missing(UNSET), GPU], id="null resources"),
        pytest.param(
            {LIMITS: ABSENT, "spec.resources": {"limits": {"memory": "1Gi", "example.com/gpu": 1}}},
            [missing(UNSET), GPU],
            id="limits of the pod do not count",
        ),
        pytest.param(
            {"spec.containers[0].resources": {"requests": {"memory": "1Gi", "example.com/gpu": 1}}},
            [missing(UNSET), GPU],
            id="requests do not count",
        ),
    ],
)
def test_wants_a_limit_of_each_resource(tweaks: dict[str, object], violations: list[Violation]) -> None:
    assert found(tweaks) == violations


@pytest.mark.parametrize("value", [0, 0.0, "0", "00", "0.0", ".0", "0.", "-0", "+0", "0Mi", "0m", "0e3", "0E-3", ""])
def test_a_limit_of_zero_is_none(value: object) -> None:
    assert found({f"{LIMITS}.memory": value}) == [missing(ZERO)]


@pytest.mark.parametrize("value", [1, 0.5, 1e-05, "1", "0.5", ".5", "0.01Gi", "1e0", "100m", "+1", "10"])
def test_any_other_limit_is_one(value: object) -> None:
    assert found({f"{LIMITS}.memory": value}) == []


@pytest.mark.parametrize(("resource", "example"), [("cpu", "500m"), ("ephemeral-storage", "1Gi")])
def test_tells_how_a_limit_may_look(resource: str, example: str) -> None:
    rules = ContainerRules(required_limits=(resource,))
    violations = found_by(required_limits.check, rules)({})
    assert violations[2] == missing(UNSET, resource, example)
    assert len(violations) == 4


@pytest.mark.parametrize(("place", "name"), [(place, name) for place, name in PLACES.items() if name != "debug"])
def test_judges_containers_of_every_list_but_the_ephemeral(place: str, name: str) -> None:
    assert found({f"{place}.resources.limits.memory": ABSENT}) == [missing(UNSET, at=place, name=name)]


def test_ephemeral_containers_need_no_limits() -> None:
    assert found({"spec.ephemeralContainers[0].resources": ABSENT}) == []
