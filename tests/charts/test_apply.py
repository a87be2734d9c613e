"""A real API server takes what the chart renders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.charts.rendering import AUDIT, CI_VALUES, NAMESPACE, RESOURCES, ROOT, render
from tests.system.controlplane import ControlPlane

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]  # the first test may have to build Kubernetes

ALL_VALUES = [*CI_VALUES, ROOT / "deploy" / "install-values.yaml"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster whose namespace for the release is held by the Pod Security level restricted, as the README says."""
    with ControlPlane(tmp_path_factory.mktemp("cluster")) as running:
        running.make_namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
        yield running


@pytest.mark.parametrize("values", ALL_VALUES, ids=lambda path: path.name)
def test_every_object_is_valid(values: Path, helm: Path, cluster: ControlPlane) -> None:
    documents = [each for each in render(helm, values).objects if each["kind"] not in RESOURCES]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
    done = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=text)
    assert len(done.stdout.splitlines()) == len(documents)


def test_the_pod_passes_pod_security_restricted(helm: Path, cluster: ControlPlane) -> None:
    rendered = render(helm, AUDIT)
    cluster.kubectl("apply", "-f", "-", input=rendered.text)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "replica", "namespace": NAMESPACE},
        "spec": rendered.pod,
    }
    cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(pod))
    cluster.kubectl("delete", "-f", "-", input=rendered.text)
