"""The whole controller on a real API server: everything that it is for at once, and how it ends in the midst of it."""

import base64
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.system import policies
from tests.system.controllers import LEASE, LEASE_SECONDS, NAMESPACE, Controller, controlling, lease
from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.report_definitions import openreports
from tests.system.signing import Workshop
from webhook.policy.schema import definitions

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]

RUNNING: Final = "running"
RELEASE: Final = "watch"
ENDS_WITHIN_SECONDS: Final = 20
HARDENED: Final = {"containers": {"readOnlyRootFilesystem": True}, "mode": "Audit"}
STAMP: Final = {"tidewaiter.dev/rendered": "0" * 64}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("cluster")) as running:
        for name in (NAMESPACE, RUNNING):
            running.make_namespace(name)
        running.kubectl("apply", "-f", "-", input=yaml.safe_dump_all([*definitions(), *openreports()]))
        running.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        running.make_default_service_account(RUNNING)
        yield running


@pytest.fixture(scope="module")
def configurations(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what was rendered, which is in the cluster without a caBundle."""
    folder = tmp_path_factory.mktemp("configurations")
    service = {"namespace": NAMESPACE, "name": RELEASE, "path": "/validate", "port": 443}
    rule = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    webhook = {
        "name": "pods.tidewaiter.dev",
        "clientConfig": {"service": service},
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": 10,
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "nowhere"}},
        "objectSelector": {},
        "rules": [{**rule, "scope": "Namespaced"}],
    }
    document = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": RELEASE, "annotations": STAMP},
        "webhooks": [webhook],
    }
    (folder / "validating.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    cluster.kubectl("apply", "-f", "-", input=json.dumps(document))
    return folder


@pytest.fixture
def silent() -> Iterator[str]:
    """A registry that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def everything(cluster: ControlPlane, configurations: Path, tmp_path: Path) -> Callable[..., Any]:
    """A controller with all its parts, which audits as soon as it can."""

    @contextmanager
    def start(*args: str) -> Iterator[Controller]:
        flags = (f"--configurations={configurations}", "--tls=in-process", "--audit-seconds=5", *args)
        with controlling(cluster, tmp_path, *flags) as controller:
            eventually(lambda: controller.leads)
            yield controller

    return start


@contextmanager
def applied(cluster: ControlPlane, *documents: dict[str, Any]) -> Iterator[None]:
    """There inside, and gone afterwards."""
    text = yaml.safe_dump_all(documents)
    cluster.kubectl("apply", "-f", "-", input=text)
    try:
        yield
    finally:
        cluster.kubectl("delete", "--wait=false", "--grace-period=0", "--force", "-f", "-", input=text)


def pod(name: str, image: str = "registry.invalid/app", **security: Any) -> dict[str, Any]:
    container = {"name": "app", "image": image, "securityContext": security}
    metadata = {"name": name, "namespace": RUNNING}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def policy(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "tidewaiter.dev/v1alpha1",
        "kind": "ClusterPodPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def read(cluster: ControlPlane, *which: str) -> Any:
    found = cluster.kubectl("get", *which, "-o", "json", "--ignore-not-found").stdout
    return json.loads(found) if found else {}


def told_to_end(controller: Controller) -> float:
    """The seconds that it took to end, in order."""
    began = time.monotonic()
    os.kill(controller.process.pid, signal.SIGTERM)
    assert controller.process.wait(20) == 0
    return time.monotonic() - began


def metric(controller: Controller, line: str) -> bool:
    return any(each.startswith(line) for each in controller.get("/metrics")[1].splitlines())


def test_everything_that_it_is_for_is_done(cluster: ControlPlane, everything: Callable[..., Any]) -> None:
    pods = pod("good", readOnlyRootFilesystem=True), pod("bad")
    with applied(cluster, policy("hardened", HARDENED), *pods), everything("--no-match=allow") as controller:
        secret = eventually(lambda: read(cluster, "secret", f"{RELEASE}-tls", "-n", NAMESPACE))
        assert b"BEGIN CERTIFICATE" in base64.b64decode(secret["data"]["tls.crt"])
        trusted = eventually(
            lambda: read(cluster, "validatingwebhookconfiguration", RELEASE)["webhooks"][0]["clientConfig"].get(
                "caBundle"
            )
        )
        assert trusted == secret["data"]["ca.crt"]
        audit = eventually(lambda: read(cluster, "cpp", "hardened").get("status", {}).get("audit"), 60)
        assert (audit["pods"], audit["violating"], audit["wouldDeny"]) == (2, 1, 1)
        assert lease(cluster)["holderIdentity"]
        reports = eventually(lambda: read(cluster, "reports.openreports.io", "-n", RUNNING).get("items"))
        assert {each["scope"]["name"] for each in reports} >= {"bad"}
        events = eventually(lambda: read(cluster, "events.v1.events.k8s.io", "-n", "default").get("items"))
        assert "hardened" in {each["regarding"]["name"] for each in events}
        for line in (
            "tidewaiter_leader 1.0",
            "tidewaiter_audit_pods 2.0",
            'tidewaiter_audit_scans_total{result="success"}',
            'tidewaiter_audit_findings{mode="Audit",policy="hardened"} 1.0',
            'tidewaiter_certificate_expiry_timestamp_seconds{kind="serving"}',
            'tidewaiter_certificate_renewals_total{kind="ca"} 1.0',
            'tidewaiter_controller_resources{state="usable"} 1.0',
            'tidewaiter_controller_status_writes_total{result="success"}',
            f'tidewaiter_configuration_gone{{configuration="ValidatingWebhookConfiguration/{RELEASE}"}} 0.0',
            "tidewaiter_reports_written_total",
        ):
            eventually(partial(metric, controller, line))
        assert told_to_end(controller) < ENDS_WITHIN_SECONDS
        assert lease(cluster)["holderIdentity"] == ""
        assert controller.messages()[-1] == "ended"  # each line is JSON, whichever library wrote it


def test_it_ends_in_the_midst_of_a_scan_whose_registry_is_silent(
    cluster: ControlPlane, everything: Callable[..., Any], silent: str, workshop: Workshop
) -> None:
    rules = policies.image_rules(silent, policies.authority("release", workshop.pem("release")))
    pods = [pod(f"waits-{number}", f"{silent}/team/app@sha256:{number:064x}") for number in range(8)]
    with (
        applied(cluster, policy("signed", {"images": rules}), *pods),
        everything(f"--insecure-registry={silent}") as controller,
    ):
        eventually(lambda: connections(controller, silent), 60)
        assert told_to_end(controller) < ENDS_WITHIN_SECONDS
        assert lease(cluster)["holderIdentity"] == ""


def test_what_is_lost_with_the_lease_in_the_midst_of_a_scan_is_everything(
    cluster: ControlPlane, everything: Callable[..., Any], silent: str, workshop: Workshop
) -> None:
    """It keeps its Lease while it waits for a registry, and writes nothing more once that is somebody else's."""
    rules = policies.image_rules(silent, policies.authority("release", workshop.pem("release")))
    with (
        applied(cluster, policy("signed", {"images": rules}), pod("waits", f"{silent}/team/app@sha256:{0:064x}")),
        everything(f"--insecure-registry={silent}") as controller,
    ):
        eventually(lambda: connections(controller, silent), 60)
        time.sleep(LEASE_SECONDS)  # it has had to renew it meanwhile
        assert controller.leads
        patch = json.dumps({"spec": {"holderIdentity": "somebody"}})
        cluster.kubectl("patch", "lease", LEASE, "-n", NAMESPACE, "--type=merge", "-p", patch)
        assert controller.process.wait(60) == 1
        assert lease(cluster)["holderIdentity"] == "somebody"


def connections(controller: Controller, address: str) -> int:
    """How many connections the controller has to a port of loopback."""
    port = int(address.rpartition(":")[2])
    table = Path(f"/proc/{controller.process.pid}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    return sum(int(row.split()[2].rpartition(":")[2], 16) == port and row.split()[3] == "01" for row in table)
