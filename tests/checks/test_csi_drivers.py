from typing import Any

import pytest

from tests.checks.valid import found_by
from webhook.checks import csi_drivers
from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.verdict import Violation

one = found_by(csi_drivers.check, ContainerRules(allowed_csi_drivers=("csi.example.com",)))
two = found_by(csi_drivers.check, ContainerRules(allowed_csi_drivers=("csi.example.com", "csi.example.org")))

DRIVER = "spec.volumes[0].csi.driver"


def refused(what: str, expected: str = "csi.example.com", value: str = "csi.example.com") -> Violation:
    return Violation(
        code=Code.CSI_DRIVER_NOT_ALLOWED,
        path=DRIVER,
        message=f"driver is {what}, expected {expected}",
        fix=f"set {DRIVER}: {value}",
    )


@pytest.mark.parametrize(
    ("source", "violations"),
    [
        ({"driver": "csi.example.com"}, []),
        ({"driver": "csi.example.org"}, [refused("csi.example.org")]),
        ({"driver": "CSI.example.com"}, [refused("CSI.example.com")]),
        ({"driver": ""}, [refused("not set")]),
        ({"driver": None}, [refused("not set")]),
        ({}, [refused("not set")]),
        ({"driver": "\u202e"}, [refused("'\\u202e'")]),
    ],
)
def test_wants_a_driver_that_is_allowed(source: dict[str, Any], violations: list[Violation]) -> None:
    assert one({"spec.volumes": [{"name": "keys", "csi": source}]}) == violations


def test_names_all_that_are_allowed() -> None:
    expected = "one of [csi.example.com, csi.example.org]"
    assert two({"spec.volumes": [{"csi": {"driver": "x"}}]}) == [
        refused("x", expected, "csi.example.com (or another that is allowed)")
    ]


@pytest.mark.parametrize("source", [{"ephemeral": {"volumeClaimTemplate": {}}}, {"csi": None}, {}])
def test_looks_at_volumes_of_type_csi_alone(source: dict[str, Any]) -> None:
    assert one({"spec.volumes": [{"name": "data", **source}]}) == []


def test_leaves_volumes_alone_where_no_container_is_judged() -> None:
    nobody: dict[str, object] = {"spec.containers": [], "spec.initContainers": [], "spec.ephemeralContainers": []}
    assert one({**nobody, "spec.volumes": [{"csi": {"driver": "x"}}]}) == []
