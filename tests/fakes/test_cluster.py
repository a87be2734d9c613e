"""The fake against rules of the API server; tests/system holds the product against the real one."""

from typing import Any

import pytest

from tests.fakes.cluster import FakeCluster, Write
from webhook.controller.ports import Cluster
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind

SECRET = Kind("", "v1", "Secret", "secrets")
POLICY = Kind("tidewaiter.dev", "v1alpha1", "ClusterPodPolicy", "clusterpodpolicies")
PATH = "/api/v1/namespaces/here/secrets/one"


def secret(name: str = "one", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "here"}, "data": data}


def policy(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "tidewaiter.dev/v1alpha1", "metadata": {"name": "p"}, "spec": spec}


def test_it_fills_the_port() -> None:
    port: Cluster = FakeCluster()
    assert isinstance(port, FakeCluster)


async def test_an_object_is_made_once_and_got_as_a_copy() -> None:
    cluster = FakeCluster()
    made = await cluster.create(SECRET, secret(a="1"))
    assert made["metadata"] | {"uid": "uid-1", "resourceVersion": "1"} == made["metadata"]
    made["data"]["a"] = "changed"
    found = await cluster.get(SECRET, "one", "here")
    assert found is not None
    assert found["data"] == {"a": "1"}
    with pytest.raises(ClusterError) as error:
        await cluster.create(SECRET, secret())
    assert error.value.status == 409
    assert cluster.writes == [Write("POST", PATH, "", secret(a="1"))]
    assert await cluster.get(SECRET, "two", "here") is None


async def test_a_stale_version_is_not_replaced_nor_an_object_that_is_gone() -> None:
    cluster = FakeCluster()
    made = await cluster.create(SECRET, secret(a="1"))
    new = await cluster.replace(SECRET, {**made, "data": {"a": "2"}}, manager="m")
    assert new["metadata"]["resourceVersion"] == "2"
    with pytest.raises(ClusterError) as stale:
        await cluster.replace(SECRET, made, manager="m")
    cluster.remove(SECRET, "one", "here")
    with pytest.raises(ClusterError) as gone:
        await cluster.replace(SECRET, new, manager="m")
    assert (stale.value.status, gone.value.status) == (409, 404)


async def test_a_write_that_changes_nothing_makes_no_version() -> None:
    cluster = FakeCluster()
    made = await cluster.create(SECRET, secret(a="1"))
    assert await cluster.replace(SECRET, made, manager="m") == made
    assert await cluster.apply(SECRET, secret(a="1"), manager="m") == made


async def test_apply_merges_maps_and_lists_by_name() -> None:
    cluster = FakeCluster()
    cluster.put(POLICY, policy(rules=[{"name": "a", "x": 1}, {"name": "b"}], plain=[1, 2], kept=True))
    applied = policy(rules=[{"name": "b", "y": 2}, {"name": "c"}], plain=[3])
    found = await cluster.apply(POLICY, applied, manager="m")
    assert found["spec"] == {
        "rules": [{"name": "a", "x": 1}, {"name": "b", "y": 2}, {"name": "c"}],
        "plain": [3],
        "kept": True,
    }
    assert found["metadata"]["generation"] == 2


async def test_a_status_is_written_by_its_subresource_alone() -> None:
    cluster = FakeCluster()
    await cluster.apply(POLICY, {**policy(a=1), "status": {"x": 1}}, manager="m")
    conditions = [{"type": "Ready", "status": "True"}]
    status = {**policy(a=2), "status": {"conditions": conditions}}
    found = await cluster.apply(POLICY, status, manager="m", subresource="status")
    assert found["spec"] == {"a": 1}
    assert found["status"] == {"conditions": conditions}
    assert found["metadata"] | {"generation": 1, "uid": "uid-1"} == found["metadata"]
    assert [write.path for write in cluster.writes] == [POLICY.path("", "p"), POLICY.path("", "p", "status")]
    assert (await cluster.replace(POLICY, policy(a=3), manager="m"))["status"] == {"conditions": conditions}


async def test_apply_with_a_uid_makes_nothing() -> None:
    cluster = FakeCluster()
    with pytest.raises(ClusterError) as error:
        await cluster.apply(SECRET, {"metadata": {"name": "one", "namespace": "here", "uid": "u"}}, manager="m")
    assert error.value.status == 409
    assert cluster.objects == {}


async def test_apply_with_a_resource_version_alone_makes_what_is_not_there_and_changes_nothing_else() -> None:
    cluster = FakeCluster()
    stale = {"metadata": {"name": "one", "namespace": "here", "resourceVersion": "99"}}
    await cluster.apply(SECRET, stale, manager="m")
    with pytest.raises(ClusterError) as error:
        await cluster.apply(SECRET, stale, manager="m")
    assert error.value.status == 409
    assert list(cluster.objects) == [PATH]


async def test_a_status_of_nothing_is_not_applied() -> None:
    with pytest.raises(ClusterError) as error:
        await FakeCluster().apply(POLICY, policy(), manager="m", subresource="status")
    assert error.value.status == 404


async def test_a_field_of_another_manager_is_taken_by_force_only() -> None:
    cluster = FakeCluster()
    cluster.put(SECRET, secret(a="1"))
    cluster.conflicts.add(PATH)
    with pytest.raises(ClusterError) as error:
        await cluster.apply(SECRET, secret(a="2"), manager="m")
    assert error.value.status == 409
    assert (await cluster.apply(SECRET, secret(a="2"), manager="m", force=True))["data"] == {"a": "2"}


async def test_only_the_object_that_is_meant_is_deleted() -> None:
    cluster = FakeCluster()
    cluster.put(SECRET, secret())
    with pytest.raises(ClusterError):
        await cluster.delete(SECRET, "one", "here", uid="another")
    await cluster.delete(SECRET, "one", "here", uid="uid-1")
    await cluster.delete(SECRET, "one", "here")
    assert cluster.writes == [Write("DELETE", PATH, "", None)]


async def test_lists_come_in_pages_of_what_is_selected() -> None:
    cluster = FakeCluster()
    for number in range(5):
        labels = {"odd": "yes"} if number % 2 else {}
        metadata = {"name": f"s{number}", "namespace": "here", "labels": labels}
        cluster.put(SECRET, {"metadata": metadata, "type": "Opaque"})
    cluster.put(SECRET, {"metadata": {"name": "s9", "namespace": "there"}})

    async def names(**query: Any) -> list[list[str]]:
        return [[each["metadata"]["name"] for each in page] async for page in cluster.pages(SECRET, **query)]

    assert await names(namespace="here", size=2) == [["s0", "s1"], ["s2", "s3"], ["s4"]]
    assert await names() == [["s0", "s1", "s2", "s3", "s4", "s9"]]
    assert await names(labels="odd=yes") == [["s1", "s3"]]
    assert await names(labels="!odd", namespace="here") == [["s0", "s2", "s4"]]
    assert await names(fields="metadata.name=s3") == [["s3"]]
    assert await names(fields="type!=Opaque") == [["s9"]]
    assert await names(namespace="nowhere") == [[]]
    pages = [page async for page in cluster.pages(SECRET, namespace="there", metadata_only=True)]
    assert [each.keys() for page in pages for each in page] == [{"apiVersion", "kind", "metadata"}]


async def test_what_is_served_is_what_is_said_and_what_is_there() -> None:
    cluster = FakeCluster([POLICY])
    cluster.put(SECRET, secret())
    assert await cluster.served("tidewaiter.dev", "v1alpha1") == {"clusterpodpolicies"}
    assert await cluster.served("", "v1") == {"secrets"}
    assert await cluster.served("nobody.example", "v1") == frozenset()


async def test_a_name_is_made_where_only_its_beginning_is_given() -> None:
    cluster = FakeCluster()
    names = [
        (await cluster.create(SECRET, {"metadata": {"generateName": "e-", "namespace": "here"}}))["metadata"]["name"]
        for _ in range(2)
    ]
    assert names == ["e-00001", "e-00002"]


async def test_trouble_comes_before_a_write_or_after_it() -> None:
    cluster = FakeCluster()
    cluster.failures["POST", PATH] = ClusterError("down", 503)
    with pytest.raises(ClusterError, match="down"):
        await cluster.create(SECRET, secret())
    assert (cluster.writes, cluster.objects) == ([], {})
    cluster.failures.clear()

    def lose(method: str, path: str) -> None:
        raise ClusterError(f"{method} {path} is not answered")

    cluster.after.append(lose)
    with pytest.raises(ClusterError, match=f"POST {PATH}"):
        await cluster.create(SECRET, secret())
    assert list(cluster.objects) == [PATH]
    assert cluster.requests == [("POST", PATH)] * 2
