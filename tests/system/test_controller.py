"""The controller on a real API server: statuses that follow what is written, and one replica that works at a time."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.system.controllers import LEASE, LEASE_SECONDS, NAMESPACE, Controller, controlling, lease
from tests.system.polling import eventually
from tests.system.test_cluster_policies import Restarting
from webhook.policy.schema import definitions

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]

SPEC = {"images": {"allow": ["registry.invalid/team/**"]}}
BROKEN = {"images": {"alow": ["registry.invalid/team/**"]}, "mode": "Warn"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarting]:
    with Restarting(tmp_path_factory.mktemp("cluster")) as running:
        running.make_namespace(NAMESPACE)
        yield running


@pytest.fixture(scope="module")
def controller(cluster: Restarting, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """Was there before the definitions were."""
    with controlling(cluster, tmp_path_factory.mktemp("controller")) as running:
        eventually(lambda: running.leads)
        cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(definitions()))
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield running


def write(cluster: Restarting, name: str, spec: dict[str, Any]) -> None:
    document = {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": "ClusterPodPolicy", "metadata": {"name": name}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps({**document, "spec": spec}))


def policy(cluster: Restarting, name: str) -> dict[str, Any]:
    return dict(json.loads(cluster.kubectl("get", "cpp", name, "-o", "json", "--show-managed-fields").stdout))


def ready(cluster: Restarting, name: str) -> dict[str, Any]:
    """The condition, once it is about the spec as it is now."""

    def probe() -> dict[str, Any]:
        found = policy(cluster, name)
        (condition,) = found.get("status", {}).get("conditions") or [{}]
        seen = found["metadata"]["generation"]
        return condition if condition.get("observedGeneration") == seen else {}

    return eventually(probe)


def test_kubectl_shows_whether_a_policy_is_used(cluster: Restarting, controller: Controller) -> None:
    write(cluster, "first", SPEC)
    cluster.kubectl("wait", "--for=condition=Ready", "cpp/first", "--timeout=30s")
    good = ready(cluster, "first")
    assert (good["status"], good["reason"]) == ("True", "InUse")
    header, row = cluster.kubectl("get", "cpp", "first").stdout.splitlines()
    assert header.split()[:4] == ["NAME", "MODE", "READY", "WOULD"]
    assert row.split()[:3] == ["first", "Enforce", "True"]
    write(cluster, "first", BROKEN)
    cluster.kubectl("wait", "--for=condition=Ready=False", "cpp/first", "--timeout=30s")
    bad = ready(cluster, "first")
    assert (bad["status"], bad["reason"]) == ("False", "Unusable")
    assert "admitted with a warning" in bad["message"]
    assert "spec.images" in bad["message"]
    assert "alow" in bad["message"]
    write(cluster, "first", {**SPEC, "mode": "Audit"})
    cluster.kubectl("wait", "--for=condition=Ready", "cpp/first", "--timeout=30s")
    assert ready(cluster, "first")["observedGeneration"] == 3
    cluster.kubectl("delete", "cpp", "first")
    assert cluster.kubectl("get", "cpp", "-o", "name").stdout == ""
    assert controller.process.poll() is None


def test_a_trust_root_breaks_the_policies_that_name_it(cluster: Restarting, controller: Controller) -> None:
    root = {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": "corp"}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps({**root, "spec": {"trustedRoot": {"mediaType": "none"}}}))
    keyless = {"issuer": "https://issuer.example.com", "subject": "me"}
    images = {"allow": ["registry.invalid/**"], "authorities": [{"name": "a", "keyless": keyless, "trustRoot": "corp"}]}
    images["verify"] = [{"name": "v", "images": ["registry.invalid/**"], "signatures": {}}]
    write(cluster, "rooted", {"images": images})
    assert "trust root corp" in ready(cluster, "rooted")["message"]
    cluster.kubectl("wait", "--for=condition=Ready=False", "troot/corp", "--timeout=30s")
    cluster.kubectl("delete", "cpp/rooted", "troot/corp")


def test_nothing_but_the_status_is_written(cluster: Restarting, controller: Controller) -> None:
    write(cluster, "plain", SPEC)
    ready(cluster, "plain")
    metadata = policy(cluster, "plain")["metadata"]
    assert "finalizers" not in metadata
    assert list(metadata["annotations"]) == ["kubectl.kubernetes.io/last-applied-configuration"]
    managers = {(each["manager"], each.get("subresource", "")) for each in metadata["managedFields"]}
    assert managers == {("kubectl-client-side-apply", ""), ("tidewaiter-controller", "status")}
    told = cluster.kubectl("get", "events", "-A", "-o", "jsonpath={.items[*].involvedObject.kind}").stdout
    assert not {"ClusterPodPolicy", "TrustRoot"} & set(told.split())


def test_definitions_that_go_and_come_back_are_watched_again(cluster: Restarting, controller: Controller) -> None:
    """Kopf goes on without a watch that died."""
    cluster.kubectl("delete", "crd", "trustroots.tidewaiter.dev")
    eventually(lambda: any("does not know trustroots" in message for message in controller.messages()), 60)
    cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(definitions()))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    write(cluster, "meanwhile", SPEC)
    assert ready(cluster, "meanwhile")["status"] == "True"
    eventually(lambda: _follows(cluster), 60)


def _follows(cluster: Restarting) -> bool:
    """Whether a trust root has its status at once, and not only when all are looked at."""
    name = f"root-{time.monotonic_ns()}"
    root = {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": "TrustRoot", "metadata": {"name": name}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps({**root, "spec": {"trustedRoot": {"mediaType": "none"}}}))
    waited = ("wait", "--for=condition=Ready=False", f"troot/{name}", "--timeout=3s")
    return cluster.kubectl(*waited, check=False).returncode == 0


def test_one_that_is_told_to_end_hands_over_at_once(
    cluster: Restarting, controller: Controller, tmp_path: Path
) -> None:
    """The Lease itself would last for longer than the other one is waited for."""
    controller.process.terminate()
    with controlling(cluster, tmp_path, "--lease-seconds=120") as one:
        eventually(lambda: one.leads)
        with controlling(cluster, tmp_path, "--lease-seconds=120") as other:
            assert not other.leads
            one.process.terminate()
            assert one.process.wait(20) == 0
            eventually(lambda: other.leads, 60)


def test_an_api_server_that_restarts_is_asked_again(
    cluster: Restarting, controller: Controller, tmp_path: Path
) -> None:
    controller.process.terminate()
    with controlling(cluster, tmp_path, "--lease-seconds=60") as one:
        eventually(lambda: one.leads)
        write(cluster, "before", SPEC)
        ready(cluster, "before")
        with cluster.down():
            pass
        write(cluster, "later", SPEC)
        assert ready(cluster, "later")["status"] == "True"
        assert one.leads


def test_one_that_is_killed_is_followed_when_its_lease_ends(cluster: Restarting, tmp_path: Path) -> None:
    with controlling(cluster, tmp_path) as one:
        eventually(lambda: one.leads)
        with controlling(cluster, tmp_path) as other:
            eventually(lambda: other.get("/readyz")[0] == 200)
            changes = lease(cluster)["leaseTransitions"]
            one.kill()
            began = time.monotonic()
            eventually(lambda: other.leads, 60)
            assert time.monotonic() - began > LEASE_SECONDS / 2
            assert lease(cluster)["leaseTransitions"] == changes + 1
            write(cluster, "after", SPEC)
            assert ready(cluster, "after")["status"] == "True"


def test_one_whose_lease_is_taken_ends(cluster: Restarting, tmp_path: Path) -> None:
    with controlling(cluster, tmp_path) as one:
        eventually(lambda: one.leads)
        patch = json.dumps({"spec": {"holderIdentity": "somebody"}})
        cluster.kubectl("patch", "lease", LEASE, "-n", NAMESPACE, "--type=merge", "-p", patch)
        assert one.process.wait(LEASE_SECONDS) == 1
        assert any("somebody" in message for message in one.messages())
        assert lease(cluster)["holderIdentity"] == "somebody"
