import pytest

from tests.checks.valid import ABSENT, found_by
from webhook.checks import required_probes
from webhook.checks.rules import ContainerRules, Probe
from webhook.codes import Code
from webhook.verdict import Violation

found = found_by(required_probes.check, ContainerRules(required_probes=("liveness", "readiness")))

APP = "spec.containers[0]"


def missing(probe: str, at: str = APP, name: str = "app") -> Violation:
    path = f"{at}.{probe}Probe"
    return Violation(
        code=Code.PROBE_MISSING,
        path=path,
        container=name,
        message=f"{probe}Probe is not set, expected one",
        fix=f"set {path}: {{httpGet: {{path: /healthz, port: 8080}}}} (or what else answers)",
    )


@pytest.mark.parametrize(
    ("tweaks", "violations"),
    [
        pytest.param({}, [], id="all are there"),
        pytest.param({f"{APP}.livenessProbe": ABSENT}, [missing("liveness")], id="one is absent"),
        pytest.param({f"{APP}.readinessProbe": None}, [missing("readiness")], id="one is null"),
        pytest.param({f"{APP}.livenessProbe": {}}, [], id="what it asks is not looked at"),
        pytest.param(
            {f"{APP}.livenessProbe": None, f"{APP}.readinessProbe": None},
            [missing("liveness"), missing("readiness")],
            id="one finding for each",
        ),
        pytest.param(
            {f"{APP}.livenessProbe": None, f"{APP}.startupProbe": {"exec": {}}},
            [missing("liveness")],
            id="another does not make up for it",
        ),
    ],
)
def test_wants_each_probe(tweaks: dict[str, object], violations: list[Violation]) -> None:
    assert found(tweaks) == violations


@pytest.mark.parametrize("probe", ["liveness", "readiness", "startup"])
def test_knows_every_probe(probe: Probe) -> None:
    rules = ContainerRules(required_probes=(probe,))
    field = f"{APP}.{probe}Probe"
    assert missing(probe) in found_by(required_probes.check, rules)({field: None})
    assert missing(probe) not in found_by(required_probes.check, rules)({field: {"tcpSocket": {"port": 1}}})


def test_sidecars_have_probes_and_other_init_and_ephemeral_containers_have_none() -> None:
    without: dict[str, object] = {
        f"{place}.livenessProbe": ABSENT
        for place in ("spec.initContainers[0]", "spec.initContainers[1]", "spec.ephemeralContainers[0]")
    }
    assert found(without) == [missing("liveness", "spec.initContainers[1]", "proxy")]


@pytest.mark.parametrize("policy", ["OnFailure", "Never"])
def test_pods_that_come_to_an_end_need_none(policy: str) -> None:
    assert found({"spec.restartPolicy": policy, f"{APP}.livenessProbe": None}) == []


@pytest.mark.parametrize("policy", ["Always", "", None, "never"])
def test_all_others_do(policy: str | None) -> None:
    assert found({"spec.restartPolicy": policy, f"{APP}.livenessProbe": None}) == [missing("liveness")]
