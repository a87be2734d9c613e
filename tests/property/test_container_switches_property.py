"""What the further checks of `containers` say of pods that are drawn: mended as every `fix` says, a pod passes."""

import re
from typing import Any

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook.checks import CHECKS, enabled
from webhook.checks.rules import ContainerRules, LabelRule, PortRange
from webhook.objects import PodTemplateSpec
from webhook.pods import pod
from webhook.verdict import Violation

PORTS_OF_ONE = 3


def fields(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of which each field may be absent."""
    return st.fixed_dictionaries({}, optional=values)


def some_of(*names: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(tuple)


hostile = st.sampled_from(["\x1b[31m\u202e", "\ud800", "\x7f" * 200, '"]\n', "''", "-"])
probes = st.none() | st.just({"exec": {"command": ["true"]}})
images = st.sampled_from(["app", "app:latest", "app:1", f"app:latest@sha256:{'a' * 64}", "reg.example.com:5000/app"])
pull_policies = st.none() | st.sampled_from(["Always", "IfNotPresent", "Never", ""]) | hostile
quantities = st.none() | st.sampled_from([0, 1, 0.5, "0", "0Mi", "1Gi", "0.1", "", "1e3"])
containers = st.fixed_dictionaries(
    {"name": st.sampled_from(["app", "web"]) | hostile, "image": images},
    optional={
        "imagePullPolicy": pull_policies,
        "resources": st.none()
        | fields(
            limits=st.none() | fields(memory=quantities, cpu=quantities) | st.just({"example.com/gpu": 1, "cpu": 1})
        ),
        "ports": st.none()
        | st.lists(fields(hostPort=st.sampled_from([None, 0, 80, 8000, 8080, -1, 10**30])), max_size=PORTS_OF_ONE),
        "livenessProbe": probes,
        "readinessProbe": probes,
        "startupProbe": probes,
        "restartPolicy": st.just("Always"),
    },
)
container_lists = st.none() | st.lists(containers, max_size=2)
volumes: st.SearchStrategy[dict[str, Any]] = (
    fields(emptyDir=st.just({}), secret=st.none() | st.just({}))
    | st.fixed_dictionaries({"csi": fields(driver=st.sampled_from(["csi.example.com", "x", "", None]) | hostile)})
    | st.fixed_dictionaries(
        {"image": st.fixed_dictionaries({"reference": images}, optional={"pullPolicy": pull_policies})}
    )
    | st.dictionaries(st.sampled_from(["hostPath", "nfs", "quantumDisk"]) | hostile, st.just({}), max_size=2)
)
names_of_classes = st.none() | st.sampled_from(["", "a", "b"]) | hostile
specs = fields(
    containers=container_lists,
    initContainers=container_lists,
    ephemeralContainers=container_lists,
    volumes=st.none() | st.lists(volumes, max_size=3),
    automountServiceAccountToken=st.sampled_from([True, False, None]),
    restartPolicy=st.sampled_from(["Always", "Never", "OnFailure", "", None]),
    runtimeClassName=names_of_classes,
    priorityClassName=names_of_classes,
)
labels = st.none() | fields(team=st.sampled_from(["red", "blue", "", None]) | hostile) | st.just({"a.example/b": "c"})
documents = st.fixed_dictionaries({"spec": specs}, optional={"metadata": st.none() | fields(labels=labels)})
rule_sets = st.builds(
    ContainerRules,
    required_limits=st.just(()) | some_of("memory", "cpu", "ephemeral-storage", "example.com/gpu"),
    required_probes=st.just(()) | some_of("liveness", "readiness", "startup"),
    required_labels=st.lists(
        st.sampled_from([LabelRule("team", ("red", "x")), LabelRule("a.example/b"), LabelRule("c", ("",))]),
        unique=True,
    ).map(tuple),
    deny_latest_tag=st.booleans(),
    deny_service_account_token=st.booleans(),
    allowed_image_pull_policies=st.none() | some_of("Always", "IfNotPresent", "Never"),
    allowed_volume_types=st.none() | some_of("secret", "csi", "image", "configMap"),
    allowed_csi_drivers=st.none() | some_of("csi.example.com", "CSI.example.org"),
    allowed_host_ports=st.none() | st.just((PortRange(8000, 8010), PortRange(80, 80))) | st.just((PortRange(1, 1),)),
    allowed_runtime_classes=st.none() | some_of("a", "b", ""),
    allowed_priority_classes=st.none() | some_of("a", ""),
)


def found(document: dict[str, Any], rules: ContainerRules) -> list[Violation]:
    judged = pod(msgspec.convert(document, PodTemplateSpec))
    return [violation for check in enabled(rules) for violation in check(judged, rules)]


@settings(deadline=None)
@given(documents, rule_sets)
def test_findings_are_short_printable_ascii_one_for_each_field(document: dict[str, Any], rules: ContainerRules) -> None:
    violations = found(document, rules)
    assert len({violation.path for violation in violations}) == len(violations)
    for violation in violations:
        assert violation.fix.startswith(f"set {violation.path}: ")
        for text in (violation.path, violation.message, violation.fix):
            assert text.isascii()
            assert text.isprintable()
            assert len(text) < 350


@settings(deadline=None)
@given(documents, rule_sets)
def test_a_pod_that_is_mended_as_every_fix_says_passes(document: dict[str, Any], rules: ContainerRules) -> None:
    """A container is told of one of its host ports, so that several take several rounds."""
    rounds = 0
    while violations := found(document, rules):
        rounds += 1
        assert rounds <= 1 + PORTS_OF_ONE
        for violation in violations:
            _mend(document, violation, rules)


@given(documents)
def test_nothing_is_found_where_nothing_is_asked(document: dict[str, Any]) -> None:
    judged = pod(msgspec.convert(document, PodTemplateSpec))
    assert [violation for module in CHECKS for violation in module.check(judged, ContainerRules())] == []


def _mend(document: dict[str, Any], violation: Violation, rules: ContainerRules) -> None:
    """Does by hand what a fix tells a developer to do."""
    text = violation.fix.removeprefix(f"set {violation.path}: ")
    *way, last = _steps(violation.path)
    owner: Any = document
    for step in way:
        if isinstance(step, str) and owner.get(step) is None:
            owner[step] = {}
        owner = owner[step]
    if text == "the same image with the tag of a version, or with a digest":
        owner[last] = "app:1"
    elif text == "what applies":
        owner[last] = "mine"
    elif text == "null, and give the volume a source that is allowed":
        source = (rules.allowed_volume_types or ())[0]
        content = {"csi": {"driver": (rules.allowed_csi_drivers or ("x",))[0]}, "image": {"reference": "app:1"}}
        owner.clear()
        owner[source] = content.get(source, {})
    else:
        owner[last] = yaml.safe_load(re.split(r" \(|, or leave it out", text)[0])


def _steps(path: str) -> list[str | int]:
    found = re.findall(r'\["(.*?)"\]|\[([0-9]+)\]|([A-Za-z0-9-]+)', path)
    return [int(index) if index else key or word for key, index, word in found]
