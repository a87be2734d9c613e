from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kube.workloads_api import FakeWorkloads, a_pod, an_object, owned_by
from webhook.errors import ClusterError, ConfigurationError
from webhook.kube import workloads as subject
from webhook.kube.running_pods import PodsUnknownError
from webhook.kube.workloads import ClusterWorkloads, Workload


@pytest.fixture
def api() -> FakeWorkloads:
    return FakeWorkloads()


@pytest.fixture
async def kubeconfig(api: FakeWorkloads, tmp_path: Path) -> AsyncIterator[Path]:
    async with api.listening(tmp_path) as kubeconfig:
        yield kubeconfig


@pytest.fixture
async def workloads(kubeconfig: Path) -> AsyncIterator[ClusterWorkloads]:
    workloads = ClusterWorkloads(kubeconfig)
    yield workloads
    await workloads.close()


async def listed(workloads: ClusterWorkloads) -> list[Workload]:
    return [each async for page in workloads.pages() for each in page]


async def titles(workloads: ClusterWorkloads) -> list[str]:
    return [f"{each.api_version} {each.kind}/{each.namespace}/{each.name}" for each in await listed(workloads)]


async def test_a_pod_belongs_to_its_topmost_controller(workloads: ClusterWorkloads, api: FakeWorkloads) -> None:
    api.add("ReplicaSet", an_object("web-1", "prod", owned_by("Deployment", "web")), an_object("bare", "prod"))
    api.add("Job", an_object("night-1", "prod", owned_by("CronJob", "night")), an_object("once", "prod"))
    api.add(
        "Pod",
        a_pod("web-1-a", "prod", owned_by("ReplicaSet", "web-1")),
        a_pod("night-1-a", "prod", owned_by("Job", "night-1")),
        a_pod("bare-a", "prod", owned_by("ReplicaSet", "bare")),
        a_pod("once-a", "prod", owned_by("Job", "once")),
        a_pod("db-0", "prod", {**owned_by("Deployment", "db"), "kind": "StatefulSet"}),
        a_pod("alone", "prod"),
    )
    assert await titles(workloads) == [
        "apps/v1 Deployment/prod/web",
        "batch/v1 CronJob/prod/night",
        "apps/v1 ReplicaSet/prod/bare",
        "batch/v1 Job/prod/once",
        "apps/v1 StatefulSet/prod/db",
        "v1 Pod/prod/alone",
    ]
    assert workloads.notes == []
    assert next(each.uid for each in await listed(workloads)) == "uid-web"


async def test_only_metadata_is_asked_of_what_stands_behind_pods(
    workloads: ClusterWorkloads, api: FakeWorkloads
) -> None:
    api.add("ReplicaSet", *(an_object(f"web-{number}", "prod") for number in range(5)))
    await listed(workloads)
    partial = {kind for kind, accept in api.accepted if "as=PartialObjectMetadataList" in accept}
    assert partial == {"Namespace", "ReplicaSet", "Job"}
    assert api.asked.count("/apis/apps/v1/replicasets") == 3


async def test_an_owner_that_does_not_control_the_pod_is_none(workloads: ClusterWorkloads, api: FakeWorkloads) -> None:
    api.add("Pod", a_pod("alone", "prod", owned_by("Deployment", "web", controller=False)))
    assert await titles(workloads) == ["v1 Pod/prod/alone"]


async def test_a_controller_that_is_not_there_counts_for_nothing(
    workloads: ClusterWorkloads, api: FakeWorkloads
) -> None:
    api.add("ReplicaSet", an_object("web-1", "prod", owned_by("Deployment", "web")))
    api.add(
        "Pod",
        a_pod("a", "prod", owned_by("ReplicaSet", "made-up")),
        a_pod("b", "prod", owned_by("ReplicaSet", "web-1", uid="another")),
        a_pod("c", "prod", owned_by("ReplicaSet", "../../../api/v1/secrets")),
    )
    assert await titles(workloads) == ["v1 Pod/prod/a", "v1 Pod/prod/b", "v1 Pod/prod/c"]
    assert not [path for path in api.asked if "secrets" in path]


@pytest.mark.parametrize(
    "nonsense",
    [
        {"uid": "NO UID"},
        {"uid": "a" * 65},
        {"name": "n" * 300_000},
        {"name": "<b>"},
        {"kind": "a kind"},
        {"kind": "K" * 100_000},
        {"apiVersion": "\u202eapps/v1"},
    ],
    ids=lambda nonsense: str(nonsense)[:30],
)
async def test_an_owner_that_cannot_be_one_counts_for_nothing(
    workloads: ClusterWorkloads, api: FakeWorkloads, nonsense: dict[str, str]
) -> None:
    api.add("ReplicaSet", an_object("web-1", "prod", owned_by("Deployment", "web") | nonsense))
    api.add("Pod", a_pod("a", "prod", owned_by("Deployment", "web") | nonsense))
    api.add("Pod", a_pod("b", "prod", owned_by("ReplicaSet", "web-1")))
    assert await titles(workloads) == ["v1 Pod/prod/a", "apps/v1 ReplicaSet/prod/web-1"]


async def test_a_controller_of_another_namespace_counts_for_nothing(
    workloads: ClusterWorkloads, api: FakeWorkloads
) -> None:
    api.add("ReplicaSet", an_object("web-1", "prod", owned_by("Deployment", "secret-project")))
    api.add("Pod", a_pod("a", "dev", owned_by("ReplicaSet", "web-1")))
    assert await titles(workloads) == ["v1 Pod/dev/a"]


async def test_a_controller_that_came_to_be_meanwhile_is_asked_for_once(
    workloads: ClusterWorkloads, api: FakeWorkloads
) -> None:
    api.unlisted["ReplicaSet"].append(an_object("web-2", "prod", owned_by("Deployment", "web")))
    api.add("Pod", *(a_pod(f"web-2-{number}", "prod", owned_by("ReplicaSet", "web-2")) for number in range(3)))
    assert await titles(workloads) == ["apps/v1 Deployment/prod/web"] * 3
    assert api.asked.count("/apis/apps/v1/namespaces/prod/replicasets/web-2") == 1


@pytest.mark.parametrize("status", [403, 500])
async def test_controllers_that_cannot_be_listed_are_noted_once_and_the_direct_owner_is_told(
    kubeconfig: Path, api: FakeWorkloads, status: int
) -> None:
    for namespace in ("prod", "test"):
        api.add("Namespace", an_object(namespace))
        api.statuses[f"/apis/apps/v1/namespaces/{namespace}/replicasets"] = status
    api.add("Pod", a_pod("web-1-a", "prod", owned_by("ReplicaSet", "web-1")))
    workloads = ClusterWorkloads(kubeconfig, namespaces=("prod", "test"))
    assert await titles(workloads) == ["apps/v1 ReplicaSet/prod/web-1"]
    [note] = workloads.notes
    why = "may not be listed" if status == 403 else "could not be listed (the API server answered 500: no)"
    assert note == f"ReplicaSets {why}: what belongs to them is told by their names."
    await workloads.close()


async def test_what_is_asked_for_one_by_one_has_a_ceiling(workloads: ClusterWorkloads, api: FakeWorkloads) -> None:
    number = subject.MAX_ASKED + 5
    api.page = number
    api.add("Pod", *(a_pod(f"p{each}", "prod", owned_by("ReplicaSet", f"rs{each}")) for each in range(number)))
    found = await listed(workloads)
    assert [each.kind for each in found].count("ReplicaSet") == 5
    assert len([path for path in api.asked if "/replicasets/" in path]) == subject.MAX_ASKED


async def test_what_a_node_runs_from_a_file_is_a_static_pod(workloads: ClusterWorkloads, api: FakeWorkloads) -> None:
    static = a_pod("etcd-n1", "infra", owned_by("Node", "n1"))
    static["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "hash"}
    pretended = a_pod("web", "prod", owned_by("Deployment", "web"))
    pretended["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "hash"}
    api.add("Pod", static, pretended)
    found = await listed(workloads)
    assert [(each.kind, each.name, each.static) for each in found] == [
        ("Pod", "etcd-n1", True),
        ("Deployment", "web", False),
    ]


async def test_exempt_namespaces_are_left_out_by_their_exact_names(kubeconfig: Path, api: FakeWorkloads) -> None:
    api.add("Pod", a_pod("a", "kube-system"), a_pod("b", "kube-system-not"), a_pod("c", "prod"))
    workloads = ClusterWorkloads(kubeconfig, exempt=("kube-system",))
    assert [each.name for each in await listed(workloads)] == ["b", "c"]
    await workloads.close()


async def test_of_some_namespaces_no_others_are_asked(kubeconfig: Path, api: FakeWorkloads) -> None:
    api.add("Namespace", an_object("prod", labels={"tier": "gold"}), an_object("test"), an_object("other"))
    api.add("Pod", a_pod("a", "prod"), a_pod("b", "other"), a_pod("c", "test"))
    workloads = ClusterWorkloads(kubeconfig, namespaces=("prod", "test", "prod"))
    assert [each.name for each in await listed(workloads)] == ["a", "c"]
    assert await workloads.labels("prod", 1.0) == {"tier": "gold"}
    assert "/api/v1/pods" not in api.asked
    assert "/api/v1/namespaces" not in api.asked
    await workloads.close()


async def test_a_namespace_that_is_not_there_is_an_error_after_all_others_were_listed(
    kubeconfig: Path, api: FakeWorkloads
) -> None:
    api.add("Namespace", an_object("prod"))
    api.add("Pod", a_pod("a", "prod"))
    workloads = ClusterWorkloads(kubeconfig, namespaces=("prdo", "prod"))
    pages = workloads.pages()
    assert [each.name for _ in range(2) for each in await anext(pages)] == ["a"]
    with pytest.raises(ClusterError, match=r"^there is no namespace prdo$"):
        await anext(pages)
    await workloads.close()


async def test_a_namespace_that_may_not_be_read_is_noted_and_its_pods_are_listed(
    kubeconfig: Path, api: FakeWorkloads
) -> None:
    api.statuses["/api/v1/namespaces/prod"] = 403
    api.add("Pod", a_pod("a", "prod"))
    workloads = ClusterWorkloads(kubeconfig, namespaces=("prod",))
    assert [each.name for each in await listed(workloads)] == ["a"]
    assert workloads.notes == ["Namespace prod cannot be read: the API server answered 403: no."]
    assert await workloads.labels("prod", 1.0) is None
    await workloads.close()


async def test_labels_come_from_one_list(workloads: ClusterWorkloads, api: FakeWorkloads) -> None:
    api.add("Namespace", *(an_object(f"ns-{number}", labels={"n": str(number)}) for number in range(5)))
    await listed(workloads)
    asked = len(api.asked)
    assert [await workloads.labels(f"ns-{number}", 1.0) for number in range(5)] == [{"n": str(n)} for n in range(5)]
    assert len(api.asked) == asked
    assert api.asked.count("/api/v1/namespaces") == 3


async def test_labels_of_a_new_namespace_are_asked_for_once_and_none_are_known_of_one_that_is_not_there(
    workloads: ClusterWorkloads, api: FakeWorkloads
) -> None:
    api.unlisted["Namespace"].append(an_object("new", labels={"tier": "gold"}))
    await listed(workloads)
    for _ in range(2):
        assert await workloads.labels("new", 1.0) == {"tier": "gold"}
        assert await workloads.labels("gone", 1.0) is None
    assert [api.asked.count(f"/api/v1/namespaces/{name}") for name in ("new", "gone")] == [1, 1]


async def test_labels_that_cannot_be_listed_are_noted(workloads: ClusterWorkloads, api: FakeWorkloads) -> None:
    api.statuses["/api/v1/namespaces"] = 403
    api.statuses["/api/v1/namespaces/prod"] = 403
    api.add("Pod", a_pod("a", "prod"))
    assert len(await listed(workloads)) == 1
    assert workloads.notes == ["Labels of namespaces could not be listed: the API server answered 403: no."]
    assert await workloads.labels("prod", 1.0) is None


async def test_a_pass_knows_nothing_of_the_one_before(workloads: ClusterWorkloads, api: FakeWorkloads) -> None:
    api.statuses["/apis/batch/v1/jobs"] = 403
    api.add("Namespace", an_object("prod", labels={"tier": "gold"}))
    await listed(workloads)
    api.statuses.clear()
    api.objects["Namespace"] = [an_object("prod", labels={"tier": "lead"})]
    await listed(workloads)
    assert (workloads.notes, await workloads.labels("prod", 1.0)) == ([], {"tier": "lead"})


async def test_a_pod_that_cannot_be_decoded_is_there_without_what_it_says(
    workloads: ClusterWorkloads, api: FakeWorkloads
) -> None:
    api.add("Pod", a_pod("a", "prod", hostNetwork="yes"), None, {"metadata": 1}, a_pod("b", "prod"))
    assert [(each.name, each.pod is None) for each in await listed(workloads)] == [("a", True), ("b", False)]


async def test_a_list_that_took_too_long_goes_on_as_it_is_by_then(
    workloads: ClusterWorkloads, api: FakeWorkloads
) -> None:
    api.add("Pod", *(a_pod(f"p{number}", "prod") for number in range(5)))
    api.expired = {"kind": "Status", "code": 410, "metadata": {"continue": "3"}}
    assert [each.name for each in await listed(workloads)] == ["p0", "p1", "p3", "p4"]


async def test_a_list_that_took_too_long_and_cannot_go_on_is_an_error(
    workloads: ClusterWorkloads, api: FakeWorkloads
) -> None:
    api.add("Pod", *(a_pod(f"p{number}", "prod") for number in range(5)))
    api.expired = {"kind": "Status", "code": 410, "metadata": {}}
    with pytest.raises(PodsUnknownError, match="410"):
        await listed(workloads)


async def test_pods_that_may_not_be_listed_are_an_error(workloads: ClusterWorkloads, api: FakeWorkloads) -> None:
    api.statuses["/api/v1/pods"] = 403
    with pytest.raises(PodsUnknownError, match="403"):
        await listed(workloads)


async def test_without_a_cluster_there_is_nothing_to_audit(tmp_path: Path) -> None:
    workloads = ClusterWorkloads(tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="there is no cluster to audit"):
        await workloads.connect()
    await workloads.close()


async def test_a_cluster_that_answers_can_be_audited(workloads: ClusterWorkloads, api: FakeWorkloads) -> None:
    await workloads.connect()
    assert api.asked == ["/api/v1"]
