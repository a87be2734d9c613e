"""The checks against an oracle that is naive and knows nothing of their code: it reads the JSON document itself."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook.checks import enabled
from webhook.checks.rules import ContainerRules
from webhook.objects import PodTemplateSpec
from webhook.pods import pod

LISTS = ["initContainers", "containers", "ephemeralContainers"]

names = st.sampled_from(["ALL", "all", "NET_RAW", "net_raw", "CAP_NET_RAW", "CHOWN", "NET_BIND_SERVICE", "\u212aILL"])
flags = st.sampled_from([True, False, None])
uids = st.sampled_from([0, 1, 1000, -1, None])


def fields(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of which each field may be absent."""
    return st.fixed_dictionaries({}, optional=values)


capabilities = fields(add=st.none() | st.lists(names, max_size=3), drop=st.none() | st.lists(names, max_size=3))
contexts = fields(
    runAsNonRoot=flags,
    runAsUser=uids,
    readOnlyRootFilesystem=flags,
    privileged=flags,
    capabilities=st.none() | capabilities,
)
containers = fields(
    name=st.none() | st.text(max_size=3), securityContext=st.none() | contexts, restartPolicy=st.just("Always")
)
container_lists = st.none() | st.lists(containers, max_size=3)
specs = fields(
    initContainers=container_lists,
    containers=container_lists,
    ephemeralContainers=container_lists,
    securityContext=st.none() | fields(runAsNonRoot=flags, runAsUser=uids),
    os=st.none() | fields(name=st.sampled_from(["windows", "Windows", "linux", "", None])),
    hostUsers=flags,
)
rule_sets = st.builds(
    ContainerRules,
    run_as_non_root=st.booleans(),
    drop_capabilities=st.lists(names, max_size=3).map(tuple),
    allow_added_capabilities=st.none() | st.lists(names, max_size=3).map(tuple),
    read_only_root_filesystem=st.booleans(),
)


def read(document: Any, *way: str) -> Any:
    """What is at the end of the way; None where there is nothing."""
    for step in way:
        if document is None or step not in document:
            return None
        document = document[step]
    return document


def expected(spec: dict[str, Any], rules: ContainerRules) -> set[tuple[str, str]]:
    """Code and path of each finding that has to be made."""
    containers = [
        (f"spec.{which}[{index}].securityContext", read(container, "securityContext"), which)
        for which in LISTS
        for index, container in enumerate(read(spec, which) or [])
    ]
    found = set()
    if rules.run_as_non_root and containers:
        found |= expected_of_the_pod(read(spec, "securityContext"))
    for path, context, which in containers:
        if rules.run_as_non_root:
            found |= expected_about_root(path, context, read(spec, "securityContext", "runAsNonRoot"))
        if read(spec, "os", "name") != "windows":
            found |= expected_about_capabilities(path, context, rules)
            if rules.read_only_root_filesystem and which != "ephemeralContainers":
                found |= expected_about_the_filesystem(path, context)
    return found


def expected_of_the_pod(context: Any) -> set[tuple[str, str]]:
    found = set()
    if read(context, "runAsNonRoot") is False:
        found.add(("RUN_AS_NON_ROOT", "spec.securityContext.runAsNonRoot"))
    if read(context, "runAsUser") == 0:
        found.add(("RUN_AS_NON_ROOT", "spec.securityContext.runAsUser"))
    return found


def expected_about_root(path: str, context: Any, pod_says: bool | None) -> set[tuple[str, str]]:
    found = set()
    says = read(context, "runAsNonRoot")
    if says is False or (says is None and pod_says is None):
        found.add(("RUN_AS_NON_ROOT", f"{path}.runAsNonRoot"))
    if read(context, "runAsUser") == 0:
        found.add(("RUN_AS_NON_ROOT", f"{path}.runAsUser"))
    return found


def expected_about_capabilities(path: str, context: Any, rules: ContainerRules) -> set[tuple[str, str]]:
    found = set()
    if rules.drop_capabilities != () and read(context, "privileged") is True:
        found.add(("CAPABILITIES_NOT_DROPPED", f"{path}.privileged"))
    drop = read(context, "capabilities", "drop") or []
    for name in rules.drop_capabilities:
        if name not in drop and "ALL" not in drop:
            found.add(("CAPABILITIES_NOT_DROPPED", f"{path}.capabilities.drop"))
    if rules.allow_added_capabilities is not None:
        for name in read(context, "capabilities", "add") or []:
            if name not in rules.allow_added_capabilities:
                found.add(("CAPABILITY_NOT_ALLOWED", f"{path}.capabilities.add"))
    return found


def expected_about_the_filesystem(path: str, context: Any) -> set[tuple[str, str]]:
    if read(context, "readOnlyRootFilesystem") is True:
        return set()
    return {("READ_ONLY_ROOT_FILESYSTEM", f"{path}.readOnlyRootFilesystem")}


@settings(max_examples=500, deadline=None)
@given(specs, rule_sets)
def test_the_checks_find_what_the_oracle_finds_and_each_field_once(spec: dict[str, Any], rules: ContainerRules) -> None:
    judged = pod(msgspec.json.decode(json.dumps({"spec": spec}), type=PodTemplateSpec))
    found = [violation for check in enabled(rules) for violation in check(judged, rules)]
    places = [(violation.code.value, violation.path) for violation in found]
    assert set(places) == expected(spec, rules)
    assert len(places) == len(set(places))
    names_at = {container.path: container.name for container in judged.containers}
    for violation in found:
        assert violation.container == names_at.get(violation.path.partition(".securityContext")[0], "")
        assert violation.message.isascii()
        assert violation.fix.startswith(f"set {violation.path}: ")


@settings(deadline=None)
@given(specs, rule_sets)
def test_setting_what_every_fix_says_leaves_nothing_to_find(spec: dict[str, Any], rules: ContainerRules) -> None:
    judged = pod(msgspec.convert({"spec": spec}, PodTemplateSpec))
    found = [violation for check in enabled(rules) for violation in check(judged, rules)]
    for violation in found:
        _apply(spec, violation.path, violation.fix.removeprefix(f"set {violation.path}: "))
    mended = pod(msgspec.convert({"spec": spec}, PodTemplateSpec))
    assert [violation for check in enabled(rules) for violation in check(mended, rules)] == []


def _apply(spec: dict[str, Any], path: str, text: str) -> None:
    """Does by hand what a fix tells a developer to do."""
    owner: Any = spec
    *way, last = path.replace("[", ".").replace("]", "").split(".")[1:]
    for step in way:
        if isinstance(owner, list):
            owner = owner[int(step)]
        else:
            owner[step] = {} if owner.get(step) is None else owner[step]
            owner = owner[step]
    value = text.partition(" (")[0]
    if value.startswith("["):
        owner[last] = [name.strip("'").replace("\\u212a", "\u212a") for name in value[1:-1].split(", ") if name]
    else:
        owner[last] = json.loads(value)
