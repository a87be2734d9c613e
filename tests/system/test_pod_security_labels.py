"""tidewaiter in the place of Kubernetes' own Pod Security controller, under that controller's conformance suite."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.system.controlplane import ControlPlane
from tests.system.release import Release
from tests.system.tools import tool
from tests.system.values import values

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build tools

SUITE_SECONDS = 180
CASES = 700
"""There are as many at least: each check of each level, in each version with rules of its own, passing and failing."""

ELSEWHERE = {"match": {"namespaces": {"include": ["elsewhere"]}}, "containers": {"runAsNonRoot": True}}
"""A release has a policy; this one speaks about none of the suite's namespaces."""


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Without the controller of its own. A suite leaves namespaces that are never quite gone here."""
    folder = tmp_path_factory.mktemp("cluster")
    with ControlPlane(folder, api_server_args=["--disable-admission-plugins=PodSecurity"]) as running:
        yield running


@pytest.fixture
def release(tmp_path: Path, cluster: ControlPlane, helm: Path, ca: trustme.CA, labels: bool) -> Iterator[Release]:
    settings = values(
        ca, tmp_path, {}, {"elsewhere": ELSEWHERE}, mode="policy", noMatch="allow", podSecurityLabels=labels
    )
    with Release(cluster, helm, tmp_path, settings) as running:
        yield running


def suite(cluster: ControlPlane) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [tool("pod-security-conformance"), "-test.v", f"-test.timeout={SUITE_SECONDS}s"],
        env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)},
        capture_output=True,
        text=True,
        timeout=2 * SUITE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("labels", [pytest.param(True, id="labels")])
def test_the_conformance_suite_of_kubernetes_finds_nothing(cluster: ControlPlane, release: Release) -> None:
    done = suite(cluster)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert "--- FAIL" not in done.stdout
    assert done.stdout.count("--- PASS") > CASES
    assert release.server.metric("tidewaiter_admission_requests_total", decision="deny") > CASES


@pytest.mark.parametrize("labels", [pytest.param(False, id="no labels")])
def test_the_suite_notices_when_labels_are_not_read(cluster: ControlPlane, release: Release) -> None:
    done = suite(cluster)
    assert done.returncode == 1
    assert "expected error creating" in done.stdout
