"""What becomes of pods that are there already: debugged, given another image, labelled, taken away."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.pods import pod, text
from tests.system.polling import eventually
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

DENIED = 'admission webhook "pods.tidewaiter.dev" denied the request: 1 of 1 images denied by policy "signed": '


@pytest.fixture(scope="module")
def old(cluster: ControlPlane, images: dict[str, str]) -> str:
    """A namespace with pods that nobody judged: none of them would be admitted today."""
    cluster.make_namespace("old", {"tier": "signed"})
    for name in ("labelled", "finalized", "deleted", "patched", "scheduled"):
        manifest = pod(name, images["unsigned"])
        manifest["metadata"]["finalizers"] = ["example.com/hold"] if name == "finalized" else []
        cluster.kubectl("create", "-n", "old", "-f", "-", input=text(manifest))
    return "old"


@pytest.fixture(scope="module")
def release(old: str, install: Install, workshop: Workshop, ggcr: Registry) -> Iterator[Release]:
    """Installed only now."""
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    written = {"signed": policies.for_tier("signed", images=rules, containers={"dropCapabilities": ["ALL"]})}
    with install(written, mode="policy") as running:
        yield running


@pytest.fixture(autouse=True)
def _installed(release: Release) -> None:
    """Every test is about this release."""


@pytest.fixture
def running(cluster: ControlPlane, images: dict[str, str]) -> str:
    """The name of a pod in the namespace `signed` that was admitted, one for each test."""
    manifest = pod("", images["signed"], security={"capabilities": {"drop": ["ALL"]}})
    manifest["metadata"] = {"generateName": "running-"}
    created = cluster.kubectl("create", "-n", "signed", "-o", "name", "-f", "-", input=text(manifest))
    return created.stdout.strip().removeprefix("pod/")


def _debug(cluster: ControlPlane, name: str, image: str, profile: str = "restricted") -> str:
    """What kubectl says when somebody debugs the pod; empty when it does."""
    command = ("debug", name, "-n", "signed", f"--image={image}", "--container=debugger", f"--profile={profile}")
    done = cluster.kubectl(*command, "--", "sh", check=False)
    return done.stderr if done.returncode else ""


def test_an_unsigned_debug_container_is_denied(cluster: ControlPlane, running: str, images: dict[str, str]) -> None:
    assert f"{DENIED}debugger: NOT_SIGNED" in _debug(cluster, running, images["unsigned"])


def test_a_signed_debug_container_is_admitted(cluster: ControlPlane, running: str, images: dict[str, str]) -> None:
    assert _debug(cluster, running, images["signed"]) == ""
    found = cluster.kubectl("get", "pod", running, "-n", "signed", "-o", "json").stdout
    (debugger,) = json.loads(found)["spec"]["ephemeralContainers"]
    assert debugger["image"] == images["signed"]


def test_a_signed_debug_container_with_capabilities_is_denied(
    cluster: ControlPlane, running: str, images: dict[str, str]
) -> None:
    told = _debug(cluster, running, images["signed"], profile="netadmin")
    assert 'denied by policy "signed": debugger: CAPABILITIES_NOT_DROPPED + CAPABILITY_NOT_ALLOWED' in told


def test_another_image_in_place_is_judged(cluster: ControlPlane, running: str, images: dict[str, str]) -> None:
    command = ("set", "image", f"pod/{running}", "-n", "signed")
    done = cluster.kubectl(*command, f"web={images['unsigned']}", check=False)
    assert f"{DENIED}web: NOT_SIGNED" in done.stderr
    (name, _, digest) = images["signed"].partition("@")
    cluster.kubectl(*command, f"web={name}:1@{digest}")


def test_labels_of_an_old_pod_are_nobodys_business(cluster: ControlPlane, old: str, release: Release) -> None:
    done = cluster.kubectl("label", "pod", "labelled", "-n", old, "owner=me")
    assert (done.stdout, done.stderr) == ("pod/labelled labeled\n", "")
    (line,) = eventually(lambda: release.server.decisions(name="labelled", operation="UPDATE"))
    assert (line["decision"], line["violations"]) == ("allow", [])


def test_an_old_pod_takes_no_other_bad_image(cluster: ControlPlane, old: str, images: dict[str, str]) -> None:
    done = cluster.kubectl("set", "image", "pod/patched", "-n", old, f"web={images['foreign']}", check=False)
    assert f"{DENIED}web: SIGNER_NOT_ALLOWED" in done.stderr
    cluster.kubectl("set", "image", "pod/patched", "-n", old, f"web={images['signed']}")


def test_an_old_pod_can_be_bound_to_a_node(cluster: ControlPlane, old: str) -> None:
    binding: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "scheduled"},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "nowhere"},
    }
    path = f"/api/v1/namespaces/{old}/pods/scheduled/binding"
    cluster.kubectl("create", "--raw", path, "-f", "-", input=text(binding))
    node = cluster.kubectl("get", "pod", "scheduled", "-n", old, "-o", "jsonpath={.spec.nodeName}")
    assert node.stdout == "nowhere"


def test_an_old_pod_can_be_deleted(cluster: ControlPlane, old: str) -> None:
    cluster.kubectl("delete", "pod", "deleted", "-n", old, "--grace-period=0", "--force")
    assert _gone(cluster, old, "deleted")


def test_an_old_pod_gives_up_its_finalizers(cluster: ControlPlane, old: str) -> None:
    cluster.kubectl("delete", "pod", "finalized", "-n", old, "--wait=false")
    assert not _gone(cluster, old, "finalized")
    patch = '{"metadata": {"finalizers": null}}'
    cluster.kubectl("patch", "pod", "finalized", "-n", old, f"--patch={patch}")
    eventually(lambda: _gone(cluster, old, "finalized"))


def _gone(cluster: ControlPlane, namespace: str, name: str) -> bool:
    found = cluster.kubectl("get", "pod", name, "-n", namespace, "--ignore-not-found", "-o", "name")
    return not found.stdout
