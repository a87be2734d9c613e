"""Tags that a real API server has us turn into digests: of pods, never of what makes them or of what runs already."""

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


@pytest.fixture(scope="module")
def release(install: Install, workshop: Workshop, ggcr: Registry, cluster: ControlPlane) -> Iterator[Release]:
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    with install({"signed": policies.for_tier("signed", images=rules)}, mode="policy", pinning=True) as running:
        eventually(lambda: _asked(cluster, running))
        yield running
        cluster.kubectl("delete", "deployments", "--all", "-n", "signed")


def _asked(cluster: ControlPlane, release: Release) -> bool:
    """Whether the API server asks for digests by now."""
    probe = text(pod("probe", "registry.invalid/probe:1"))
    cluster.kubectl("create", "-n", "signed", "--dry-run=server", "-f", "-", input=probe, check=False)
    return release.server.metric("tidewaiter_admission_requests_total", decision="pin") > 0


@pytest.fixture(autouse=True)
def _installed(release: Release) -> None:
    """Every test is about this release."""


def _tagged(image: str) -> str:
    return f"{image.partition('@')[0]}:1"


def _pinned(image: str) -> str:
    name, _, digest = image.partition("@")
    return f"{name}:1@{digest}"


def _create(cluster: ControlPlane, document: dict[str, Any], **options: Any) -> dict[str, Any]:
    """The object as the API server stored it."""
    found: dict[str, Any] = json.loads(
        cluster.kubectl("create", "-n", "signed", "-o", "json", "-f", "-", input=text(document), **options).stdout
    )
    return found


def _get(cluster: ControlPlane, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cluster.kubectl("get", *arguments, "-n", "signed", "-o", "json").stdout)
    return found


def test_a_deployment_keeps_its_tags_and_its_pods_get_digests(cluster: ControlPlane, images: dict[str, str]) -> None:
    labels = {"app": "tagged"}
    template = {"metadata": {"labels": labels}, "spec": pod("", _tagged(images["signed"]))["spec"]}
    document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "tagged"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    created = cluster.kubectl("create", "-n", "signed", "-f", "-", input=text(document))
    assert created.stderr == ""
    (made,) = eventually(lambda: _get(cluster, "pods", "--selector=app=tagged")["items"])
    assert made["spec"]["containers"][0]["image"] == _pinned(images["signed"])
    deployment = _get(cluster, "deployment", "tagged")
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == _tagged(images["signed"])
    assert deployment["metadata"]["generation"] == 1


def test_every_image_of_a_pod_is_pinned_and_nothing_else_is_changed(
    cluster: ControlPlane, images: dict[str, str]
) -> None:
    signed = _tagged(images["signed"])
    volume = {"name": "model", "image": {"reference": signed}}
    document = pod("whole", signed, initContainers=[{"name": "init", "image": signed}], volumes=[volume])
    spec = _create(cluster, document)["spec"]
    assert spec["containers"][0]["image"] == spec["initContainers"][0]["image"] == _pinned(images["signed"])
    assert next(each["image"] for each in spec["volumes"] if "image" in each)["reference"] == _pinned(images["signed"])


def test_a_digest_alone_is_left_alone(cluster: ControlPlane, images: dict[str, str]) -> None:
    created = _create(cluster, pod("digested", images["signed"]))
    assert created["spec"]["containers"][0]["image"] == images["signed"]


def test_a_dry_run_shows_the_digest(cluster: ControlPlane, images: dict[str, str]) -> None:
    document = text(pod("tried", _tagged(images["signed"])))
    command = ("create", "-n", "signed", "--dry-run=server", "-o", "jsonpath={.spec.containers[0].image}", "-f", "-")
    assert cluster.kubectl(*command, input=document).stdout == _pinned(images["signed"])


def test_what_was_pinned_is_judged_by_its_digest(cluster: ControlPlane, images: dict[str, str]) -> None:
    document = text(pod("unsigned", _tagged(images["unsigned"])))
    done = cluster.kubectl("create", "-n", "signed", "-f", "-", input=document, check=False)
    assert 'denied by policy "signed": web: NOT_SIGNED' in done.stderr
    assert images["unsigned"] in done.stderr


def test_a_tag_that_names_nothing_is_told_and_denied(cluster: ControlPlane, ggcr: Registry) -> None:
    document = text(pod("missing", f"{ggcr.host}/team/missing:1"))
    done = cluster.kubectl("create", "-n", "signed", "-f", "-", input=document, check=False)
    assert (
        f"Warning: spec.containers[0].image: IMAGE_NOT_FOUND: {ggcr.host}/team/missing:1 was not pinned" in done.stderr
    )
    assert "TAG_NOT_PINNED" in done.stderr


def test_the_image_of_a_pod_that_runs_is_pinned_when_it_is_changed(
    cluster: ControlPlane, images: dict[str, str]
) -> None:
    _create(cluster, pod("runs", images["signed"]))
    cluster.kubectl("label", "pod", "runs", "-n", "signed", "owner=me")
    assert _get(cluster, "pod", "runs")["spec"]["containers"][0]["image"] == images["signed"]
    cluster.kubectl("set", "image", "pod/runs", "-n", "signed", f"web={_tagged(images['signed'])}")
    assert _get(cluster, "pod", "runs")["spec"]["containers"][0]["image"] == _pinned(images["signed"])


def test_only_a_new_debug_container_is_pinned(cluster: ControlPlane, images: dict[str, str]) -> None:
    _create(cluster, pod("debugged", images["signed"]))
    for name, image in (("first", images["signed"]), ("second", _tagged(images["signed"]))):
        command = ("debug", "debugged", "-n", "signed", f"--image={image}", f"--container={name}")
        cluster.kubectl(*command, "--profile=restricted", "--", "sh")
    ephemeral = _get(cluster, "pod", "debugged")["spec"]["ephemeralContainers"]
    assert [each["image"] for each in ephemeral] == [images["signed"], _pinned(images["signed"])]


def test_a_namespace_that_nobody_judges_keeps_its_tags(
    cluster: ControlPlane, release: Release, images: dict[str, str]
) -> None:
    document = text(pod("free", _tagged(images["signed"])))
    done = cluster.kubectl("create", "-n", "kube-system", "-o", "json", "-f", "-", input=document)
    assert json.loads(done.stdout)["spec"]["containers"][0]["image"] == _tagged(images["signed"])


def test_without_us_a_pod_is_not_pinned_and_not_admitted(
    cluster: ControlPlane, release: Release, images: dict[str, str]
) -> None:
    document = text(pod("alone", _tagged(images["signed"])))
    with release.stopped():
        done = cluster.kubectl("create", "-n", "signed", "-f", "-", input=document, check=False)
    assert 'failed calling webhook "pods.tidewaiter.dev"' in done.stderr


def test_it_is_recorded_what_was_pinned(release: Release, cluster: ControlPlane, images: dict[str, str]) -> None:
    _create(cluster, pod("recorded", _tagged(images["signed"])))
    (line,) = eventually(lambda: release.server.decisions(name="recorded", decision="pin"))
    assert [(each["ref"], each["digest"]) for each in line["images"]] == [
        (_pinned(images["signed"]), images["signed"].partition("@")[2])
    ]
    assert release.server.metric("tidewaiter_pinned_images_total", result="success") > 0
    (judged,) = eventually(lambda: release.server.decisions(name="recorded", decision="allow"))
    assert judged["images"][0]["verified"] is True
