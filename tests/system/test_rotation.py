"""A change of the serving certificate and of its authority, as an administrator does it, while pods are created."""

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.system import policies
from tests.system.certificates import write_certificate
from tests.system.controlplane import ControlPlane
from tests.system.load import Load
from tests.system.pods import pod
from tests.system.polling import eventually
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture(scope="module")
def release(install: Install, workshop: Workshop, ggcr: Registry) -> Iterator[Release]:
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    with install({"signed": policies.for_tier("signed", images=rules)}, mode="policy") as running:
        yield running


def _creations(cluster: ControlPlane, image: str) -> Load:
    """Dry runs of pods' creation, asked of the API server."""
    body = json.dumps(pod("dry", image)).encode()
    headers = {"Authorization": f"Bearer {cluster.admin_token}", "Content-Type": "application/json"}
    return Load(
        lambda: int(cluster.server.rpartition(":")[2]),
        ssl.create_default_context(cafile=cluster.ca),
        "/api/v1/namespaces/signed/pods?dryRun=All",
        headers,
        lambda _number: body,
        lambda status, answer: "" if status == 201 else answer.decode(),
        per_second=40,
    )


def _upgrade(release: Release, **tls: str) -> None:
    release.upgrade({**release.values, "tls": {**release.values["tls"], **tls}})


def _pem(*authorities: trustme.CA) -> str:
    return "".join(each.cert_pem.bytes().decode() for each in authorities)


def test_a_change_of_certificate_and_authority_fails_no_creation(
    release: Release, cluster: ControlPlane, ca: trustme.CA, images: dict[str, str], tmp_path: Path
) -> None:
    new = trustme.CA()
    certificate, key = (file.read_text(encoding="ascii") for file in write_certificate(new, tmp_path))
    with _creations(cluster, images["signed"]) as load:
        eventually(lambda: load.answered > 20)
        _upgrade(release, caBundle=_pem(ca, new))
        _upgrade(release, cert=certificate, key=key)
        eventually(lambda: release.server.metric("tidewaiter_certificate_reload_total", result="success") == 2)
        _upgrade(release, caBundle=_pem(new))
        answered = load.answered
        eventually(lambda: load.answered > answered + 60)
    assert load.failures == []
    denied = cluster.kubectl("run", "after", "-n", "signed", f"--image={images['unsigned']}", check=False)
    assert "NOT_SIGNED" in denied.stderr
