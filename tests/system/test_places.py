"""Every place of an image, in a real API server: LOC-… are the places of the threat model.

The verdict must not hang on the webhook's failurePolicy, so each is tried under both.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.places import DRIVER, Place, codes, judged, under_both_failure_policies, workload
from tests.system.pods import HARDENED, pod
from tests.system.polling import eventually
from tests.system.release import Install
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True), under_both_failure_policies]

OLD = ("labelled", "finalized", "resized", "gated", "terminating", "deleted")
FORCED = ("--grace-period=0", "--force", "--wait=false")
HOLD = {"finalizers": ["example.com/hold"]}


@pytest.fixture(scope="module")
def place(
    request: pytest.FixtureRequest,
    cluster: ControlPlane,
    install: Install,
    workshop: Workshop,
    ggcr: Registry,
    images: dict[str, str],
) -> Iterator[Place]:
    """A namespace with pods that nobody judged, of which none would be admitted now; the release came later."""
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    old = {name: _old(name, images["unsigned"]) for name in OLD}
    with judged(cluster, install, request.param, rules, old) as found:
        yield found


def _old(name: str, image: str) -> dict[str, Any]:
    found = pod(name, image)
    found["metadata"] |= HOLD if name in {"finalized", "terminating"} else {}
    found["spec"] |= {"schedulingGates": [{"name": "example.com/gate"}]} if name == "gated" else {}
    found["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
    return found


@pytest.fixture
def running(place: Place, images: dict[str, str]) -> str:
    """The name of a pod that was admitted, one for each test."""
    manifest = pod("", images["signed"], initContainers=[{"name": "init", "image": images["signed"]}])
    manifest["metadata"] = {"generateName": "running-"}
    done = place.cluster.kubectl("create", "-n", place.namespace, "-o", "name", "-f", "-", input=json.dumps(manifest))
    return done.stdout.strip().removeprefix("pod/")


@pytest.mark.parametrize("further", [{}, {"restartPolicy": "Always"}], ids=["init container", "sidecar"])
def test_loc_01_init_containers(further: dict[str, str], place: Place, images: dict[str, str]) -> None:
    containers = [{"name": "first", "image": images["unsigned"], **further}]
    told = place.try_out(pod("init", images["signed"], initContainers=containers))
    assert f'  spec.initContainers[0] "first"  {images["unsigned"]}\n    NOT_SIGNED: ' in told


def test_loc_02_ephemeral_containers(place: Place, running: str, images: dict[str, str]) -> None:
    def debug(image: str) -> str:
        change = {"spec": {"ephemeralContainers": [{"name": "debugger", "image": image}]}}
        return place.patch("pod", running, change, "--subresource=ephemeralcontainers")

    assert f'  spec.ephemeralContainers[0] "debugger"  {images["unsigned"]}\n    NOT_SIGNED: ' in debug(
        images["unsigned"]
    )
    assert debug(images["signed"]) == ""


def test_loc_02_a_privileged_ephemeral_container(place: Place, images: dict[str, str]) -> None:
    hardened = place.apart(f"{place.namespace}-hardened")
    assert hardened.create(pod("debugged", images["unsigned"], security=HARDENED)) == ""
    container = {"name": "debugger", "image": images["unsigned"], "securityContext": {"privileged": True}}
    change = {"spec": {"ephemeralContainers": [container]}}
    told = hardened.patch("pod", "debugged", change, "--subresource=ephemeralcontainers")
    assert "debugger: RUN_AS_NON_ROOT + CAPABILITIES_NOT_DROPPED\n" in told
    assert "privileged is true" in told


def test_loc_03_image_volumes(place: Place, images: dict[str, str]) -> None:
    def volumes(image: str) -> str:
        return place.try_out(pod("mounted", images["signed"], volumes=[{"name": "v", "image": {"reference": image}}]))

    assert f"  spec.volumes[0].image.reference  {images['unsigned']}\n    NOT_SIGNED: " in volumes(images["unsigned"])
    assert volumes(images["signed"]) == ""


def test_loc_04_image_volumes_without_a_reference(place: Place, images: dict[str, str]) -> None:
    found = pod("empty", images["signed"], volumes=[{"name": "v", "image": {"reference": ""}}])
    assert "spec.volumes[0].image.reference: Required value" in place.try_out(found)
    assert codes(place.forged(found)) == {"REFERENCE_INVALID"}
    stored = workload("Deployment", "apps", "stored", {"spec": found["spec"]})
    answer = place.forged(stored, resource={"group": "apps", "version": "v1", "resource": "deployments"})
    assert answer["allowed"]
    assert answer["warnings"][0].startswith("[signed] spec.template.spec.volumes[0].image.reference: REFERENCE_INVALID")


def test_loc_05_images_behind_csi_drivers(place: Place, images: dict[str, str]) -> None:
    def volume(driver: str) -> str:
        source = {"driver": driver, "volumeAttributes": {"image": images["unsigned"]}}
        return place.try_out(pod("driven", images["signed"], volumes=[{"name": "v", "csi": source}]))

    assert "spec.volumes[0].csi.driver" in volume("image.csi.example.com")
    assert volume(DRIVER) == ""


@pytest.mark.parametrize(("containers", "name"), [("containers", "web"), ("initContainers", "init")])
def test_loc_06_images_changed_in_place(
    containers: str, name: str, place: Place, running: str, images: dict[str, str]
) -> None:
    def change(image: str) -> str:
        return place.patch("pod", running, {"spec": {containers: [{"name": name, "image": image}]}})

    assert f'  spec.{containers}[0] "{name}"  {images["unsigned"]}\n    NOT_SIGNED: ' in change(images["unsigned"])
    repository, _, digest = images["signed"].partition("@")
    assert change(f"{repository}:tagged@{digest}") == ""


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("labelled", {"metadata": {"labels": {"owner": "me"}}}),
        ("labelled", {"spec": {"tolerations": [{"key": "example.com/down", "operator": "Exists"}]}}),
        ("finalized", {"metadata": {"finalizers": None}}),
        ("gated", {"spec": {"schedulingGates": None}}),
    ],
    ids=["labels", "tolerations", "finalizers", "scheduling gates"],
)
def test_loc_07_old_pods_whose_images_stay(name: str, change: dict[str, Any], place: Place) -> None:
    before = place.lookups()
    assert place.patch("pod", name, change) == ""
    about = {"name": name, "namespace": place.namespace, "operation": "UPDATE"}
    lines = eventually(lambda: place.release.server.decisions(**about))
    assert {(line["decision"], len(line["violations"])) for line in lines} == {("allow", 0)}
    assert place.lookups() == before


def test_loc_08_resized_pods(place: Place, images: dict[str, str]) -> None:
    change = {"spec": {"containers": [{"name": "web", "resources": {"requests": {"cpu": "200m"}}}]}}
    before = place.lookups()
    assert place.patch("pod", "resized", change, "--subresource=resize") == ""
    old, new = _old("resized", images["unsigned"]), _old("resized", images["unsigned"])
    new["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "300m"}}
    update = {"operation": "UPDATE", "subResource": "resize"}
    assert place.forged(new, old, **update)["allowed"]
    assert place.lookups() == before
    new["spec"]["containers"][0]["image"] = images["foreign"]
    assert codes(place.forged(new, old, **update)) == {"SIGNER_NOT_ALLOWED"}


def test_loc_08_unknown_subresources(place: Place, images: dict[str, str]) -> None:
    found = pod("unheard-of", images["unsigned"])
    assert codes(place.forged(found, subResource="migrate")) == {"NOT_SIGNED"}


def test_loc_09_deletions(place: Place, images: dict[str, str]) -> None:
    before = place.lookups()
    done = place.cluster.kubectl("delete", "pod", "deleted", "-n", place.namespace, *FORCED)
    assert done.returncode == 0
    assert place.forged(None, pod("deleted", images["unsigned"]), operation="DELETE")["allowed"]
    options = {"apiVersion": "v1", "kind": "PodExecOptions", "command": ["sh"], "container": "web"}
    assert place.forged(options, operation="CONNECT", subResource="exec")["allowed"]
    assert place.lookups() == before


def test_loc_10_pods_that_are_being_deleted(place: Place, images: dict[str, str]) -> None:
    place.cluster.kubectl("delete", "pod", "terminating", "-n", place.namespace, "--wait=false")
    change = {"spec": {"containers": [{"name": "web", "image": images["foreign"]}]}}
    assert "web: SIGNER_NOT_ALLOWED" in place.patch("pod", "terminating", change)
    place.patch("pod", "terminating", {"metadata": {"finalizers": None}})


def test_loc_11_fewer_replicas_of_another_image(place: Place, images: dict[str, str]) -> None:
    spec = {"containers": [{"name": "web", "image": images["signed"]}]}
    assert place.create(workload("Deployment", "apps", "fewer", {"spec": spec}, replicas=3)) == ""
    evil = {"spec": {"containers": [{"name": "web", "image": images["foreign"]}]}}
    change = {"spec": {"replicas": 2, "template": evil}}
    told = place.patch("deployment", "fewer", change)
    assert told.startswith("Warning: [signed] spec.template.spec.containers[0].image: SIGNER_NOT_ALLOWED: ")
