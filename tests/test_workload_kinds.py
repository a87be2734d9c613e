import msgspec
import pytest

from webhook.errors import ConfigurationError
from webhook.objects import MAX_ITEMS
from webhook.workload_kinds import (
    MAX_PATHS,
    MAX_STEPS,
    MAX_TEMPLATES,
    WorkloadKind,
    plural,
    pods_of,
    workload_kind,
    workload_kinds,
)


def places(kind: WorkloadKind, document: object) -> list[str]:
    """The place of each image in a document."""
    decoded = msgspec.json.Decoder(kind.struct).decode(msgspec.json.encode(document))
    assert decoded == msgspec.convert(document, kind.struct)
    return [use.path for pod in kind.pods(decoded) for use in pod.images]


def template(*names: str) -> dict[str, object]:
    return {"spec": {"containers": [{"name": each, "image": each} for each in names]}}


def test_a_path_of_fields_is_a_pod_template() -> None:
    kind = workload_kind("rollouts.argoproj.io=spec.template")
    decoded = msgspec.convert(
        {"spec": {"template": {"metadata": {"labels": {"a": "b"}}, **template("x")}}}, kind.struct
    )
    (pod,) = kind.pods(decoded)
    assert (pod.path, pod.metadata_path, pod.labels) == ("spec.template.spec", "spec.template.metadata", {"a": "b"})
    assert [container.path for container in pod.containers] == ["spec.template.spec.containers[0]"]


def test_a_path_to_a_list_is_images_of_containers_and_no_more() -> None:
    kind = workload_kind("tasks.tekton.dev=spec.steps[],spec.sidecars[]")
    document = {"spec": {"steps": [{"image": "a", "name": "first"}, {"script": "true"}], "sidecars": [{"image": "b"}]}}
    (pod,) = kind.pods(msgspec.convert(document, kind.struct))
    assert pod.containers == ()
    assert [(use.path, use.container, use.text) for use in pod.images] == [
        ("spec.steps[0].image", "first", "a"),
        ("spec.sidecars[0].image", "", "b"),
    ]


def test_every_item_of_a_list_on_the_way_counts() -> None:
    kind = workload_kind("jobsets.jobset.x-k8s.io=spec.replicatedJobs[].template.spec.template,spec.from.side-cars[]")
    jobs = [{"template": {"spec": {"template": template("a", "b")}}}, {"template": None}, {"template": {"spec": {}}}]
    assert places(kind, {"spec": {"replicatedJobs": jobs, "from": {"side-cars": [{"image": "c"}]}}}) == [
        "spec.replicatedJobs[0].template.spec.template.spec.containers[0].image",
        "spec.replicatedJobs[0].template.spec.template.spec.containers[1].image",
        "spec.from.side-cars[0].image",
    ]


@pytest.mark.parametrize("document", [{}, {"spec": None}, {"spec": {"template": None}}, {"spec": {"other": 1}}])
def test_an_object_without_any_has_no_pods(document: object) -> None:
    assert places(workload_kind("rollouts.argoproj.io=spec.template,spec.steps[]"), document) == []


@pytest.mark.parametrize(
    "document",
    [
        {"spec": []},
        {"spec": {"template": "x"}},
        {"spec": {"steps": {}}},
        {"spec": {"steps": [None]}},
        {"spec": {"steps": [{"image": 1}]}},
        {"spec": {"steps": [{}] * (MAX_ITEMS + 1)}},
        {"spec": {"groups": [{"template": template("x")}] * (MAX_TEMPLATES + 1)}},
    ],
)
def test_what_is_of_another_type_or_too_much_is_an_error(document: object) -> None:
    kind = workload_kind("jobs.example.com=spec.template,spec.steps[],spec.groups[].template")
    with pytest.raises(msgspec.ValidationError):
        kind.pods(msgspec.convert(document, kind.struct))


def test_a_decision_bounds_the_images_of_lists_within_lists() -> None:
    kind = workload_kind("jobs.example.com=spec.tasks[].steps[]")
    tasks = [{"steps": [{"image": "a"}] * MAX_ITEMS}] * 3
    assert len(places(kind, {"spec": {"tasks": tasks}})) == MAX_ITEMS + 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "expected RESOURCE.GROUP=PATH"),
        ("rollouts.argoproj.io", "expected RESOURCE.GROUP=PATH"),
        ("rollouts.argoproj.io=", "expected RESOURCE.GROUP=PATH"),
        ("rollouts.argoproj.io=spec.template,", "expected RESOURCE.GROUP=PATH"),
        ("rollouts=spec.template", "expected RESOURCE.GROUP=PATH"),
        ("deployments.apps=spec.template", "expected RESOURCE.GROUP=PATH"),
        ("Rollouts.argoproj.io=spec.template", "expected RESOURCE.GROUP=PATH"),
        (f"r.{'a' * 64}.io=spec.template", "expected RESOURCE.GROUP=PATH"),
        ("rollouts.argoproj.io=spec..template", "expected a path such as"),
        ("rollouts.argoproj.io=spec.template ", "expected a path such as"),
        ("rollouts.argoproj.io=spec.steps[0]", "expected a path such as"),
        ("rollouts.argoproj.io=spec.steps[][]", "expected a path such as"),
        (f"rollouts.argoproj.io={'.'.join('a' * (MAX_STEPS + 1))}", "expected a path such as"),
        (f"rollouts.argoproj.io={','.join(f'a{i}' for i in range(MAX_PATHS + 1))}", f"more than {MAX_PATHS} paths"),
        ("rollouts.argoproj.io=spec.a,spec.a", "clash at a"),
        ("rollouts.argoproj.io=spec.a,spec.a[]", "clash at a"),
        ("rollouts.argoproj.io=spec.a,spec.a.b", "clash at a"),
        ("rollouts.argoproj.io=spec.a[].b,spec.a.c", "clash at a"),
    ],
)
def test_what_is_no_such_flag_is_an_error_with_its_name(text: str, fault: str) -> None:
    with pytest.raises(ConfigurationError, match="--workload-kind") as raised:
        workload_kind(text)
    assert fault in str(raised.value)


def test_a_kind_is_named_once() -> None:
    assert [kind.kind for kind in workload_kinds(["a.example.com=x", "b.example.com=x"])] == [
        "a.example.com",
        "b.example.com",
    ]
    with pytest.raises(ConfigurationError, match=r"^--workload-kind names a\.example\.com twice$"):
        workload_kinds(["a.example.com=x", "a.example.com=y"])


@pytest.mark.parametrize(
    ("kind", "resource"),
    [("Rollout", "rollouts"), ("Proxy", "proxies"), ("Gas", "gases"), ("MyEndpoints", "myendpoints"), ("", "s")],
)
def test_a_kind_has_the_plural_that_kubectl_guesses(kind: str, resource: str) -> None:
    assert plural(kind) == resource


def test_templates_have_no_more_containers_together_than_a_pod_may_have() -> None:
    kind = workload_kind("jobsets.jobset.x-k8s.io=spec.jobs[].template")
    template = {"template": {"spec": {"containers": [{"name": "app"}] * (MAX_ITEMS // 2)}}}
    assert len(pods_of(kind, msgspec.convert({"spec": {"jobs": [template] * 2}}, kind.struct))) == 2
    with pytest.raises(msgspec.ValidationError, match=f"more than {MAX_ITEMS} containers in one object"):
        pods_of(kind, msgspec.convert({"spec": {"jobs": [template] * 3}}, kind.struct))
