from typing import Any

import msgspec
import pytest

from tests.checks.valid import ABSENT, found_by, valid_but, valid_metadata, valid_spec
from webhook.checks import required_labels
from webhook.checks.rules import ContainerRules, LabelRule
from webhook.codes import Code
from webhook.objects import PodTemplateSpec
from webhook.pods import pod
from webhook.verdict import Violation

RULES = ContainerRules(
    required_labels=(LabelRule("app.kubernetes.io/name"), LabelRule("team", ("red", "blue")), LabelRule("tier", ("",)))
)
found = found_by(required_labels.check, RULES)


def missing(key: str, what: str, expected: str, value: str, at: str = "metadata.labels") -> Violation:
    path = f'{at}["{key}"]' if "/" in key else f"{at}.{key}"
    return Violation(
        code=Code.LABEL_MISSING,
        path=path,
        message=f"the label is {what}, expected {expected}",
        fix=f"set {path}: {value}",
    )


def name(at: str = "metadata.labels") -> Violation:
    return missing("app.kubernetes.io/name", "not set", "any value", "what applies", at)


def team(what: str, at: str = "metadata.labels") -> Violation:
    return missing("team", what, "one of [red, blue]", '"red" (or another that is allowed)', at)


def tier(what: str, at: str = "metadata.labels") -> Violation:
    return missing("tier", what, "''", '""', at)


def labelled(**labels: object) -> dict[str, object]:
    return {"metadata.labels": {"app.kubernetes.io/name": "web", "team": "blue", "tier": "", **labels}}


@pytest.mark.parametrize(
    ("tweaks", "violations"),
    [
        pytest.param(labelled(), [], id="all are there"),
        pytest.param(labelled(more="1"), [], id="and more"),
        pytest.param(labelled(**{"app.kubernetes.io/name": ""}), [], id="one is empty, and may be anything"),
        pytest.param(labelled(**{"app.kubernetes.io/name": None}), [], id="null is an empty text"),
        pytest.param(labelled(tier=None), [], id="null is an empty text, too, where one is expected"),
        pytest.param(labelled(team=""), [team("''")], id="one is empty, and may not be"),
        pytest.param(labelled(team="Red"), [team("Red")], id="another"),
        pytest.param(labelled(team="\x1b[31m"), [team("'\\x1b[31m'")], id="a hostile one"),
        pytest.param(labelled(tier="gold"), [tier("gold")], id="another than the only one"),
        pytest.param({"metadata.labels": {}}, [name(), team("not set"), tier("not set")], id="none"),
        pytest.param({"metadata.labels": None}, [name(), team("not set"), tier("not set")], id="null"),
        pytest.param({"metadata.labels": ABSENT}, [name(), team("not set"), tier("not set")], id="absent"),
    ],
)
def test_wants_each_label(tweaks: dict[str, object], violations: list[Violation]) -> None:
    assert found(tweaks) == violations


def test_labels_of_a_workload_are_those_of_its_template() -> None:
    template = msgspec.convert({"spec": valid_spec()}, PodTemplateSpec)
    at = "spec.template.metadata.labels"
    assert list(required_labels.check(pod(template, "spec.template.spec"), RULES)) == [
        name(at),
        team("not set", at),
        tier("not set", at),
    ]


def test_labels_of_a_running_pod_are_not_judged() -> None:
    old = valid_but(labelled())
    new = valid_but({"metadata.labels": {}, "spec.ephemeralContainers[0].name": "another"}).since(old)
    assert new.containers
    assert list(required_labels.check(new, RULES)) == []


def test_labels_are_not_judged_where_no_container_is() -> None:
    spec: dict[str, Any] = {**valid_spec(), "containers": [], "initContainers": [], "ephemeralContainers": []}
    empty = pod(msgspec.convert({"spec": spec, "metadata": {"labels": {}}}, PodTemplateSpec))
    assert list(required_labels.check(empty, RULES)) == []


def test_the_valid_pod_has_labels_of_its_own() -> None:
    assert valid_but({}).labels == valid_metadata()["labels"]
