"""kube-apiserver's plugin ImagePolicyWebhook asks about images, configured by the example files."""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.system import policies
from tests.system.audit_log import AuditLog
from tests.system.control_plane_examples import CLIENT_NAME, Backend, Example
from tests.system.controlplane import ControlPlane
from tests.system.pods import pod, text
from tests.system.polling import eventually
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

DENIED = (
    'Error from server (Forbidden): {}pods "{}" is forbidden: image policy webhook backend denied one or more images: '
)
REVIEWS = "tidewaiter_admission_requests_total"
RELOADS = "tidewaiter_policy_reload_total"
FROM_FILE = 'error when creating "STDIN": '
REVIEW = {
    "apiVersion": "imagepolicy.k8s.io/v1alpha1",
    "kind": "ImageReview",
    "spec": {"namespace": "shop", "containers": [{"image": "registry.invalid/a"}]},
}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA) -> Example:
    return Example("image-policy", tmp_path_factory.mktemp("example"), ca)


@pytest.fixture(scope="module")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("image-policy-audit")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory, example: Example, audit: Path) -> Iterator[ControlPlane]:
    folder = tmp_path_factory.mktemp("image-policy-cluster")
    args = [*example.api_server_args, *AuditLog(audit).api_server_args]
    with ControlPlane(folder, api_server_args=args) as running:
        for namespace in ("shop", "elsewhere"):
            running.make_namespace(namespace)
        yield running


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory, workshop: Workshop, ggcr: Registry) -> Path:
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    spec = {"match": {"namespaces": {"include": ["shop"]}}, "images": rules, "containers": policies.HARDENED}
    return policies.write(tmp_path_factory.mktemp("policies") / "policies.yaml", signed=spec)


@pytest.fixture(scope="module", autouse=True)
def backend(
    tmp_path_factory: pytest.TempPathFactory, example: Example, ca: trustme.CA, policy: Path, ggcr: Registry
) -> Iterator[Backend]:
    flags = [f"--policy={policy}", f"--insecure-registry={ggcr.host}"]
    with Backend(example, tmp_path_factory.mktemp("backend"), ca, flags) as running:
        yield running


def reviews(backend: Backend) -> list[dict[str, Any]]:
    return backend.server.decisions(kind="ImageReview")


def test_a_signed_image_is_admitted_and_the_audit_log_says_why(
    plane: ControlPlane, images: dict[str, str], backend: Backend, audit: Path
) -> None:
    done = plane.kubectl("run", "signed", "-n", "shop", f"--image={images['signed']}")
    assert done.stdout == "pod/signed created\n"
    [line] = eventually(lambda: [each for each in reviews(backend) if each["namespace"] == "shop"])
    assert (line["decision"], line["policies"]) == ("allow", ["signed"])
    assert [(image["ref"], image["verified"]) for image in line["images"]] == [(images["signed"], True)]
    prefix = "imagepolicywebhook.image-policy.k8s.io/"
    events = map(json.loads, (audit / "audit.log").read_bytes().splitlines())
    kept = [event["annotations"] for event in events if event["objectRef"].get("name") == "signed"]
    assert kept[0][f"{prefix}decision"] == "allow"
    assert kept[0][f"{prefix}images-verified"] == images["signed"]


def test_an_unsigned_image_is_denied_and_kubectl_shows_why(plane: ControlPlane, images: dict[str, str]) -> None:
    done = plane.kubectl("run", "unsigned", "-n", "shop", f"--image={images['unsigned']}", check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    why = '1 of 1 images denied by policy "signed": spec.containers[0].image: NOT_SIGNED ('
    assert line.startswith(DENIED.format("", "unsigned") + why)
    assert f"; image: {images['unsigned']}; fix: cosign sign " in line


def test_init_containers_are_told_behind_the_others(plane: ControlPlane, images: dict[str, str]) -> None:
    init = [{"name": "setup", "image": images["foreign"]}]
    manifest = text(pod("init", images["signed"], initContainers=init))
    done = plane.kubectl("create", "-n", "shop", "-f", "-", input=manifest, check=False)
    why = '1 of 2 images denied by policy "signed": spec.containers[1].image: SIGNER_NOT_ALLOWED ('
    assert done.stderr.startswith(DENIED.format(FROM_FILE, "init") + why)


def test_no_annotation_opens_the_door(plane: ControlPlane, images: dict[str, str]) -> None:
    manifest = pod("glass", images["unsigned"])
    manifest["metadata"]["annotations"] = {
        "tidewaiter.image-policy.k8s.io/break-glass": "true",
        "alpha.image-policy.k8s.io/failed-open": "true",
    }
    done = plane.kubectl("create", "-n", "shop", "-f", "-", input=text(manifest), check=False)
    assert done.stderr.startswith(DENIED.format(FROM_FILE, "glass"))


def test_a_namespace_that_no_policy_matches_gets_no_pods(plane: ControlPlane, images: dict[str, str]) -> None:
    done = plane.kubectl("run", "stray", "-n", "elsewhere", f"--image={images['signed']}", check=False)
    assert done.stderr.startswith(DENIED.format("", "stray") + "denied: spec: NO_POLICY_MATCHES (")


@pytest.mark.parametrize(("image", "admitted"), [("signed", True), ("unsigned", False)])
def test_ephemeral_containers_are_judged(
    image: str, admitted: bool, plane: ControlPlane, images: dict[str, str]
) -> None:
    name = f"debugged-{image}"
    plane.kubectl("run", name, "-n", "shop", f"--image={images['signed']}")
    patch = {"spec": {"ephemeralContainers": [{"name": "shell", "image": images[image]}]}}
    where = ("patch", "pod", name, "-n", "shop", "--subresource=ephemeralcontainers")
    done = plane.kubectl(*where, "--patch", json.dumps(patch), check=False)
    assert (done.returncode == 0) is admitted
    assert ("NOT_SIGNED" in done.stderr) is not admitted


def test_what_was_allowed_is_not_asked_again_for_a_while(
    plane: ControlPlane, images: dict[str, str], backend: Backend, policy: Path
) -> None:
    dry = ("run", "dry", "-n", "shop", "--dry-run=server", "--annotations=other.image-policy.k8s.io/key=x")
    manifest = pod("first", images["signed"])
    manifest["metadata"]["annotations"] = {"own.image-policy.k8s.io/key": "of the answers that are kept"}
    plane.kubectl("create", "-n", "shop", "-f", "-", input=text(manifest))
    count = backend.server.metric(REVIEWS)
    written = policy.read_text(encoding="utf-8")
    before = backend.server.metric(RELOADS, result="success")
    policy.write_text(written.replace("/team/**", "/nobody/**"), encoding="utf-8")
    try:
        eventually(lambda: backend.server.metric(RELOADS, result="success") > before)
        assert "REGISTRY_NOT_ALLOWED" in plane.kubectl(*dry, f"--image={images['signed']}", check=False).stderr
        manifest["metadata"]["name"] = "second"
        plane.kubectl("create", "-n", "shop", "-f", "-", input=text(manifest))
    finally:
        policy.write_text(written, encoding="utf-8")
    assert backend.server.metric(REVIEWS) == count + 1


def test_while_nobody_answers_no_pod_is_admitted(plane: ControlPlane, images: dict[str, str], backend: Backend) -> None:
    manifest = pod("down", images["signed"])
    manifest["metadata"]["annotations"] = {"down.image-policy.k8s.io/key": "of no answer that is kept"}
    with backend.stopped():
        done = plane.kubectl("create", "-n", "shop", "-f", "-", input=text(manifest), check=False)
    assert done.stderr.startswith(
        'Error from server (Forbidden): error when creating "STDIN": pods "down" is forbidden: '
    )
    assert "connection refused" in done.stderr
    assert plane.kubectl("create", "-n", "shop", "-f", "-", input=text(manifest)).stdout == "pod/down created\n"


def test_only_the_api_server_may_ask(example: Example, ca: trustme.CA) -> None:
    with pytest.raises(urllib.error.URLError):
        ask(example, ca, None)
    assert ask(example, ca, "system:node:worker") == 403
    assert ask(example, ca, CLIENT_NAME) == 200


def ask(example: Example, ca: trustme.CA, name: str | None) -> int:
    """The status that a client with a certificate for this name gets, or with none."""
    tls = ssl.create_default_context()
    ca.configure_trust(tls)
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # says in the handshake that a certificate is missing
    if name is not None:
        ca.issue_cert(common_name=name).configure_cert(tls)
    url = f"https://127.0.0.1:{example.port}/image-policy"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(REVIEW).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
    try:
        with opener.open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
