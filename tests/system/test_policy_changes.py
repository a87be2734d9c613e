"""Policies and labels that change while the program runs."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture(scope="module")
def written(workshop: Workshop, ggcr: Registry) -> dict[str, Any]:
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    return {"signed": policies.for_tier("signed", images=rules)}


@pytest.fixture(scope="module")
def release(install: Install, written: dict[str, Any]) -> Iterator[Release]:
    with install(written, mode="policy") as running:
        yield running


def _denial(cluster: ControlPlane, image: str, namespace: str = "signed") -> str:
    """What kubectl says of a pod of this image; empty where it would be admitted."""
    return cluster.kubectl("run", "p", "--dry-run=server", "-n", namespace, f"--image={image}", check=False).stderr


def _reload(release: Release, policies: dict[str, Any], result: str) -> None:
    """Upgrade, and wait until the program says what became of it."""
    before = release.server.metric("tidewaiter_policy_reload_total", result=result)
    release.upgrade({**release.values, "policies": {"starter": None, **policies}})
    eventually(lambda: release.server.metric("tidewaiter_policy_reload_total", result=result) > before)


def test_a_changed_policy_binds_without_a_restart(
    release: Release,
    written: dict[str, Any],
    workshop: Workshop,
    ggcr: Registry,
    images: dict[str, str],
    cluster: ControlPlane,
) -> None:
    assert _denial(cluster, images["signed"]) == ""
    assert "SIGNER_NOT_ALLOWED" in _denial(cluster, images["foreign"])
    rules = policies.image_rules(ggcr.host, policies.authority("stranger", workshop.pem("stranger")))
    _reload(release, {"signed": policies.for_tier("signed", images=rules)}, "success")
    assert _denial(cluster, images["foreign"]) == ""
    assert "SIGNER_NOT_ALLOWED" in _denial(cluster, images["signed"])
    _reload(release, written, "success")
    assert _denial(cluster, images["signed"]) == ""
    assert release.server.process.poll() is None


def test_a_broken_policy_leaves_the_last_good_set_in_force(
    release: Release, written: dict[str, Any], images: dict[str, str], cluster: ControlPlane
) -> None:
    generation = _in_force(release)
    broken = {**written, "typo": {"containers": {"runAsNonRoto": True}}}
    _reload(release, broken, "failure")
    assert _in_force(release) == generation
    assert release.server.metric("tidewaiter_policies_last_reload_successful") == 0
    told = [line["msg"] for line in release.server.lines() if line["level"] == "error"]
    assert any("typo.yaml:" in text and "runAsNonRoto" in text for text in told)
    assert _denial(cluster, images["signed"]) == ""
    assert "NOT_SIGNED" in _denial(cluster, images["unsigned"])
    assert release.server.get("/readyz")[0] == 200
    _reload(release, written, "success")
    assert release.server.metric("tidewaiter_policies_last_reload_successful") == 1


def _in_force(release: Release) -> str:
    """What the log says of the policies that are in force."""
    *_, last = (line["msg"] for line in release.server.lines() if line["msg"].startswith("policies in force"))
    return str(last)


def test_a_label_moves_a_namespace_to_another_policy(
    release: Release, images: dict[str, str], cluster: ControlPlane
) -> None:
    cluster.make_namespace("moving")
    assert "NO_POLICY_MATCHES" in _denial(cluster, images["signed"], "moving")
    cluster.kubectl("label", "namespace", "moving", "tier=signed")
    eventually(lambda: _denial(cluster, images["signed"], "moving") == "")
    assert "NOT_SIGNED" in _denial(cluster, images["unsigned"], "moving")
