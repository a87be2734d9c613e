"""A real API server takes what the chart renders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.charts.rendering import CI_VALUES, FOREIGN, NAMESPACE, RESOURCES, ROOT, render
from tests.system.controlplane import ControlPlane

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]  # the first test may have to build Kubernetes

UNSERVED = {*RESOURCES, *FOREIGN}
"""What the API server learns of by definitions that are not there."""
ALL_VALUES = [*CI_VALUES, ROOT / "deploy" / "install-values.yaml"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster whose namespace for the release is held by the Pod Security level restricted, as the README says."""
    with ControlPlane(tmp_path_factory.mktemp("cluster")) as running:
        running.make_namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
        yield running


@pytest.mark.parametrize("values", ALL_VALUES, ids=lambda path: path.name)
def test_every_object_is_valid(values: Path, helm: Path, cluster: ControlPlane) -> None:
    documents = [each for each in render(helm, values, tests=True).objects if each["kind"] not in UNSERVED]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
    done = cluster.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=text)
    assert len(done.stdout.splitlines()) == len(documents)


@pytest.mark.parametrize("values", ALL_VALUES, ids=lambda path: path.name)
def test_pods_pass_pod_security_restricted(values: Path, helm: Path, cluster: ControlPlane) -> None:
    rendered = render(helm, values)
    for part in rendered.parts:
        spec = {**rendered.pod_of(part), "serviceAccountName": "default", "priorityClassName": ""}
        metadata = {"name": "replica", "namespace": NAMESPACE}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(pod))
