import pytest

from tests.checks.valid import PLACES, found_by, valid_but
from webhook.checks import latest_tag
from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.verdict import Violation

RULES = ContainerRules(deny_latest_tag=True)
found = found_by(latest_tag.check, RULES)

APP = "spec.containers[0].image"
DIGEST = f"sha256:{'a' * 64}"


def latest(path: str = APP, container: str = "app", what: str = "the tag is latest") -> Violation:
    return Violation(
        code=Code.LATEST_TAG,
        path=path,
        container=container,
        message=f"{what}, expected another tag, or a digest",
        fix=f"set {path}: the same image with the tag of a version, or with a digest",
    )


NEITHER = "neither tag nor digest is named, which means latest"


@pytest.mark.parametrize(
    ("image", "violations"),
    [
        ("app:1", []),
        ("app:latest", [latest()]),
        ("registry.example.com:5000/app:latest", [latest()]),
        ("app", [latest(what=NEITHER)]),
        ("registry.example.com:5000/app", [latest(what=NEITHER)]),
        ("registry.example.com:5000/latest", [latest(what=NEITHER)]),
        (f"app:latest@{DIGEST}", []),
        (f"app@{DIGEST}", []),
        ("app:Latest", []),
        ("app:latest-1", []),
        ("latest:1", []),
    ],
)
def test_wants_an_image_to_have_another_tag_or_a_digest(image: str, violations: list[Violation]) -> None:
    assert found({APP: image}) == violations


@pytest.mark.parametrize(("place", "name"), PLACES.items())
def test_judges_containers_of_every_list(place: str, name: str) -> None:
    assert found({f"{place}.image": "app:latest"}) == [latest(f"{place}.image", name)]


def test_judges_image_volumes() -> None:
    assert found({"spec.volumes[2].image.reference": "data"}) == [
        latest("spec.volumes[2].image.reference", "", NEITHER)
    ]


def test_tells_of_an_image_that_cannot_be_read_since_kubelet_may_read_it() -> None:
    (violation,) = found({APP: "registry.example.com:0443/app"})
    assert violation == Violation(
        code=Code.REFERENCE_INVALID,
        path=APP,
        container="app",
        message="registry port '0443' is not 1 to 65535 without leading zeros",
    )


def test_leaves_an_image_that_cannot_be_read_to_rules_about_images_where_there_are_any() -> None:
    rules = ContainerRules(deny_latest_tag=True, unreadable_images_told=True)
    tweaks: dict[str, object] = {"spec.initContainers[0].image": "", APP: "app:latest"}
    assert found_by(latest_tag.check, rules)(tweaks) == [latest()]


def test_goes_on_after_an_image_that_cannot_be_read() -> None:
    tweaks: dict[str, object] = {"spec.initContainers[0].image": "", APP: "app:latest"}
    assert [violation.code for violation in found(tweaks)] == [Code.REFERENCE_INVALID, Code.LATEST_TAG]


def test_judges_an_image_that_an_update_changed_where_nothing_else_changed() -> None:
    changed = valid_but({APP: "app:latest"}).since(valid_but({}))
    assert changed.containers == ()
    assert list(latest_tag.check(changed, RULES)) == [latest()]
