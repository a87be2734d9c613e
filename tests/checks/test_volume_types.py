from typing import Any

import pytest

from tests.checks.valid import found_by
from webhook.checks import volume_types
from webhook.checks.rules import ContainerRules
from webhook.checks.volume_types import VOLUME_TYPES
from webhook.codes import Code
from webhook.verdict import Violation

found = found_by(volume_types.check, ContainerRules(allowed_volume_types=("configMap", "csi")))
everything = found_by(volume_types.check, ContainerRules(allowed_volume_types=VOLUME_TYPES))
secrets = found_by(volume_types.check, ContainerRules(allowed_volume_types=("secret",)))


def refused(path: str, what: str, expected: str = "one of [configMap, csi]") -> Violation:
    return Violation(
        code=Code.VOLUME_TYPE_NOT_ALLOWED,
        path=path,
        message=f"the volume is of type {what}, expected {expected}",
        fix=f"set {path}: null, and give the volume a source that is allowed",
    )


def volumes(*sources: dict[str, Any]) -> dict[str, object]:
    return {"spec.volumes": [{"name": "v", **source} for source in sources]}


@pytest.mark.parametrize(
    ("sources", "violations"),
    [
        pytest.param([], [], id="no volumes"),
        pytest.param([{"configMap": {}}, {"csi": {}, "hostPath": None}], [], id="those that are allowed"),
        pytest.param(
            [{"configMap": {}}, {"hostPath": {"path": "/"}}],
            [refused("spec.volumes[1].hostPath", "[hostPath]")],
            id="another",
        ),
        pytest.param([{}], [refused("spec.volumes[0].emptyDir", "[emptyDir]")], id="none, which is emptyDir"),
        pytest.param([{"csi": None}], [refused("spec.volumes[0].emptyDir", "[emptyDir]")], id="null is none"),
        pytest.param(
            [{"configMap": {}, "nfs": {}, "rbd": {}}],
            [refused("spec.volumes[0].nfs", "[nfs, rbd]")],
            id="every field counts",
        ),
        pytest.param(
            [{"nfs": {}}, {"nfs": {}}],
            [refused("spec.volumes[0].nfs", "[nfs]"), refused("spec.volumes[1].nfs", "[nfs]")],
            id="every volume",
        ),
        pytest.param([{"configmap": {}}], [refused("spec.volumes[0].configmap", "[configmap]")], id="another case"),
        pytest.param(
            [{"\x1b[31m": 1}], [refused('spec.volumes[0]["\\u001b[31m"]', "['\\x1b[31m']")], id="a hostile one"
        ),
    ],
)
def test_wants_a_type_that_is_allowed(sources: list[dict[str, Any]], violations: list[Violation]) -> None:
    assert found(volumes(*sources)) == violations


def test_knows_all_types_and_none_that_a_later_version_brings() -> None:
    assert len(set(VOLUME_TYPES)) == 30
    assert everything(volumes(*({name: {}} for name in VOLUME_TYPES))) == []
    expected = f"one of [{', '.join(VOLUME_TYPES)}]"
    assert everything(volumes({"quantumDisk": {}})) == [
        refused("spec.volumes[0].quantumDisk", "[quantumDisk]", expected)
    ]


def test_names_the_only_type() -> None:
    assert secrets(volumes({"nfs": {}})) == [refused("spec.volumes[0].nfs", "[nfs]", "secret")]


def test_leaves_volumes_alone_where_no_container_is_judged() -> None:
    nobody: dict[str, object] = {"spec.containers": [], "spec.initContainers": [], "spec.ephemeralContainers": []}
    assert found({**nobody, **volumes({"hostPath": {}})}) == []
