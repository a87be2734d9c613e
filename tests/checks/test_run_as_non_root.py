import pytest

from tests.checks.valid import ABSENT, PLACES, found_by
from webhook.checks import run_as_non_root
from webhook.codes import Code
from webhook.verdict import Violation

found = found_by(run_as_non_root.check)

POD = "spec.securityContext"
APP = "spec.containers[0].securityContext"
WEB = "spec.containers[1].securityContext"
UNSET_FOR_POD = {f"{POD}.runAsNonRoot": ABSENT}


def is_false(owner: str, container: str = "") -> Violation:
    return Violation(
        code=Code.RUN_AS_NON_ROOT,
        path=f"{owner}.runAsNonRoot",
        container=container,
        message="runAsNonRoot is false, expected true",
        fix=f"set {owner}.runAsNonRoot: true",
    )


def is_unset(owner: str, container: str) -> Violation:
    return Violation(
        code=Code.RUN_AS_NON_ROOT,
        path=f"{owner}.runAsNonRoot",
        container=container,
        message="runAsNonRoot is set neither here nor for the pod, expected true",
        fix=f"set {owner}.runAsNonRoot: true",
    )


def is_root(owner: str, container: str = "") -> Violation:
    return Violation(
        code=Code.RUN_AS_NON_ROOT,
        path=f"{owner}.runAsUser",
        container=container,
        message="runAsUser is 0, expected any other UID",
        fix=f"set {owner}.runAsUser: 1000 (or any UID but 0), or leave it out",
    )


@pytest.mark.parametrize(
    "tweaks",
    [
        pytest.param({}, id="all say true"),
        pytest.param({f"{APP}.runAsNonRoot": ABSENT}, id="a container inherits true"),
        pytest.param({f"{APP}.runAsNonRoot": None}, id="null inherits true"),
        pytest.param({"spec.containers[0].securityContext": ABSENT}, id="a container without context inherits true"),
        pytest.param({"spec.containers[0].securityContext": None}, id="a null context inherits true"),
        pytest.param({"spec.securityContext": ABSENT}, id="every container says true itself"),
        pytest.param({"spec.securityContext": None}, id="a null pod context where every container says true"),
        pytest.param({f"{POD}.runAsNonRoot": None}, id="null for the pod where every container says true"),
        pytest.param({f"{POD}.runAsUser": ABSENT, f"{APP}.runAsUser": ABSENT}, id="the image's UID"),
        pytest.param({f"{POD}.runAsUser": None, f"{APP}.runAsUser": None}, id="null UIDs"),
        pytest.param({f"{APP}.runAsUser": -1}, id="a UID that the API refuses"),
        pytest.param({f"{APP}.runAsUser": 1}, id="UID 1, which is not true"),
        pytest.param({f"{POD}.runAsGroup": 0, f"{POD}.fsGroup": 0, f"{POD}.supplementalGroups": [0]}, id="group 0"),
        pytest.param({"spec.os": {"name": "windows"}}, id="a good pod for Windows"),
    ],
)
def test_accepts_a_pod_that_cannot_run_as_root(tweaks: dict[str, object]) -> None:
    assert found(tweaks) == []


@pytest.mark.parametrize(
    ("tweaks", "violations"),
    [
        pytest.param({f"{APP}.runAsNonRoot": False}, [is_false(APP, "app")], id="a container overrides true"),
        pytest.param({f"{POD}.runAsNonRoot": False}, [is_false(POD)], id="false for the pod, overridden everywhere"),
        pytest.param(
            {f"{POD}.runAsNonRoot": False, f"{APP}.runAsNonRoot": ABSENT},
            [is_false(POD)],
            id="false for the pod is told once, not again for who inherits it",
        ),
        pytest.param(
            {f"{POD}.runAsNonRoot": False, f"{APP}.runAsNonRoot": False},
            [is_false(POD), is_false(APP, "app")],
            id="false for the pod and in a container",
        ),
        pytest.param({**UNSET_FOR_POD, f"{APP}.runAsNonRoot": ABSENT}, [is_unset(APP, "app")], id="unset in both"),
        pytest.param({**UNSET_FOR_POD, f"{APP}.runAsNonRoot": None}, [is_unset(APP, "app")], id="null is unset"),
        pytest.param(
            {"spec.securityContext": ABSENT, "spec.containers[0].securityContext": ABSENT},
            [is_unset(APP, "app")],
            id="no context anywhere",
        ),
        pytest.param(
            {**UNSET_FOR_POD, f"{APP}.runAsNonRoot": ABSENT, f"{WEB}.runAsNonRoot": False},
            [is_unset(APP, "app"), is_false(WEB, "web")],
            id="each container is judged",
        ),
        pytest.param({f"{POD}.runAsUser": 0}, [is_root(POD)], id="UID 0 for the pod, overridden everywhere"),
        pytest.param({f"{APP}.runAsUser": 0}, [is_root(APP, "app")], id="UID 0 in a container, another for the pod"),
        pytest.param(
            {f"{POD}.runAsNonRoot": False, f"{POD}.runAsUser": 0, f"{APP}.runAsNonRoot": False, f"{APP}.runAsUser": 0},
            [is_false(POD), is_root(POD), is_false(APP, "app"), is_root(APP, "app")],
            id="one finding for each field",
        ),
        pytest.param(
            {"spec.hostUsers": False, f"{POD}.runAsNonRoot": False, f"{POD}.runAsUser": 0},
            [is_false(POD), is_root(POD)],
            id="a user namespace relaxes nothing",
        ),
        pytest.param(
            {"spec.os": {"name": "windows"}, f"{APP}.runAsNonRoot": False, f"{WEB}.runAsUser": 0},
            [is_false(APP, "app"), is_root(WEB, "web")],
            id="Windows is judged too",
        ),
    ],
)
def test_finds_each_field_that_lets_root_in(tweaks: dict[str, object], violations: list[Violation]) -> None:
    assert found(tweaks) == violations


@pytest.mark.parametrize(("place", "name"), PLACES.items())
def test_judges_containers_of_every_list(place: str, name: str) -> None:
    owner = f"{place}.securityContext"
    tweaks = {f"{owner}.runAsNonRoot": False, f"{owner}.runAsUser": 0}
    assert found(tweaks) == [is_false(owner, name), is_root(owner, name)]


def test_leaves_the_pod_s_own_fields_alone_where_no_container_is_judged() -> None:
    nobody: dict[str, object] = {"spec.containers": [], "spec.initContainers": [], "spec.ephemeralContainers": []}
    assert found({**nobody, f"{POD}.runAsNonRoot": False, f"{POD}.runAsUser": 0}) == []


def test_hands_a_hostile_container_name_on_as_it_is() -> None:
    hostile = 'app"\n\x1b[31m\u202e'
    violations = found({"spec.containers[0].name": hostile, f"{APP}.runAsNonRoot": False})
    assert violations == [is_false(APP, hostile)]
