"""An audit of 10,000 pods of a real API server, whose images lie in a real registry."""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import pytest

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.crowd import Crowd, kubelets
from tests.system.polling import eventually
from tests.system.program import environment, here, tidewaiter
from tests.system.registries import ggcr_registry
from tests.system.signing import Registry, Workshop, plain_registry

pytestmark = [pytest.mark.system, pytest.mark.timeout(600, func_only=False)]

DEPLOYMENTS = 100
PODS_OF_EACH = 100
PODS = DEPLOYMENTS * PODS_OF_EACH
NAMESPACE = "crowd"
CODES = {"signed": [], "second": [], "foreign": ["SIGNER_NOT_ALLOWED"], "unsigned": ["NOT_SIGNED"]}


class Place(NamedTuple):
    """A cluster with pods, and the registry that they come from; `log` is the registry's."""

    cluster: ControlPlane
    registry: Registry
    log: Path
    images: dict[str, str]


@pytest.fixture(scope="module")
def place(workshop: Workshop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("audited")
    (folder / "cluster").mkdir()
    with ggcr_registry(folder) as host, ControlPlane(folder / "cluster") as cluster, kubelets(cluster, folder):
        registry = plain_registry(host)
        images = {name: workshop.push(registry, f"team/{name}") for name in CODES}
        for name in ("signed", "second"):
            workshop.sign(registry, images[name], "release", "signature")
        workshop.sign(registry, images["foreign"], "stranger", "signature")
        cluster.make_namespace(NAMESPACE)
        crowd = Crowd(cluster, NAMESPACE)
        crowd.make(list(images.values()), DEPLOYMENTS, PODS_OF_EACH)
        eventually(lambda: crowd.running() == PODS, 300)
        yield Place(cluster, registry, next(folder.glob("registry-*.log")), images)


@pytest.fixture
def policy(place: Place, workshop: Workshop, tmp_path: Path) -> Callable[..., Path]:
    def write(**further: Any) -> Path:
        release = policies.authority("release", workshop.pem("release"))
        rules = policies.image_rules(place.registry.host, release)
        return policies.write(tmp_path / "policy.yaml", production={"images": rules, **further})

    return write


def audit(place: Place, *args: str | Path) -> tuple[int, dict[str, Any], float, int]:
    """Exit code, document, seconds and the most memory in bytes of an audit."""
    command = here(["audit", f"--kubeconfig={place.cluster.kubeconfig}", *place.registry.flags, "-o", "json", *args])
    began = monotonic()
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, json.loads(output), monotonic() - began, used.ru_maxrss * 1024


def requests(place: Place, since: int) -> Counter[str]:
    """What the registry was asked for since its log was so long, by method and path."""
    lines = place.log.read_text(encoding="utf-8")[since:].splitlines()
    return Counter(" ".join(line.split()[2:4]) for line in lines)


def test_ten_thousand_pods_are_audited_and_registries_asked_once_for_each_image(
    place: Place, policy: Callable[..., Path], record_property: Callable[[str, object], None], tmp_path: Path
) -> None:
    size = place.log.stat().st_size
    manifests = tmp_path / "pods.json"
    manifests.write_text("\n---\n".join(json.dumps(policies.pod(*each)) for each in place.images.items()), "utf-8")
    tidewaiter("check", *place.registry.flags, "-p", policy(), "-f", manifests)
    for_one_pod_each = requests(place, size)
    assert for_one_pod_each

    size = place.log.stat().st_size
    code, document, seconds, peak = audit(place, "-p", policy())
    record_property("seconds", round(seconds, 1))
    record_property("peak_mebibytes", peak // 2**20)
    print(f"audit of {PODS} pods: {seconds:.1f} s, {peak // 2**20} MiB at most")  # noqa: T201 - for who reads it
    assert requests(place, size) == for_one_pod_each

    assert (code, document["fault"], document["notes"], document["pods"]) == (1, "", [], PODS)
    assert len(document["results"]) == DEPLOYMENTS
    for result in document["results"]:
        name = result["images"][0]["reference"].partition("@")[0].rpartition("/")[2]
        assert [each["code"] for each in result["violations"]] == CODES[name]
        assert (result["pods"], result["allowed"]) == (PODS_OF_EACH, not CODES[name])
        assert result["resource"].startswith(f"Deployment/{NAMESPACE}/d")
    assert document["summary"]["denied"] == {"subjects": DEPLOYMENTS // 2, "pods": PODS // 2}
    assert {(each["code"], each["image"]) for each in document["first"]} == {
        ("SIGNER_NOT_ALLOWED", place.images["foreign"]),
        ("NOT_SIGNED", place.images["unsigned"]),
    }


def test_what_a_policy_of_mode_audit_would_deny_is_told(place: Place, policy: Callable[..., Path]) -> None:
    code, document, _, _ = audit(place, "-p", policy(mode="Audit"), "--no-match=allow", f"--namespace={NAMESPACE}")
    assert (code, document["summary"]["denied"]["pods"]) == (0, 0)
    assert document["summary"]["would_be_denied"] == {"subjects": DEPLOYMENTS // 2, "pods": PODS // 2}


def test_pods_that_may_not_be_listed_are_nothing_that_is_in_order(
    place: Place, policy: Callable[..., Path], tmp_path: Path
) -> None:
    config = json.loads(place.cluster.kubeconfig.read_text(encoding="utf-8"))
    token = place.cluster.kubectl("create", "token", "default", "-n", NAMESPACE).stdout.strip()
    config["users"][0]["user"] = {"token": token}
    kubeconfig = tmp_path / "nobody.json"
    kubeconfig.write_text(json.dumps(config), encoding="utf-8")
    done = tidewaiter("audit", f"--kubeconfig={kubeconfig}", "-p", policy(), *place.registry.flags, "-o", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["pods"]) == (3, 0)
    assert "403" in document["fault"]
    assert any("may not be listed" in note for note in document["notes"])
