"""The static part of policies in the API server's own hands: pods get the verdict that our checks give."""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.spoiled_pods import fixtures, odd_references, of_reference, pod, spoiled, valid_pod
from tests.system.static_policies import FREE, Asker, Compared, Reply, compare, passes, read
from webhook import policy_files
from webhook.cli import main
from webhook.policy.book import Policy

pytestmark = [pytest.mark.system, pytest.mark.timeout(150, func_only=True)]

MINORS = (0, 18, 24, 31, 34, 37)
LEVELS = ("baseline", "restricted")
EVERY_SWITCH: dict[str, Any] = {
    "runAsNonRoot": True,
    "dropCapabilities": ["NET_RAW", "CHOWN"],
    "allowAddedCapabilities": ["NET_BIND_SERVICE"],
    "readOnlyRootFilesystem": True,
    "requiredLimits": ["memory", "example.com/gpu"],
    "requiredProbes": ["liveness", "readiness"],
    "requiredLabels": [{"key": "app.kubernetes.io/name"}, {"key": "team", "values": ["red", "blue"]}],
    "denyLatestTag": True,
    "automountServiceAccountToken": False,
    "allowedImagePullPolicies": ["Always", "IfNotPresent"],
    "allowedVolumeTypes": ["configMap", "csi", "image"],
    "allowedCSIDrivers": ["secrets-store.csi.k8s.io"],
    "allowedHostPorts": [{"min": 8000, "max": 8080}, {"min": 9000, "max": 9000}],
    "allowedRuntimeClasses": ["gvisor"],
    "allowedPriorityClasses": ["normal", ""],
}
REGISTRIES = ["registry.example.com/team/**", "ghcr.io/*/app", "*.eu.example.com/**", "docker.io/library/*"]
IMAGES: dict[str, dict[str, Any]] = {
    "allowed": {
        "allow": [*REGISTRIES, "registry.example.com:5000/**", "[2001:db8::1]/**", "localhost/**"],
        "deny": ["registry.example.com/team/scratch/**"],
        "tags": "UnsafeResolved",
    },
    "pinned": {"denyDigests": [f"sha256:{'b' * 64}"], "requireFullyQualified": True},
    "readable": {"tags": "UnsafeResolved"},
}
LATEST = "switch-latest"
_NODES = "--group=system:nodes"


def _specs() -> dict[str, dict[str, Any]]:
    levels = {
        f"{level}-{minor}": {"containers": {"podSecurity": {"level": level, "version": f"v1.{minor}"}}}
        for level in LEVELS
        for minor in MINORS
    }
    switches = {
        f"switch-{name.lower()}": {"containers": {name: value}} for name, value in EVERY_SWITCH.items() if value
    }
    images = {f"images-{name}": {"images": rules} for name, rules in IMAGES.items()}
    further = {"switches": {"containers": EVERY_SWITCH}, LATEST: {"containers": {"denyLatestTag": True}}}
    found = {**levels, **switches, **images, **further}
    return {name: {**spec, "match": {"namespaces": {"include": [name]}}} for name, spec in found.items()}


def generated(*arguments: str) -> list[dict[str, Any]]:
    """What the command prints."""
    done = CliRunner().invoke(main, ["policy", "vap", *arguments])
    assert done.exit_code == 0, done.output
    return list(yaml.safe_load_all(done.stdout))


def _apply(cluster: ControlPlane, objects: list[dict[str, Any]]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(listed))


@pytest.fixture(scope="module")
def asker(cluster: ControlPlane) -> Iterator[Asker]:
    cluster.make_namespace(FREE)
    for name in ("gvisor", "runc"):
        runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": name}
        cluster.kubectl("create", "-f", "-", input=json.dumps(runtime))
    for name in ("normal", "other"):
        cluster.kubectl("create", "priorityclass", name, "--value=1")
    with Asker(cluster) as asking:
        yield asking


@pytest.fixture(scope="module")
def book(
    cluster: ControlPlane, asker: Asker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Policy]]:
    """Each policy is in force in the namespace of its name, where there is a pod that was made before."""
    file = policies.write(tmp_path_factory.mktemp("static") / "policies.yaml", **_specs())
    objects = generated("-p", str(file))
    for name in _specs():
        cluster.make_namespace(name)
    cluster.kubectl("create", "-n", "switches", "-f", "-", input=json.dumps(_old()))
    _apply(cluster, objects)
    worst = pod({"containers": [{"name": "a", "image": "a:latest"}], "hostNetwork": True, "volumes": _HOST_PATH})
    worst["spec"]["containers"][0]["securityContext"] = {"privileged": True, "capabilities": {"add": ["SYS_TIME"]}}
    worst["spec"]["containers"][0]["ports"] = [{"containerPort": 1, "hostPort": 1}]
    for name in (f"restricted-{MINORS[-1]}", f"baseline-{MINORS[-1]}", "switches", "images-pinned", LATEST):
        eventually(partial(_refused, asker, name, worst))
    yield {policy.name: policy for policy in policy_files.load([file]).policies}
    cluster.kubectl("delete", "-l", "app.kubernetes.io/managed-by=tidewaiter", "validatingadmissionpolicies")
    cluster.kubectl("delete", "-l", "app.kubernetes.io/managed-by=tidewaiter", "validatingadmissionpolicybindings")


def _refused(asker: Asker, name: str, document: dict[str, Any]) -> bool:
    return asker.create(name, document).status == 403


_HOST_PATH = [{"name": "h", "hostPath": {"path": "/"}}]


def _old() -> dict[str, Any]:
    return pod({"containers": [{"name": "app", "image": "a:latest"}]}, name="old", labels={"kept": "yes"})


def _equal(found: list[Compared], least: int) -> None:
    differing = [
        (each.policy, each.ours, each.reply.body.get("message"), each.document) for each in found if each.differs
    ]
    assert differing == []
    assert len(found) >= least
    assert len({each.ours for each in found}) == 2


def test_kubernetes_own_fixtures_get_the_verdict_of_our_checks(asker: Asker, book: Mapping[str, Policy]) -> None:
    pairs = [(each, f"{level}-{minor}") for level in LEVELS for minor in MINORS for each in fixtures(level, minor)]
    _equal(compare(asker, book, pairs), least=500)


def test_spoiled_pods_get_the_verdict_of_our_checks(asker: Asker, book: Mapping[str, Policy]) -> None:
    every = [name for name in book if not name.startswith("images-")]
    pairs = [
        (each, " ".join(dict.fromkeys(["switches", *(every[(index + step * 7) % len(every)] for step in range(5))])))
        for index, each in enumerate(spoiled(1500))
    ]
    _equal(compare(asker, book, pairs), least=3000)


def test_every_image_reference_gets_the_verdict_of_our_rules(asker: Asker, book: Mapping[str, Policy]) -> None:
    names = " ".join([*(name for name in book if name.startswith("images-")), LATEST])
    pairs = [(of_reference(text, volume=volume), names) for text in odd_references() for volume in (False, True)]
    _equal(compare(asker, book, pairs), least=800)


def test_the_valid_pod_passes(asker: Asker, book: Mapping[str, Policy]) -> None:
    assert asker.create("switches", valid_pod()).status == 201
    assert asker.create(f"restricted-{MINORS[-1]}", valid_pod()).status == 201


def test_a_denial_names_code_expectation_and_places(asker: Asker, book: Mapping[str, Policy]) -> None:
    document = valid_pod()
    document["spec"]["containers"][1]["image"] = "registry.example.com/app"
    reply = asker.create(LATEST, document)
    assert reply.status == 403
    assert reply.body["message"] == (
        "pods \"drawn\" is forbidden: ValidatingAdmissionPolicy 'tidewaiter-switch-latest' with binding"
        " 'tidewaiter-switch-latest' denied request: LATEST_TAG: expected another tag than latest, or a digest;"
        " found otherwise: container web"
    )


@pytest.fixture(scope="module", name="area")
def _area(cluster: ControlPlane, book: Mapping[str, Policy], tmp_path_factory: pytest.TempPathFactory) -> None:
    rules = {"containers": {"runAsNonRoot": True, "denyLatestTag": True}}
    labels = {"namespaceSelector": {"matchLabels": {"tier": "gold"}}}
    spec = {**rules, "match": {"namespaces": {"include": ["area-*"], "exclude": ["area-out"]}, **labels}}
    exemption = {
        "reason": "old",
        "expires": "2999-01-01T00:00:00Z",
        "codes": ["RUN_AS_NON_ROOT"],
        "images": ["registry.example.com/legacy/*"],
        "namespaces": ["area-legacy"],
    }
    file = policies.write(tmp_path_factory.mktemp("area") / "area.yaml", area={**spec, "exemptions": [exemption]})
    for name in ("area-in", "area-out", "area-legacy", "area-spared"):
        cluster.make_namespace(name, {"tier": "gold"})
    cluster.make_namespace("area-other")
    _apply(cluster, generated("-p", str(file), "--exempt-namespace=area-spared"))


class TestPlaces:
    """Where a policy holds, and for how much."""

    @pytest.mark.usefixtures("area")
    def test_it_is_about_the_namespaces_that_the_policy_names(self, asker: Asker) -> None:
        worst = pod({"containers": [{"name": "a", "image": "a:1"}]})
        assert eventually(partial(_refused, asker, "area-in", worst))
        for name in ("area-out", "area-legacy", "area-spared", "area-other", FREE):
            assert asker.create(name, worst).status == 201
        worst["spec"]["containers"][0]["image"] = "a:latest"
        assert "LATEST_TAG" in asker.create("area-legacy", worst).body["message"]

    @pytest.mark.usefixtures("area")
    def test_the_annotation_of_a_mirror_pod_spares_nobody_but_its_node(
        self, cluster: ControlPlane, asker: Asker
    ) -> None:
        mirrored = pod(
            {"containers": [{"name": "a", "image": "a:1"}], "nodeName": "n1"},
            annotations={"kubernetes.io/config.mirror": "x"},
        )
        assert eventually(partial(_refused, asker, "area-in", mirrored))
        cluster.kubectl("create", "clusterrole", "nodes-create-pods", "--verb=create", "--resource=pods")
        cluster.kubectl("create", "clusterrolebinding", "nodes-create-pods", "--clusterrole=nodes-create-pods", _NODES)
        for node, refused in (("n1", False), ("n2", True)):
            identity = (f"--as=system:node:{node}", "--as-group=system:nodes")
            asking = ("create", "-n", "area-in", "--dry-run=server", "-f", "-", *identity)
            done = cluster.kubectl(*asking, input=json.dumps(mirrored), check=False)
            assert ("RUN_AS_NON_ROOT" in done.stderr) is refused, done.stderr
            assert (done.returncode != 0) is refused

    @pytest.mark.parametrize("namespace", ["switches", f"restricted-{MINORS[-1]}", "images-allowed", "images-pinned"])
    def test_a_pod_of_a_hundred_containers_costs_less_than_the_api_server_spends(
        self, asker: Asker, namespace: str
    ) -> None:
        document = valid_pod()
        container = document["spec"]["containers"][1]
        container["image"] = f"registry.example.com/team/{'a' * 200}@sha256:{'a' * 64}"
        document["spec"]["containers"] = [{**container, "name": f"c{index}"} for index in range(100)]
        document["spec"]["initContainers"] = []
        document["spec"]["volumes"] = []
        assert asker.create(namespace, document).status == 201


class TestUpdates:
    """Of a pod that breaks every rule and was there before them."""

    @pytest.fixture
    def stored(self, cluster: ControlPlane, book: Mapping[str, Policy]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(cluster.kubectl("get", "pod", "old", "-n", "switches", "-o", "json").stdout)
        return found

    def _reply(self, asker: Asker, book: Mapping[str, Policy], old: Any, new: Any, subresource: str = "") -> Reply:
        reply = asker.replace("switches", new, subresource)
        assert reply.allowed is passes(book["switches"], read(new).since(read(old)))
        return reply

    def test_labels_may_change(self, asker: Asker, book: Mapping[str, Policy], stored: dict[str, Any]) -> None:
        new = copy.deepcopy(stored)
        new["metadata"]["labels"] = {"kept": "no"}
        assert self._reply(asker, book, stored, new).allowed

    def test_an_image_that_changes_is_judged(
        self, asker: Asker, book: Mapping[str, Policy], stored: dict[str, Any]
    ) -> None:
        for image, allowed in (("b:latest", False), ("b:1", True), ("not//legal", False)):
            new = copy.deepcopy(stored)
            new["spec"]["containers"][0]["image"] = image
            assert self._reply(asker, book, stored, new).allowed is allowed

    def test_a_debugging_container_is_judged_and_with_it_the_pod(
        self, asker: Asker, book: Mapping[str, Policy], stored: dict[str, Any]
    ) -> None:
        new = copy.deepcopy(stored)
        new["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "b:1", "imagePullPolicy": "Always"}]
        reply = self._reply(asker, book, stored, new, "/ephemeralcontainers")
        assert not reply.allowed
        assert "container debug" in reply.body["message"]
