import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from tests.cli.conftest import Shop, document, run
from tests.kube.workloads_api import FakeWorkloads, a_pod, an_object, owned_by
from webhook.cli.demo import scenario


class Cluster:
    """A fake API server in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.api = FakeWorkloads()
        self._stack = AsyncExitStack()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.kubeconfig = self._run(self._stack.enter_async_context(self.api.listening(folder)))

    def stop(self) -> None:
        self._run(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.stop()


def good_pod(name: str, image: str, *owners: dict[str, Any], namespace: str = "production") -> dict[str, Any]:
    spec = json.loads(json.dumps(scenario.GOOD_POD["spec"]))
    spec["containers"][0]["image"] = image
    return {**a_pod(name, namespace, *owners), "spec": spec}


def audit(cluster: Cluster, shop: Shop, *arguments: str) -> Result:
    flags = ("--kubeconfig", str(cluster.kubeconfig), "--insecure-registry", shop.host)
    return run("audit", *flags, *arguments, env={"COLUMNS": "200"})


@pytest.fixture
def stocked(cluster: Cluster, shop: Shop) -> Cluster:
    """A Deployment of two good pods, and a pod whose image nobody signed."""
    cluster.api.add("Namespace", an_object("production"))
    cluster.api.add("ReplicaSet", an_object("web-1", "production", owned_by("Deployment", "web")))
    owner = owned_by("ReplicaSet", "web-1")
    cluster.api.add("Pod", *(good_pod(f"web-1-{each}", shop.images.bundle, owner) for each in range(2)))
    cluster.api.add("Pod", good_pod("alone", shop.images.unsigned))
    return cluster


def test_what_runs_is_told_by_owners_with_verdicts_and_a_summary(stocked: Cluster, shop: Shop, policies: str) -> None:
    result = audit(stocked, shop, "-p", policies, "-o", "json")
    assert result.exit_code == 1, result.output
    found = document(result)
    alone, web = sorted(found["results"], key=lambda each: str(each["resource"]), reverse=True)
    assert (alone["resource"], alone["pods"], alone["allowed"]) == ("Pod/production/alone", 1, False)
    assert (web["resource"], web["api_version"], web["uid"], web["pods"]) == (
        "Deployment/production/web",
        "apps/v1",
        "uid-web",
        2,
    )
    assert (web["allowed"], web["violations"], web["images"][0]["signers"]) == (True, [], ["release"])
    [violation] = alone["violations"]
    assert violation == {
        "code": "NOT_SIGNED",
        "path": "spec.containers[0].image",
        "container": "app",
        "message": "no cosign signature or bundle for this digest",
        "fix": f"cosign sign --key KEY {shop.images.unsigned} (accepted signers: release)",
        "policy": "signed-in-production",
        "mode": "Enforce",
        "would_deny": False,
    }
    assert (found["pods"], found["fault"], found["notes"]) == (3, "", [])
    assert found["summary"] == {
        "all": {"subjects": 2, "pods": 3},
        "allowed": {"subjects": 1, "pods": 2},
        "denied": {"subjects": 1, "pods": 1},
        "would_be_denied": {"subjects": 0, "pods": 0},
        "errors": {"subjects": 0, "pods": 0},
        "exempted": {"subjects": 0, "pods": 0},
    }
    assert [(each["code"], each["image"], each["frees"]["pods"]) for each in found["first"]] == [
        ("NOT_SIGNED", shop.images.unsigned, 1)
    ]


def test_the_table_tells_the_worst_first_then_policies_and_what_to_do(
    stocked: Cluster, shop: Shop, policies: str
) -> None:
    result = audit(stocked, shop, "-p", policies)
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert text.index("Pod/production/alone 1 denied NOT_SIGNED") < text.index("Deployment/production/web 2 admitted")
    assert "signed-in-production Enforce 1 0 0 NOT_SIGNED 1" in text
    assert "What to do first: 1. NOT_SIGNED" in text
    assert "concerns 1 pods, and frees 1 of them" in text
    assert (
        "3 pods of 2 owners: 2 admitted, 1 denied, 0 would be denied once their policies enforce, 0 undecided" in text
    )


def test_what_an_audit_policy_would_deny_is_told_and_denies_nothing(
    stocked: Cluster, shop: Shop, policies: str
) -> None:
    text = Path(policies).read_text(encoding="utf-8")
    Path(policies).write_text(text.replace("mode: Enforce", "mode: Audit"), encoding="utf-8")
    result = audit(stocked, shop, "-p", policies, "--no-match", "allow", "-o", "json")
    assert result.exit_code == 0, result.output
    [alone] = [each for each in document(result)["results"] if each["resource"] == "Pod/production/alone"]
    assert (alone["allowed"], alone["would_be_denied"], alone["violations"][0]["would_deny"]) == (True, True, True)
    table = audit(stocked, shop, "-p", policies, "--no-match", "allow", "--fail-on", "audit")
    assert table.exit_code == 1
    assert "would be denied" in table.stdout


def test_a_cluster_in_which_nothing_is_found_is_in_order(cluster: Cluster, shop: Shop, policies: str) -> None:
    cluster.api.add("Pod", good_pod("web", shop.images.bundle))
    result = audit(cluster, shop, "-p", policies)
    assert result.exit_code == 0, result.output
    assert "1 pods of 1 owners: 1 admitted" in result.stdout


def test_a_namespace_that_is_not_there_is_never_in_order(cluster: Cluster, shop: Shop, policies: str) -> None:
    result = audit(cluster, shop, "-p", policies, "-n", "prodcution")
    assert result.exit_code == 3
    assert "not everything was looked at: there is no namespace prodcution" in result.stderr


def test_that_pods_are_admitted_says_nothing_where_no_policy_judges_them(
    cluster: Cluster, shop: Shop, tmp_path: Path
) -> None:
    cluster.api.add("Pod", good_pod("web", shop.images.bundle))
    file = tmp_path / "elsewhere.yaml"
    file.write_text(
        "{apiVersion: tidewaiter.dev/v1alpha1, kind: ClusterPodPolicy, metadata: {name: a}, spec: {mode: Enforce, "
        "match: {namespaces: {include: [elsewhere]}}, containers: {readOnlyRootFilesystem: true}}}"
    )
    result = audit(cluster, shop, "-p", str(file), "--no-match", "allow")
    assert "no policy judges these pods: that they are admitted says nothing" in result.stderr
    assert (
        "No policy judges these pods"
        in audit(cluster, shop, "-p", str(file), "--no-match", "allow", "-o", "html").stdout
    )


def test_one_page_tells_it_to_people(stocked: Cluster, shop: Shop, policies: str) -> None:
    result = audit(stocked, shop, "-p", policies, "-o", "html")
    assert result.exit_code == 1
    assert result.stdout.startswith("<!DOCTYPE html>")
    assert shop.images.unsigned in result.stdout


def test_the_system_namespace_is_left_out_unless_it_is_asked_for(cluster: Cluster, shop: Shop, policies: str) -> None:
    cluster.api.add("Namespace", an_object("kube-system"))
    cluster.api.add("Pod", good_pod("dns", shop.images.bundle, namespace="kube-system"))
    assert document(audit(cluster, shop, "-p", policies, "-o", "json"))["pods"] == 0
    assert document(audit(cluster, shop, "-p", policies, "-o", "json", "-n", "kube-system"))["pods"] == 1


def test_a_list_that_is_refused_is_never_in_order(cluster: Cluster, shop: Shop, policies: str) -> None:
    cluster.api.statuses["/api/v1/pods"] = 403
    result = audit(cluster, shop, "-p", policies)
    assert result.exit_code == 3
    assert "not everything was looked at: the API server did not list the pods" in result.stderr
    assert document(audit(cluster, shop, "-p", policies, "-o", "json"))["fault"]


def test_a_note_is_told_beside_the_result(cluster: Cluster, shop: Shop, policies: str) -> None:
    cluster.api.statuses["/apis/apps/v1/replicasets"] = 403
    cluster.api.add("Pod", good_pod("web", shop.images.bundle, owned_by("ReplicaSet", "web-1")))
    result = audit(cluster, shop, "-p", policies)
    assert result.exit_code == 0, result.output
    assert "note: ReplicaSets may not be listed: what belongs to them is told by their names." in result.stderr
    assert "ReplicaSet/production/web-1" in result.stdout


def test_without_files_the_policies_of_the_cluster_judge_and_their_faults_are_told(
    cluster: Cluster, shop: Shop
) -> None:
    def resource(name: str, spec: dict[str, Any]) -> dict[str, Any]:
        metadata = {"name": name, "resourceVersion": "1", "uid": name}
        return {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": "ClusterPodPolicy", "metadata": metadata, "spec": spec}

    cluster.api.add("ClusterPodPolicy", resource("hardened", {"containers": {"readOnlyRootFilesystem": True}}))
    cluster.api.add(
        "ClusterPodPolicy", resource("broken", {"mod": "Audit", "match": {"namespaces": {"include": ["x"]}}})
    )
    cluster.api.add("Pod", a_pod("web", "production"))
    result = audit(cluster, shop, "-o", "json")
    assert result.exit_code == 1, result.output
    [found] = json.loads(result.stdout)["results"]
    assert [each["code"] for each in found["violations"]] == ["READ_ONLY_ROOT_FILESYSTEM"]
    assert "cannot be used, and denies what it matches: ClusterPodPolicy/broken: spec.mod" in result.stderr


def test_without_a_cluster_there_is_nothing_to_audit(shop: Shop, policies: str, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("{}")
    result = run("audit", "--kubeconfig", str(tmp_path / "kubeconfig"), "-p", policies)
    assert (result.exit_code, result.stderr.partition(":")[0]) == (2, "there is no cluster to audit")


@pytest.mark.parametrize("arguments", [("-A", "-n", "prod"), ("-n", "Not A Name"), ("-o", "yaml")])
def test_what_cannot_be_meant_is_refused(policies: str, arguments: tuple[str, ...]) -> None:
    assert run("audit", "-p", policies, *arguments).exit_code == 2
