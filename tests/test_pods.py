from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from webhook.objects import (
    BY_KIND,
    BY_RESOURCE,
    KINDS,
    MAX_PULL_SECRETS,
    POD,
    ContainerSpec,
    Kind,
    PodObject,
    PodSecurityContext,
    PodTemplateSpec,
    SecurityContext,
    pod_template,
)
from webhook.pods import ContainerKind, ImageUse, Pod, Volume, pod

SPEC = {"containers": [{"name": "app", "image": "nginx"}]}
TEMPLATE = {"metadata": {"name": "ignored"}, "spec": SPEC}

OBJECTS: dict[str, dict[str, Any]] = {
    "Pod": {"spec": SPEC},
    "PodTemplate": {"template": TEMPLATE},
    "ReplicationController": {"spec": {"replicas": 2, "template": TEMPLATE}},
    "Deployment": {"spec": {"replicas": 2, "template": TEMPLATE}},
    "ReplicaSet": {"spec": {"template": TEMPLATE}},
    "StatefulSet": {"spec": {"template": TEMPLATE}},
    "DaemonSet": {"spec": {"template": TEMPLATE}},
    "Job": {"spec": {"template": TEMPLATE}},
    "CronJob": {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": TEMPLATE}}}},
}


def made(spec: dict[str, Any]) -> Pod:
    return pod(msgspec.convert({"spec": spec}, PodTemplateSpec))


def decoded(kind: Kind, document: dict[str, Any]) -> PodTemplateSpec | PodObject:
    return pod_template(msgspec.convert({"kind": kind.kind, **document}, kind.struct))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_finds_the_pod_of_every_kind_where_its_path_says(kind: Kind) -> None:
    document = OBJECTS[kind.kind]
    found: Any = document
    for step in kind.spec_path.split("."):
        found = found[step]
    assert found is SPEC
    template = decoded(kind, document)
    assert [use.path for use in pod(template, kind.spec_path).images] == [f"{kind.spec_path}.containers[0].image"]


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("Pod", {}),
        ("Pod", {"spec": None}),
        ("PodTemplate", {}),
        ("PodTemplate", {"template": None}),
        ("PodTemplate", {"template": {"spec": None}}),
        ("ReplicationController", {}),
        ("ReplicationController", {"spec": None}),
        ("ReplicationController", {"spec": {"template": None}}),
        ("Deployment", {"spec": {"template": {}}}),
        ("CronJob", {}),
        ("CronJob", {"spec": {}}),
        ("CronJob", {"spec": {"jobTemplate": None}}),
        ("CronJob", {"spec": {"jobTemplate": {}}}),
        ("CronJob", {"spec": {"jobTemplate": {"spec": {"template": None}}}}),
    ],
)
def test_an_object_without_a_pod_has_none(kind: str, document: dict[str, Any]) -> None:
    (wanted,) = [each for each in KINDS if each.kind == kind]
    assert decoded(wanted, document).spec is None


def test_knows_each_kind_by_both_its_names() -> None:
    assert len(BY_KIND) == len(BY_RESOURCE) == len(KINDS) == len(OBJECTS)
    assert BY_KIND["batch", "CronJob"] is BY_RESOURCE["batch", "cronjobs"]
    assert [kind for kind in KINDS if kind.is_pod] == [POD]


def test_a_container_of_each_list_knows_its_path_and_its_kind() -> None:
    spec = {
        "ephemeralContainers": [{"name": "debug", "image": "e"}],
        "containers": [{"name": "app", "image": "a"}, {"name": "web", "image": "b", "restartPolicy": "Always"}],
        "initContainers": [
            {"name": "setup", "image": "i", "restartPolicy": "Never"},
            {"name": "proxy", "image": "s", "restartPolicy": "Always"},
        ],
    }
    found = made(spec).containers
    assert [(each.name, each.path, each.kind, each.image) for each in found] == [
        ("setup", "spec.initContainers[0]", ContainerKind.INIT, "i"),
        ("proxy", "spec.initContainers[1]", ContainerKind.SIDECAR, "s"),
        ("app", "spec.containers[0]", ContainerKind.REGULAR, "a"),
        ("web", "spec.containers[1]", ContainerKind.REGULAR, "b"),
        ("debug", "spec.ephemeralContainers[0]", ContainerKind.EPHEMERAL, "e"),
    ]
    assert {each.security for each in found} == {SecurityContext()}
    assert found[0].spec == ContainerSpec("setup", "i", restart_policy="Never")


def test_images_are_those_of_containers_and_of_image_volumes() -> None:
    spec = {
        "volumes": [
            {"name": "cache", "emptyDir": {}},
            {"name": "model", "image": {"reference": "models/big", "pullPolicy": "Always"}},
            {"name": "nothing", "image": None},
            {"name": "blank", "image": {}},
            {"name": "null", "image": {"reference": None}},
        ],
        "containers": [{"name": "app", "image": "nginx"}, {"name": "without"}],
    }
    assert made(spec).images == (
        ImageUse("spec.containers[0].image", "app", "nginx"),
        ImageUse("spec.containers[1].image", "without", ""),
        ImageUse("spec.volumes[1].image.reference", "", "models/big"),
        ImageUse("spec.volumes[3].image.reference", "", ""),
        ImageUse("spec.volumes[4].image.reference", "", ""),
    )


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"containers": None, "initContainers": None, "ephemeralContainers": None, "volumes": None},
        {"containers": [], "initContainers": [], "ephemeralContainers": [], "volumes": []},
        {"securityContext": None, "os": None},
        {"securityContext": {}, "os": {}},
        {"securityContext": {"runAsNonRoot": None, "runAsUser": None}, "os": {"name": None}},
    ],
)
def test_null_is_as_good_as_absent_and_a_pod_without_containers_is_empty(spec: dict[str, Any]) -> None:
    empty = Pod("spec", PodSecurityContext(), windows=False, containers=(), images=())
    assert replace(made(spec), spec=empty.spec) == empty


def test_a_volume_is_known_by_all_fields_that_say_what_it_is_made_of() -> None:
    volumes: list[dict[str, Any]] = [
        {"name": "plain"},
        {"emptyDir": {}, "hostPath": {"path": "/"}, "configMap": None},
        {"name": "new", "quantumDisk": {"size": 3}},
        {"name": "model", "image": {"reference": "m", "pullPolicy": "Never"}},
        {"name": "drive", "csi": {"driver": "disk.example.com"}},
        {"name": None, "csi": {}},
        {"image": {}},
    ]
    assert made({"volumes": volumes}).volumes == (
        Volume("plain", "spec.volumes[0]", ("emptyDir",)),
        Volume("", "spec.volumes[1]", ("emptyDir", "hostPath")),
        Volume("new", "spec.volumes[2]", ("quantumDisk",)),
        Volume("model", "spec.volumes[3]", ("image",), image="m", image_pull_policy="Never"),
        Volume("drive", "spec.volumes[4]", ("csi",), csi_driver="disk.example.com"),
        Volume("", "spec.volumes[5]", ("csi",), csi_driver=""),
        Volume("", "spec.volumes[6]", ("image",), image=""),
    )


def test_labels_and_annotations_are_those_beside_the_spec_and_null_is_empty() -> None:
    metadata = {"labels": {"a": "1", "b": None}, "annotations": {"c": "2"}}
    deployment = {"metadata": {"labels": {"no": ""}}, "spec": {"template": {"metadata": metadata, "spec": SPEC}}}
    found = pod(decoded(BY_KIND["apps", "Deployment"], deployment), "spec.template.spec")
    assert (found.labels, found.annotations) == ({"a": "1", "b": ""}, {"c": "2"})
    assert found.metadata_path == "spec.template.metadata"
    assert made(SPEC).metadata_path == "metadata"


@pytest.mark.parametrize("name", ["Windows", "WINDOWS", "windows ", "windows\n", "\uff57indows", "linux", ""])
def test_only_the_exact_name_is_windows(name: str) -> None:
    assert made({"os": {"name": "windows"}}).windows
    assert not made({"os": {"name": name}}).windows


def container(name: str, image: str = "nginx", **security: Any) -> dict[str, Any]:
    return {"name": name, "image": image, "securityContext": security}


OLD: dict[str, Any] = {
    "initContainers": [container("setup")],
    "containers": [container("app"), container("web")],
    "ephemeralContainers": [container("debug", runAsUser=0), container("trace")],
    "volumes": [{"image": {"reference": "model"}}],
    "securityContext": {"runAsNonRoot": True},
}


def changes(**fields: Any) -> tuple[list[str], list[str]]:
    """Paths of the containers and of the images that are left to judge when these fields of the old pod change."""
    left = made({**OLD, **fields}).since(made(OLD))
    return [each.path for each in left.containers], [use.path for use in left.images]


def test_pull_secrets_are_told_once_each_in_order_and_an_empty_name_is_a_name() -> None:
    names: list[dict[str, Any]] = [{"name": "b"}, {"name": "a"}, {"name": ""}, {}, {"name": None}, {"name": "b"}]
    found = made({**SPEC, "imagePullSecrets": names, "serviceAccountName": "builder"})
    assert (found.pull_secrets, found.service_account) == (("b", "a", ""), "builder")


@pytest.mark.parametrize("spec", [{}, {"imagePullSecrets": None, "serviceAccountName": None}, {"imagePullSecrets": []}])
def test_a_pod_may_name_no_pull_secrets(spec: dict[str, Any]) -> None:
    found = made({**SPEC, **spec})
    assert (found.pull_secrets, found.service_account) == ((), "")


@pytest.mark.parametrize(
    "spec",
    [
        {"imagePullSecrets": [{"name": f"s{number}"} for number in range(MAX_PULL_SECRETS + 1)]},
        {"imagePullSecrets": [{"name": "s" * 254}]},
        {"imagePullSecrets": ["s"]},
        {"imagePullSecrets": {"name": "s"}},
        {"serviceAccountName": "s" * 254},
        {"serviceAccountName": 1},
    ],
)
def test_pull_secrets_that_no_pod_has_are_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        made({**SPEC, **spec})


def test_an_update_keeps_the_pull_secrets_for_what_it_changed() -> None:
    fields = {"imagePullSecrets": [{"name": "a"}], "serviceAccountName": "builder"}
    changed = made({"containers": [{"name": "app", "image": "caddy"}], **fields})
    rest = changed.since(made({**SPEC, **fields}))
    assert (len(rest.images), rest.pull_secrets, rest.service_account) == (1, ("a",), "builder")


def test_an_update_that_touches_nothing_leaves_nothing_to_judge() -> None:
    assert changes() == ([], [])
    assert made(OLD).since(made(OLD)) == made(OLD).nothing()


def test_another_image_is_judged_and_its_container_is_not() -> None:
    assert changes(containers=[container("app"), container("web", "evil")]) == ([], ["spec.containers[1].image"])


def test_images_that_change_places_are_both_judged() -> None:
    before = made({"containers": [container("app", "a"), container("web", "b")]})
    after = made({"containers": [container("app", "b"), container("web", "a")]})
    assert [use.text for use in after.since(before).images] == ["b", "a"]


def test_a_new_ephemeral_container_is_judged_with_its_image() -> None:
    path = "spec.ephemeralContainers[2]"
    assert changes(ephemeralContainers=[*OLD["ephemeralContainers"], container("new")]) == ([path], [f"{path}.image"])


def test_ephemeral_containers_that_a_patch_reorders_are_no_news() -> None:
    path = "spec.ephemeralContainers[0]"
    reordered = [container("new"), container("trace"), container("debug", runAsUser=0)]
    assert changes(ephemeralContainers=reordered) == ([path], [f"{path}.image"])


def test_a_container_of_a_known_name_in_another_list_is_new() -> None:
    path = "spec.ephemeralContainers[0]"
    assert changes(ephemeralContainers=[container("app")]) == ([path], [f"{path}.image"])


def test_an_init_container_that_becomes_a_sidecar_is_new() -> None:
    sidecar = {**container("setup"), "restartPolicy": "Always"}
    assert changes(initContainers=[sidecar]) == (["spec.initContainers[0]"], [])


@pytest.mark.parametrize("security", [{"privileged": True}, {"runAsUser": 0}, {"capabilities": {"add": ["ALL"]}}])
def test_a_known_container_whose_security_context_changed_is_judged(security: dict[str, Any]) -> None:
    assert changes(containers=[container("app", **security), container("web")]) == (["spec.containers[0]"], [])


@pytest.mark.parametrize(
    "fields",
    [
        {"securityContext": {"runAsNonRoot": False}},
        {"securityContext": None},
        {"os": {"name": "windows"}},
        {"hostNetwork": True},
        {"volumes": [*OLD["volumes"], {"name": "root", "hostPath": {"path": "/"}}]},
    ],
)
def test_all_containers_are_judged_where_what_they_inherit_changed(fields: dict[str, object]) -> None:
    paths = [each.path for each in made(OLD).containers]
    assert changes(**fields) == (paths, [])


@pytest.mark.parametrize(
    ("fields", "judged"),
    [
        ({"resources": {"limits": {"cpu": "2"}}}, False),
        ({"imagePullPolicy": "Never"}, True),
        ({"ports": [{"hostPort": 80}]}, True),
        ({"livenessProbe": {"httpGet": {"host": "10.0.0.1"}}}, True),
        ({"lifecycle": {"preStop": {"tcpSocket": {"host": "10.0.0.1"}}}}, True),
    ],
)
def test_a_known_container_is_judged_again_for_what_checks_read_but_resources(
    fields: dict[str, Any], *, judged: bool
) -> None:
    changed = changes(containers=[{**container("app"), **fields}, container("web")])
    assert changed == (["spec.containers[0]"] if judged else [], [])


def test_labels_are_judged_in_a_new_pod_alone() -> None:
    assert made(OLD).labels == {}
    assert made(OLD).since(made({})).labels is None


def test_an_image_volume_with_another_reference_is_judged() -> None:
    assert changes(volumes=[{"image": {"reference": "other"}}]) == ([], ["spec.volumes[0].image.reference"])


def test_a_second_volume_of_a_known_image_is_judged() -> None:
    twice = [*OLD["volumes"], *OLD["volumes"]]
    assert changes(volumes=twice) == ([], ["spec.volumes[1].image.reference"])


specs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from([None, True, False])))


@given(old=specs, new=specs)
def test_what_an_update_leaves_unjudged_was_there_before(
    old: list[tuple[str, str, bool | None]], new: list[tuple[str, str, bool | None]]
) -> None:
    before, after = ([container(name, image, privileged=flag) for name, image, flag in each] for each in (old, new))
    left = made({"containers": after}).since(made({"containers": before}))
    judged = {each.path for each in left.containers}, {use.path for use in left.images}
    for index, (name, image, flag) in enumerate(new):
        path = f"spec.containers[{index}]"
        assert (path not in judged[0]) == ((name, flag) in {(each[0], each[2]) for each in old})
        assert (f"{path}.image" not in judged[1]) == ((name, image) in {each[:2] for each in old})
