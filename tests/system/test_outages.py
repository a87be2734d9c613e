"""What still stands when a part is down: the program itself, a registry, its leave to read namespaces."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.charts.rendering import NAMESPACE
from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.pods import pod, text
from tests.system.polling import eventually
from tests.system.registries import ggcr_registry
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop, plain_registry

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, ExitStack]]:
    """A registry of this module's own, and what ends it."""
    with ExitStack() as ending:
        host = ending.enter_context(ggcr_registry(tmp_path_factory.mktemp("doomed")))
        yield plain_registry(host), ending


@pytest.fixture(scope="module")
def release(install: Install, workshop: Workshop, registry: tuple[Registry, ExitStack]) -> Iterator[Release]:
    host = registry[0].host
    rules = policies.image_rules(host, policies.authority("release", workshop.pem("release")))
    written = {
        "signed": policies.for_tier("signed", images=rules),
        "lenient": policies.for_tier("advised", images=rules, onError="Warn"),
    }
    with install(written, mode="policy", registry={"insecureRegistries": [host]}) as running:
        yield running


@pytest.fixture(scope="module")
def signed(workshop: Workshop, registry: tuple[Registry, ExitStack]) -> dict[str, str]:
    """Signed images: one that will be known when the registry goes down, and one that nobody has asked for."""
    images = {name: workshop.push(registry[0], f"team/{name}") for name in ("known", "new")}
    for image in images.values():
        workshop.sign(registry[0], image, "release", "bundle")
    return images


def test_nothing_is_admitted_unjudged_while_it_is_down(
    release: Release, cluster: ControlPlane, signed: dict[str, str]
) -> None:
    with release.stopped():
        done = cluster.kubectl("run", "closed", "-n", "signed", f"--image={signed['known']}", check=False)
    assert done.returncode == 1
    assert 'failed calling webhook "pods.tidewaiter.dev"' in done.stderr
    cluster.kubectl("run", "open", "-n", "signed", f"--image={signed['known']}")


def test_what_mends_a_cluster_starts_while_it_is_down(release: Release, cluster: ControlPlane) -> None:
    replica = {**release.rendering.pod, "serviceAccountName": "tidewaiter"}
    with release.stopped():
        for namespace, spec in (("kube-system", {"hostNetwork": True}), (NAMESPACE, replica)):
            cluster.make_default_service_account(namespace)
            manifest = text(pod("mender", "registry.invalid/mender", **spec))
            cluster.kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", input=manifest)


def test_a_workload_can_be_applied_while_it_is_down(
    release: Release, cluster: ControlPlane, signed: dict[str, str]
) -> None:
    with release.stopped():
        command = ("create", "deployment", "later", "-n", "signed", "--replicas=0", f"--image={signed['known']}")
        cluster.kubectl(*command)


def test_what_is_verified_stays_so_while_its_registry_is_down(
    release: Release, cluster: ControlPlane, signed: dict[str, str], registry: tuple[Registry, ExitStack]
) -> None:
    cluster.kubectl("run", "before", "-n", "signed", f"--image={signed['known']}")
    registry[1].close()
    cluster.kubectl("run", "after", "-n", "signed", f"--image={signed['known']}")
    done = cluster.kubectl("run", "new", "-n", "signed", f"--image={signed['new']}", check=False)
    denied = 'Error from server (Forbidden): admission webhook "pods.tidewaiter.dev" denied the request: '
    assert done.stderr.startswith(denied)
    assert 'denied by policy "signed": new: REGISTRY_UNAVAILABLE (' in done.stderr.splitlines()[0]
    assert "    fix: retry; " in done.stderr
    (line,) = eventually(lambda: release.server.decisions(namespace="signed", name="new"))
    assert (line["decision"], line["level"]) == ("error", "warning")
    done = cluster.kubectl("run", "new", "-n", "advised", f"--image={signed['new']}")
    assert done.stderr.startswith("Warning: [lenient] spec.containers[0].image: REGISTRY_UNAVAILABLE: ")


@pytest.fixture
def revoked(release: Release, cluster: ControlPlane) -> Iterator[None]:
    """The ServiceAccount may read nothing any more."""
    binding = cluster.kubectl("get", "clusterrolebinding", "tidewaiter", "-o", "json").stdout
    cluster.kubectl("delete", "clusterrolebinding", "tidewaiter")
    yield
    cluster.kubectl("apply", "-f", "-", input=binding)


def test_a_selector_that_cannot_be_decided_denies(
    revoked: None, release: Release, cluster: ControlPlane, signed: dict[str, str]
) -> None:
    command = ("run", "undecided", "-n", "signed", "--dry-run=server", f"--image={signed['known']}")
    told = eventually(lambda: cluster.kubectl(*command, check=False).stderr)
    assert 'denied by policies "lenient", "signed": spec: NAMESPACE_UNKNOWN' in told
    assert "the labels of namespace signed are not known" in told


def test_the_service_account_may_read_namespaces_and_nothing_else(release: Release, cluster: ControlPlane) -> None:
    token = cluster.kubectl("create", "token", "tidewaiter", "-n", NAMESPACE).stdout.strip()

    def may(*action: str) -> bool:
        return cluster.kubectl("auth", "can-i", "--quiet", "-A", *action, token=token, check=False).returncode == 0

    assert may("get", "namespaces")
    forbidden = [("list", "namespaces"), ("get", "secrets"), ("list", "pods"), ("create", "events"), ("patch", "pods")]
    assert [action for action in forbidden if may(*action)] == []
