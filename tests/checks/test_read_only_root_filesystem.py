import pytest

from tests.checks.valid import ABSENT, PLACES, found_by
from webhook.checks import read_only_root_filesystem
from webhook.codes import Code
from webhook.verdict import Violation

found = found_by(read_only_root_filesystem.check)

APP = "spec.containers[0].securityContext"


def writable(owner: str, container: str, value: str) -> Violation:
    return Violation(
        code=Code.READ_ONLY_ROOT_FILESYSTEM,
        path=f"{owner}.readOnlyRootFilesystem",
        container=container,
        message=f"readOnlyRootFilesystem is {value}, expected true",
        fix=f"set {owner}.readOnlyRootFilesystem: true",
    )


@pytest.mark.parametrize(
    ("tweaks", "violations"),
    [
        pytest.param({}, [], id="all say true"),
        pytest.param({f"{APP}.readOnlyRootFilesystem": False}, [writable(APP, "app", "false")], id="false"),
        pytest.param({f"{APP}.readOnlyRootFilesystem": ABSENT}, [writable(APP, "app", "not set")], id="absent"),
        pytest.param({f"{APP}.readOnlyRootFilesystem": None}, [writable(APP, "app", "not set")], id="null"),
        pytest.param({APP: ABSENT}, [writable(APP, "app", "not set")], id="no context"),
        pytest.param({APP: None}, [writable(APP, "app", "not set")], id="a null context"),
        pytest.param(
            {f"{APP}.readOnlyRootFilesystem": ABSENT, "spec.securityContext.readOnlyRootFilesystem": True},
            [writable(APP, "app", "not set")],
            id="there is no such field for the pod",
        ),
        pytest.param(
            {f"{APP}.readOnlyRootFilesystem": False, "spec.os": {"name": "windows"}}, [], id="Windows is not judged"
        ),
        pytest.param(
            {f"{APP}.readOnlyRootFilesystem": False, "spec.os": {"name": "Windows"}},
            [writable(APP, "app", "false")],
            id="Windows in another spelling is judged",
        ),
        pytest.param(
            {f"{APP}.readOnlyRootFilesystem": False, "spec.nodeSelector": {"kubernetes.io/os": "windows"}},
            [writable(APP, "app", "false")],
            id="a node selector is no operating system",
        ),
    ],
)
def test_wants_true_from_each_container(tweaks: dict[str, object], violations: list[Violation]) -> None:
    assert found(tweaks) == violations


@pytest.mark.parametrize(("place", "name"), [(place, name) for place, name in PLACES.items() if name != "debug"])
def test_judges_containers_of_every_list_but_the_ephemeral(place: str, name: str) -> None:
    owner = f"{place}.securityContext"
    assert found({f"{owner}.readOnlyRootFilesystem": False}) == [writable(owner, name, "false")]


@pytest.mark.parametrize("value", [False, None, ABSENT])
def test_lets_ephemeral_containers_write(value: object) -> None:
    assert found({"spec.ephemeralContainers[0].securityContext.readOnlyRootFilesystem": value}) == []
