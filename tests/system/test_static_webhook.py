"""A webhook that kube-apiserver reads from its own disk, configured by the example files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
import yaml

from tests.charts.rendering import POLICY, render
from tests.system import policies
from tests.system.control_plane_examples import Backend, Example
from tests.system.controlplane import ControlPlane
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

NAME = "tidewaiter.static.k8s.io"
PODS = "pods.tidewaiter.dev"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA) -> Example:
    return Example("static-webhook", tmp_path_factory.mktemp("example"), ca)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory, example: Example) -> Iterator[ControlPlane]:
    folder = tmp_path_factory.mktemp("static-webhook-cluster")
    with ControlPlane(folder, api_server_args=example.api_server_args) as running:
        running.make_namespace("shop")
        yield running


@pytest.fixture(scope="module", autouse=True)
def backend(
    tmp_path_factory: pytest.TempPathFactory, example: Example, ca: trustme.CA, workshop: Workshop, ggcr: Registry
) -> Iterator[Backend]:
    folder = tmp_path_factory.mktemp("backend")
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    policy = policies.write(folder / "policies.yaml", signed={"images": rules})
    with Backend(example, folder, ca, [f"--policy={policy}", f"--insecure-registry={ggcr.host}"]) as running:
        yield running


def run(plane: ControlPlane, name: str, image: str) -> str:
    """What kubectl says when it makes a pod."""
    done = plane.kubectl("run", name, "-n", "shop", f"--image={image}", check=False)
    return done.stdout + done.stderr


def test_it_is_asked_about_the_same_pods_as_the_webhook_of_the_chart(example: Example, helm: Path) -> None:
    static = yaml.safe_load((example.folder / "webhooks/pods.yaml").read_text(encoding="utf-8"))["webhooks"]
    chart = render(helm, POLICY).the("ValidatingWebhookConfiguration")["webhooks"]
    rules = {each["name"]: each["rules"] for each in chart}
    assert [(each["name"], each["rules"]) for each in static] == [(PODS, rules[PODS])]


def test_it_judges_pods_with_no_object_in_the_cluster(plane: ControlPlane, images: dict[str, str]) -> None:
    assert plane.kubectl("get", "validatingwebhookconfigurations", "-o", "name").stdout == ""
    assert run(plane, "signed", images["signed"]) == "pod/signed created\n"
    refused = 'admission webhook "pods.tidewaiter.dev" denied the request: 1 of 1 images denied by policy "signed": '
    assert f"{refused}unsigned: NOT_SIGNED (" in run(plane, "unsigned", images["unsigned"])


def test_nobody_can_take_it_away_or_take_its_name(
    plane: ControlPlane, images: dict[str, str], example: Example
) -> None:
    deleted = plane.kubectl("delete", "validatingwebhookconfiguration", NAME, check=False)
    assert "NotFound" in deleted.stderr
    plane.kubectl("delete", "validatingwebhookconfigurations", "--all")
    manifest = (example.folder / "webhooks/pods.yaml").read_text(encoding="utf-8")
    created = plane.kubectl("create", "-f", "-", input=manifest, check=False)
    assert created.returncode == 1
    assert ".static.k8s.io" in created.stderr
    assert "NOT_SIGNED" in run(plane, "unsigned", images["unsigned"])


def test_while_nobody_answers_no_pod_is_admitted(plane: ControlPlane, images: dict[str, str], backend: Backend) -> None:
    with backend.stopped():
        assert 'failed calling webhook "pods.tidewaiter.dev"' in run(plane, "down", images["signed"])
    assert run(plane, "down", images["signed"]) == "pod/down created\n"
