"""What the two programs of a release do for each other and for their cluster when something goes wrong."""

import base64
import json
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.charts.rendering import NAMESPACE
from tests.system.controlplane import ControlPlane
from tests.system.load import Load
from tests.system.pods import HARDENED, pod
from tests.system.polling import eventually
from tests.system.report_definitions import openreports
from tests.system.whole import NAME, SECRET, WholeRelease

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]

IMAGE: Final = "registry.invalid/app@sha256:" + "0" * 64
NON_ROOT: Final = {"runAsNonRoot": True}
HEALED_SECONDS: Final = 120
CROWD: Final = 160
VALUES: Final = {
    "mode": "policy",
    "policies": {
        "starter": None,
        "strict": {"containers": {"runAsNonRoot": True}},
        "watched": {"mode": "Audit", "containers": {"readOnlyRootFilesystem": True}},
    },
    "controller": {"mendConfigurations": True, "extraArgs": ["--audit-seconds=5", "--lease-seconds=12"]},
    "extraArgs": ["--drain-seconds=0"],
}
CONFIGURATION: Final = ("validatingwebhookconfiguration", NAME)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("cluster"), controller_manager=True) as running:
        running.make_namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
        running.make_default_service_account("kube-system")
        running.make_namespace("crowd")
        running.kubectl("create", "-f", "-", input=yaml.safe_dump_all(openreports()))
        yield running


@pytest.fixture(scope="module")
def release(cluster: ControlPlane, helm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeRelease]:
    with WholeRelease(cluster, helm, tmp_path_factory.mktemp("release"), VALUES) as running:
        eventually(lambda: not denial(cluster))
        yield running


def read(cluster: ControlPlane, *which: str) -> Any:
    found = cluster.kubectl("get", *which, "-o", "json", "--ignore-not-found").stdout
    return json.loads(found) if found else {}


def denial(cluster: ControlPlane, namespace: str = "default", security: dict[str, Any] | None = NON_ROOT) -> str:
    """What kubectl says of a pod; nothing of one that is admitted."""
    safe = {"seccompProfile": {"type": "RuntimeDefault"}, "runAsUser": 1}
    container = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, **(security or {})}
    document = json.dumps(pod("asked", IMAGE, security=container, securityContext=safe))
    done = cluster.kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", input=document, check=False)
    return done.stderr


def creations(cluster: ControlPlane, per_second: float = 20) -> Load:
    """Dry runs of a good pod's creation, asked of the API server."""
    body = json.dumps(pod("dry", IMAGE, security=HARDENED)).encode()
    headers = {"Authorization": f"Bearer {cluster.admin_token}", "Content-Type": "application/json"}
    return Load(
        lambda: int(cluster.server.rpartition(":")[2]),
        ssl.create_default_context(cafile=cluster.ca),
        "/api/v1/namespaces/default/pods?dryRun=All",
        headers,
        lambda _number: body,
        lambda status, answer: "" if status == 201 else answer.decode(),
        per_second=per_second,
    )


def data(cluster: ControlPlane) -> dict[str, str]:
    """What the Secret holds; nothing where there is none."""
    found: dict[str, str] = read(cluster, "secret", SECRET, "-n", NAMESPACE).get("data", {})
    return found


def spoil(cluster: ControlPlane, **changed: bytes) -> None:
    written = {name.replace("_", "."): base64.b64encode(value).decode() for name, value in changed.items()}
    patch = json.dumps({"data": written})
    cluster.kubectl("patch", "secret", SECRET, "-n", NAMESPACE, "--type=merge", "-p", patch)


def delete(cluster: ControlPlane) -> None:
    cluster.kubectl("delete", "secret", SECRET, "-n", NAMESPACE)


def give_a_key_of_another(cluster: ControlPlane) -> None:
    spoil(cluster, tls_key=base64.b64decode(data(cluster)["ca.key"]))


def write_rubbish(cluster: ControlPlane) -> None:
    spoil(cluster, tls_crt=b"rubbish", tls_key=b"\x00")


@pytest.mark.parametrize("harm", [delete, give_a_key_of_another, write_rubbish])
def test_f_15_a_secret_that_is_lost_or_spoiled_is_made_anew_and_no_creation_fails(
    cluster: ControlPlane, release: WholeRelease, harm: Callable[[ControlPlane], None]
) -> None:
    before = leaf(data(cluster))
    with creations(cluster) as load:
        eventually(lambda: load.answered > 20)
        harm(cluster)
        began = time.monotonic()
        eventually(lambda: leaf(data(cluster)) not in {b"", before}, HEALED_SECONDS)
        made = leaf(data(cluster))
        eventually(lambda: all(shown(each.port) == made for each in release.servers), HEALED_SECONDS)
        assert time.monotonic() - began < HEALED_SECONDS
        answered = load.answered
        eventually(lambda: load.answered > answered + 40)
    assert load.failures == []


def leaf(secret: dict[str, str]) -> bytes:
    """The server's own certificate in a Secret; nothing where there is none."""
    first, end, _ = base64.b64decode(secret.get("tls.crt", "")).partition(b"-----END CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert((first + end).decode()) if end else b""


def shown(port: int) -> bytes:
    """The certificate that a replica shows to whoever comes now."""
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port), timeout=5))


def test_with_everything_killed_repairs_are_possible_and_nobody_has_to_help(
    cluster: ControlPlane, release: WholeRelease
) -> None:
    release.kill()
    assert "failed calling webhook" in eventually(lambda: denial(cluster))
    assert denial(cluster, "kube-system") == denial(cluster, NAMESPACE) == ""
    release.sync()
    eventually(lambda: not denial(cluster))
    assert "RUN_AS_NON_ROOT" in denial(cluster, security={})
    release.leader()


def test_f_23_the_leading_controller_is_killed_as_it_writes_and_the_other_one_goes_on(
    cluster: ControlPlane, release: WholeRelease
) -> None:
    with creations(cluster) as load:
        pods = [pod(f"p{number}", IMAGE, security=NON_ROOT) for number in range(CROWD)]
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": pods})
        cluster.kubectl("create", "-n", "crowd", "-f", "-", input=listed)
        leader = release.leader()
        eventually(lambda: 0 < len(reports(cluster)) < CROWD, 90)
        leader.kill()
        at_its_death = len(reports(cluster))
        assert 0 < at_its_death < CROWD
        eventually(lambda: len(reports(cluster)) == CROWD, 120)
        other = release.leader()
        eventually(lambda: f"tidewaiter_audit_pods {CROWD}" in other.get("/metrics")[1])
    assert other is not leader
    assert load.failures == []
    assert sorted(reports(cluster)) == sorted(each["metadata"]["name"] for each in pods)
    release.sync()


def reports(cluster: ControlPlane) -> list[str]:
    """Whose reports there are."""
    columns = "custom-columns=:scope.name"
    listed = cluster.kubectl("get", "reports.openreports.io", "-n", "crowd", "--no-headers", "-o", columns)
    return listed.stdout.split()


def test_a_configuration_that_is_deleted_in_an_emergency_stays_so_until_an_upgrade(
    cluster: ControlPlane, release: WholeRelease
) -> None:
    leader = release.leader()
    cluster.kubectl("delete", *CONFIGURATION)
    eventually(lambda: not denial(cluster, security={}))
    gone = f'tidewaiter_configuration_gone{{configuration="ValidatingWebhookConfiguration/{NAME}"}} 1.0'
    eventually(lambda: gone in leader.get("/metrics")[1], 90)
    assert read(cluster, *CONFIGURATION) == {}
    release.upgrade()
    eventually(lambda: "RUN_AS_NON_ROOT" in denial(cluster, security={}), 40)
    assert denial(cluster) == ""
