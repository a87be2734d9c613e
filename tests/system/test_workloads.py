"""Deployments whose pods would be refused: an early word for whoever applies them, and the last word at the pods."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

FIRST_LINE = '1 of 1 images denied by policy "signed": {}: NOT_SIGNED (no cosign signature or bundle for this digest)'


@pytest.fixture(scope="module")
def release(install: Install, workshop: Workshop, ggcr: Registry, cluster: ControlPlane) -> Iterator[Release]:
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    kinds = {"rollouts.argoproj.example.com": "spec.template", "tasks.argoproj.example.com": "spec.steps[]"}
    written = {"signed": policies.for_tier("signed", images=rules)}
    with install(written, mode="policy", workloadKinds=kinds) as running:
        yield running
        cluster.kubectl("delete", "deployments,jobs", "--all", "-n", "signed")  # else they try again for ever


@pytest.fixture(autouse=True)
def _installed(release: Release) -> None:
    """Every test is about this release."""


def _events(cluster: ControlPlane, kind: str, name: str) -> list[str]:
    """Messages of the events `FailedCreate` about an object whose name begins so."""
    done = cluster.kubectl("get", "events", "-n", "signed", "--field-selector=reason=FailedCreate", "-o", "json")
    events: list[dict[str, Any]] = json.loads(done.stdout)["items"]
    about = ((event, event["involvedObject"]) for event in events)
    return [event["message"] for event, of in about if of["kind"] == kind and of["name"].startswith(name)]


def _deploy(cluster: ControlPlane, name: str, image: str) -> str:
    """Make a Deployment with a container of the same name; the warnings."""
    done = cluster.kubectl("create", "-n", "signed", "-f", "-", input=_deployment(name, image))
    assert done.stdout == f"deployment.apps/{name} created\n"
    return done.stderr


def _deployment(name: str, image: str) -> str:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name, "image": image}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})


def _pods(cluster: ControlPlane, app: str) -> list[str]:
    return cluster.kubectl("get", "pods", "-n", "signed", f"--selector=app={app}", "-o", "name").stdout.split()


def test_a_deployment_of_a_signed_image_gets_its_pod(cluster: ControlPlane, images: dict[str, str]) -> None:
    assert _deploy(cluster, "good", images["signed"]) == ""
    assert len(eventually(lambda: _pods(cluster, "good"))) == 1


def test_whoever_applies_a_bad_deployment_is_warned(cluster: ControlPlane, images: dict[str, str]) -> None:
    warning = _deploy(cluster, "warned", images["unsigned"])
    assert warning.startswith("Warning: [signed] spec.template.spec.containers[0].image: NOT_SIGNED: ")


def test_the_event_of_a_refused_pod_says_why(cluster: ControlPlane, images: dict[str, str]) -> None:
    _deploy(cluster, "refused", images["unsigned"])
    message = eventually(lambda: _events(cluster, "ReplicaSet", "refused-"))[0]
    denied = 'Error creating: admission webhook "pods.tidewaiter.dev" denied the request: '
    assert message.startswith(denied + FIRST_LINE.format("refused"))
    assert _pods(cluster, "refused") == []


def test_the_condition_of_a_deployment_says_why(cluster: ControlPlane, images: dict[str, str]) -> None:
    _deploy(cluster, "failing", images["unsigned"])
    path = '-o=jsonpath={.status.conditions[?(@.type=="ReplicaFailure")].message}'
    message = eventually(lambda: cluster.kubectl("get", "deployment", "failing", "-n", "signed", path).stdout)
    assert FIRST_LINE.format("failing") in message


def test_the_event_of_a_refused_job_says_why(cluster: ControlPlane, images: dict[str, str]) -> None:
    done = cluster.kubectl("create", "job", "once", "-n", "signed", f"--image={images['unsigned']}")
    assert done.stderr.startswith("Warning: [signed] spec.template.spec.containers[0].image: NOT_SIGNED: ")
    message = eventually(lambda: _events(cluster, "Job", "once"))[0]
    assert FIRST_LINE.format("once") in message


def test_an_image_with_blanks_in_a_template_is_warned_about_and_makes_no_pod(
    cluster: ControlPlane, images: dict[str, str]
) -> None:
    warning = _deploy(cluster, "blank", f" {images['signed']}\n")
    assert warning.startswith("Warning: [signed] spec.template.spec.containers[0].image: REFERENCE_INVALID: ")
    assert eventually(lambda: _events(cluster, "ReplicaSet", "blank-"))
    assert _pods(cluster, "blank") == []


def test_a_bad_deployment_can_be_scaled_without_a_word(cluster: ControlPlane, images: dict[str, str]) -> None:
    _deploy(cluster, "scaled", images["unsigned"])
    done = cluster.kubectl("patch", "deployment", "scaled", "-n", "signed", '--patch={"spec": {"replicas": 0}}')
    assert done.stderr == ""


def test_a_smaller_deployment_with_another_image_is_judged(cluster: ControlPlane, images: dict[str, str]) -> None:
    _deploy(cluster, "shrunk", images["signed"])
    spec = {"template": {"spec": {"containers": [{"name": "shrunk", "image": images["foreign"]}]}}, "replicas": 0}
    patch = json.dumps({"spec": spec})
    done = cluster.kubectl("patch", "deployment", "shrunk", "-n", "signed", f"--patch={patch}")
    assert "SIGNER_NOT_ALLOWED" in done.stderr


GROUP = "argoproj.example.com"


@pytest.fixture(scope="module")
def kinds(cluster: ControlPlane) -> None:
    """Two kinds of the cluster's own, of any content."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    for kind in ("Rollout", "Task"):
        names = {"kind": kind, "plural": f"{kind.lower()}s", "singular": kind.lower()}
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{names['plural']}.{GROUP}"},
            "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
        }
        cluster.kubectl("create", "-f", "-", input=json.dumps(definition))
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{names['plural']}.{GROUP}", "--timeout=30s")


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize(
    ("kind", "place"),
    [("Rollout", "spec.template.spec.containers[0].image"), ("Task", "spec.steps[0].image")],
)
def test_workloads_of_the_clusters_own_are_warned_about(
    kind: str, place: str, cluster: ControlPlane, images: dict[str, str]
) -> None:
    def told(image: str) -> str:
        containers = [{"name": "web", "image": image}]
        spec = {"template": {"spec": {"containers": containers}}} if kind == "Rollout" else {"steps": containers}
        found = {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": {"name": "custom"}, "spec": spec}
        command = ("create", "--dry-run=server", "-n", "signed", "-f", "-")
        return cluster.kubectl(*command, input=json.dumps(found)).stderr

    assert told(images["unsigned"]).startswith(f"Warning: [signed] {place}: NOT_SIGNED: ")
    assert told(images["signed"]) == ""
