import pytest

from tests.checks.valid import ABSENT, PLACES, found_by
from webhook.checks import image_pull_policy
from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.verdict import Violation

found = found_by(image_pull_policy.check)
always = found_by(image_pull_policy.check, ContainerRules(allowed_image_pull_policies=("Always",)))

APP = "spec.containers[0]"
DATA = "spec.volumes[2].image"
DIGEST = f"sha256:{'a' * 64}"
BOTH = "one of [Always, IfNotPresent]"
ANOTHER = "Always (or another that is allowed)"


def refused(path: str, container: str, what: str, expected: str = BOTH, value: str = ANOTHER) -> Violation:
    return Violation(
        code=Code.IMAGE_PULL_POLICY_NOT_ALLOWED,
        path=path,
        container=container,
        message=f"{path.rpartition('.')[2]} is {what}, expected {expected}",
        fix=f"set {path}: {value}",
    )


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("Never", "Never"),
        ("always", "always"),
        ("\x1b[31m", "'\\x1b[31m'"),
    ],
)
def test_wants_one_that_is_allowed(value: str, what: str) -> None:
    assert found({f"{APP}.imagePullPolicy": value}) == [refused(f"{APP}.imagePullPolicy", "app", what)]
    assert found({f"{DATA}.pullPolicy": value}) == [refused(f"{DATA}.pullPolicy", "", what)]


@pytest.mark.parametrize("value", ["Always", "IfNotPresent", "", None, ABSENT])
def test_takes_those_that_are_allowed_and_what_the_api_makes_of_nothing(value: object) -> None:
    assert found({f"{APP}.imagePullPolicy": value, f"{DATA}.pullPolicy": value}) == []


@pytest.mark.parametrize(("place", "name"), PLACES.items())
def test_judges_containers_of_every_list(place: str, name: str) -> None:
    path = f"{place}.imagePullPolicy"
    assert found({path: "Never"}) == [refused(path, name, "Never")]


@pytest.mark.parametrize("image", ["app", "app:latest", f"app:latest@{DIGEST}", "registry.example.com:5000/app"])
def test_the_tag_latest_means_always(image: str) -> None:
    rules = ContainerRules(allowed_image_pull_policies=("IfNotPresent",))
    tweaks = {f"{APP}.imagePullPolicy": ABSENT, f"{APP}.image": image, DATA: {"reference": image}}
    assert found_by(image_pull_policy.check, rules)(tweaks | {"spec.volumes[2].name": "x"}) == [
        refused(f"{APP}.imagePullPolicy", "app", "not set, which means Always", "IfNotPresent", "IfNotPresent"),
        refused(f"{DATA}.pullPolicy", "", "not set, which means Always", "IfNotPresent", "IfNotPresent"),
    ]


@pytest.mark.parametrize("image", ["app:1", f"app@{DIGEST}", f"app:1@{DIGEST}", "App", ""])
def test_any_other_image_means_if_not_present(image: str) -> None:
    everywhere: dict[str, object] = {f"{place}.imagePullPolicy": "Always" for place in PLACES}
    tweaks = everywhere | {f"{APP}.imagePullPolicy": None, f"{APP}.image": image}
    assert always(tweaks) == [
        refused(f"{APP}.imagePullPolicy", "app", "not set, which means IfNotPresent", "Always", "Always")
    ]


def test_leaves_volumes_alone_where_no_container_is_judged() -> None:
    nobody: dict[str, object] = {"spec.containers": [], "spec.initContainers": [], "spec.ephemeralContainers": []}
    assert found({**nobody, f"{DATA}.pullPolicy": "Never"}) == []
