"""Policies and trust roots that are resources of the cluster, as the chart's own ServiceAccount may see them."""

import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from tests.charts.rendering import CHART, NAMESPACE, POLICY, render
from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.processes import free_port
from tests.system.program import Server, serving
from tests.system.release import Release
from tests.system.reviews import HEADERS, PATH, review
from tests.system.signing import Workshop
from tests.system.tools import tool
from tests.system.values import values
from webhook.policy import documents
from webhook.policy.schema import definitions

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]

PATIENCE_SECONDS = 60
DIGEST = "@sha256:" + "0" * 64
SPEC = {"images": {"allow": ["registry.invalid/team/**"]}}
GOOD, BAD = f"registry.invalid/team/app{DIGEST}", f"registry.invalid/other/app{DIGEST}"


class Restarting(ControlPlane):
    """A control plane whose API server can be down for a while."""

    def _start_api_server(self, starting: ExitStack, etcd: str) -> None:
        self._etcd, self._api_server = etcd, starting.enter_context(ExitStack())
        super()._start_api_server(self._api_server, etcd)

    @contextmanager
    def down(self) -> Iterator[None]:
        self._api_server.close()
        try:
            yield
        finally:
            super()._start_api_server(self._api_server, self._etcd)


class WatchingRelease(Release):
    """A release whose Deployment can have a second replica."""

    @contextmanager
    def replica(self) -> Iterator[Server]:
        flags = [*map(self.mounts.local, self._flags()), f"--kubeconfig={self._kubeconfig()}"]
        with serving(self.folder, flags, port=free_port()) as server:
            yield server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, helm: Path) -> Iterator[Restarting]:
    with Restarting(tmp_path_factory.mktemp("cluster")) as running:
        install_definitions(running, helm)
        running.make_namespace("prod")
        running.make_namespace("dev")
        yield running


def install_definitions(cluster: ControlPlane, helm: Path) -> None:
    rendered = render(helm, POLICY, "--set=policySource=cluster", "--set=existingPoliciesConfigMap=")
    definitions = [each for each in rendered.objects if each["kind"] == "CustomResourceDefinition"]
    assert len(definitions) == 2
    for each in definitions:
        cluster.kubectl("apply", "--server-side", "-f", "-", input=json.dumps(each))
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=20s", f"crd/{each['metadata']['name']}")


@pytest.fixture(scope="module")
def release(
    tmp_path_factory: pytest.TempPathFactory, cluster: Restarting, helm: Path, ca: trustme.CA
) -> Iterator[WatchingRelease]:
    folder = tmp_path_factory.mktemp("release")
    settings = values(
        ca,
        folder,
        {},
        {"everywhere": SPEC},
        mode="policy",
        policySource="cluster",
        policySecrets=["keys"],
        guard={"enabled": False},  # it would refuse the policies with faults that are written here
    )
    with WatchingRelease(cluster, helm, folder, settings) as running:
        yield running


def document(name: str, spec: Any, kind: str = "ClusterPodPolicy") -> str:
    return json.dumps({"apiVersion": "tidewaiter.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})


def apply(cluster: ControlPlane, name: str, spec: Any, kind: str = "ClusterPodPolicy") -> None:
    cluster.kubectl("apply", "-f", "-", input=document(name, spec, kind))


def denial(cluster: ControlPlane, image: str, namespace: str = "prod") -> str:
    """What kubectl says of a pod of this image; empty where it would be admitted."""
    return cluster.kubectl("run", "p", "--dry-run=server", "-n", namespace, f"--image={image}", check=False).stderr


def told(cluster: ControlPlane, expected: str, image: str, namespace: str = "prod") -> str:
    """What kubectl says once it says that; "" expects a pod to be admitted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        text = denial(cluster, image, namespace)
        if expected in text if expected else not text:
            return text
        assert time.monotonic() < deadline, text


def refused(cluster: ControlPlane, spec: Any, kind: str = "ClusterPodPolicy") -> str:
    done = cluster.kubectl("create", "--dry-run=server", "-f", "-", input=document("wrong", spec, kind), check=False)
    assert done.returncode
    return done.stderr


def generations(server: Server) -> list[str]:
    lines = [line["msg"] for line in server.lines()]
    return [line.rpartition(" ")[2] for line in lines if line.startswith("policies in force")]


def test_the_api_server_keeps_unknown_fields_for_us_to_refuse(cluster: Restarting) -> None:
    spec = {"images": {"allow": ["registry.invalid/**"], "alow": ["x"]}, "matches": {"deep": [{"er": 1}]}}
    apply(cluster, "unknown", spec)
    kept = json.loads(cluster.kubectl("get", "cpp", "unknown", "-o", "json").stdout)["spec"]
    assert kept == {**spec, "mode": "Enforce"}
    cluster.kubectl("delete", "cpp", "unknown")


@pytest.mark.parametrize(
    ("spec", "kind", "words"),
    [
        ({"mode": "enforce", **SPEC}, "ClusterPodPolicy", 'spec.mode: Unsupported value: "enforce"'),
        ({"containers": {"runAsNonRoot": "true"}}, "ClusterPodPolicy", "must be of type boolean"),
        ({"images": {"allow": []}}, "ClusterPodPolicy", "should have at least 1 items"),
        ({"images": {"verify": [{"images": ["a/b"]}]}}, "ClusterPodPolicy", "name: Required value"),
        ({"mode": "Audit"}, "ClusterPodPolicy", "expected images or containers, or both"),
        (
            {"images": {"authorities": [{"name": "a", "key": {"pem": "x", "secretRef": {"name": "k", "key": "k"}}}]}},
            "ClusterPodPolicy",
            "expected exactly one of pem, file and secretRef",
        ),
        (
            {"images": {"authorities": [{"name": "a", "key": {"file": "k"}}]}},
            "ClusterPodPolicy",
            "give pem or secretRef",
        ),
        ({"images": {"authorities": [{"name": "a"}, {"name": "a"}]}}, "ClusterPodPolicy", "Duplicate value"),
        ({"file": "root.json"}, "TrustRoot", "give trustedRoot or tuf"),
        ({"trustedRoot": {"a": 1}, "tuf": {"url": "https://a.example.com"}}, "TrustRoot", "expected exactly one of"),
    ],
)
def test_the_api_server_refuses_what_is_plainly_wrong(cluster: Restarting, spec: Any, kind: str, words: str) -> None:
    assert words in refused(cluster, spec, kind)


def test_every_field_of_both_kinds_is_accepted(cluster: Restarting) -> None:
    file = Path(__file__).parents[1] / "policy" / "every_field.yaml"
    for each in documents.load(file.name, file.read_bytes()):
        spec, kind = each.value["spec"], each.value["kind"]
        for authority in spec.get("images", {}).get("authorities", ()):
            if "file" in authority.get("key", {}):
                authority["key"] = {"secretRef": {"name": "keys", "key": "file.pub"}}
        if not {"file", "rootFile"} & {*spec, *spec.get("tuf", {})}:
            cluster.kubectl("create", "--dry-run=server", "-f", "-", input=document("every", spec, kind))


def test_a_policy_binds_every_replica_as_it_is_written_broken_mended_and_deleted(
    cluster: Restarting, release: WatchingRelease
) -> None:
    with release.replica() as second:
        told(cluster, "", GOOD)
        assert "REGISTRY_NOT_ALLOWED" in denial(cluster, BAD)
        dev = {"match": {"namespaces": {"include": ["dev"]}}, "images": {"deny": ["registry.invalid/team/**"]}}
        apply(cluster, "dev", dev)
        told(cluster, 'policy "dev"', GOOD, "dev")
        eventually(lambda: generations(second)[-1] == generations(release.server)[-1])
        assert denial(cluster, GOOD) == ""
        apply(cluster, "dev", {**dev, "containers": {"runAsNonRoto": True}})
        words = told(cluster, "POLICY_UNUSABLE", GOOD, "dev")
        assert "spec.containers.runAsNonRoto: unknown field `runAsNonRoto`, did you mean `runAsNonRoot`?" in words
        assert denial(cluster, GOOD) == ""
        ready = {"mode": "Enforce", "ready": "false"}
        assert [server.metric("tidewaiter_policies", **ready) for server in (release.server, second)] == [1, 1]
        apply(cluster, "dev", {"match": dev["match"], "images": {"allow": ["registry.invalid/**"]}})
        told(cluster, "", GOOD, "dev")
        cluster.kubectl("delete", "cpp", "everywhere")
        told(cluster, "NO_POLICY_MATCHES", GOOD)
        apply(cluster, "everywhere", SPEC)
        told(cluster, "", GOOD)
        cluster.kubectl("delete", "cpp", "dev")
        eventually(lambda: generations(second)[-1] == generations(release.server)[-1])


def test_a_key_comes_from_a_secret_that_values_name_and_from_no_other(
    cluster: Restarting, release: WatchingRelease, workshop: Workshop
) -> None:
    def with_key(secret: str) -> dict[str, Any]:
        authority = {"name": "release", "key": {"secretRef": {"name": secret, "key": "cosign.pub"}}}
        verify = {"name": "ours", "images": ["registry.invalid/**"], "signatures": {}}
        match = {"namespaces": {"include": ["dev"]}}
        return {"match": match, "images": {"authorities": [authority], "verify": [verify]}}

    pem = workshop.pem("release")
    for name in ("keys", "others"):
        cluster.kubectl("create", "secret", "generic", name, "-n", NAMESPACE, f"--from-literal=cosign.pub={pem}")
    apply(cluster, "keyed", with_key("others"))
    assert "403" in told(cluster, "POLICY_UNUSABLE", GOOD, "dev")
    apply(cluster, "keyed", with_key("keys"))
    told(cluster, "REGISTRY_UNAVAILABLE", GOOD, "dev")
    cluster.kubectl("delete", "cpp", "keyed")


def test_what_was_known_holds_while_the_api_server_is_away(
    cluster: Restarting, release: WatchingRelease, ca: trustme.CA
) -> None:
    told(cluster, "", GOOD)
    with cluster.down():
        eventually(lambda: any("are not known" in line["msg"] for line in release.server.lines()), 90)
        assert asked(release, ca, GOOD)["allowed"]
        assert not asked(release, ca, BAD)["allowed"]
        assert release.server.get("/readyz")[0] == 200
    apply(cluster, "everywhere", {"images": {"deny": ["registry.invalid/team/**"]}})
    eventually(lambda: not asked(release, ca, GOOD)["allowed"], 15)
    apply(cluster, "everywhere", SPEC)
    eventually(lambda: asked(release, ca, GOOD)["allowed"], 15)


def test_what_was_known_holds_while_it_may_not_read_policies_any_more(
    cluster: Restarting, release: WatchingRelease, ca: trustme.CA
) -> None:
    """The API server asks for rights when a watch begins: this one ends after a minute at most."""
    told(cluster, "", GOOD)
    binding = cluster.kubectl("get", "clusterrolebinding", "tidewaiter", "-o", "json").stdout
    before = len(release.server.lines())
    cluster.kubectl("delete", "clusterrolebinding", "tidewaiter")
    try:
        refused = "are not known, what was known stays: the API server refuses 403"
        eventually(lambda: any(refused in line["msg"] for line in release.server.lines()[before:]), 90)
        assert asked(release, ca, GOOD)["allowed"]
        assert not asked(release, ca, BAD)["allowed"]
        assert release.server.get("/readyz")[0] == 200
    finally:
        cluster.kubectl("apply", "-f", "-", input=binding)
    apply(cluster, "everywhere", {"images": {"deny": ["registry.invalid/team/**"]}})
    eventually(lambda: not asked(release, ca, GOOD)["allowed"], 60)
    apply(cluster, "everywhere", SPEC)
    eventually(lambda: asked(release, ca, GOOD)["allowed"], 60)


def asked(release: Release, ca: trustme.CA, image: str) -> dict[str, Any]:
    """The response to a review that is posted to the program itself."""
    context = ssl.create_default_context(cadata=ca.cert_pem.bytes().decode())
    connection = http.client.HTTPSConnection("127.0.0.1", release.port, timeout=10, context=context)
    try:
        connection.request("POST", PATH, review(image), HEADERS)
        response: dict[str, Any] = json.loads(connection.getresponse().read())["response"]
    finally:
        connection.close()
    return response


NOT_SERVED_YET = "no matches for kind"


@pytest.mark.parametrize("name", ["helm3", "helm4"])
def test_helm_makes_policies_once_and_leaves_them_behind(name: str, tmp_path: Path, ca: trustme.CA) -> None:
    settings = values(ca, tmp_path, {}, {"everywhere": SPEC}, policySource="cluster", createNamespace=False)
    (tmp_path / "values.json").write_text(json.dumps(settings), encoding="utf-8")
    (tmp_path / "cluster").mkdir()
    with Restarting(tmp_path / "cluster") as cluster:
        cluster.make_namespace(NAMESPACE)

        def helm(command: str, *arguments: str | Path) -> str:
            """What it complains of, if it fails."""
            line = [tool(name), command, "tidewaiter", *arguments, f"--namespace={NAMESPACE}"]
            environment = {**cluster.env, "HOME": str(tmp_path)}
            done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=120)
            return done.stderr if done.returncode else ""

        def spec() -> Any:
            return json.loads(cluster.kubectl("get", "cpp", "everywhere", "-o", "json").stdout)["spec"]

        chart = CHART, f"--values={tmp_path / 'values.json'}"
        complaint = helm("install", *chart)
        if NOT_SERVED_YET in complaint:  # the README says so: once more, now that the definitions are there
            assert helm("uninstall") == ""
            complaint = helm("install", *chart)
        assert complaint == ""
        assert spec() == {**SPEC, "mode": "Enforce"}
        ours = {"images": {"allow": ["registry.invalid/ours/**"]}}
        apply(cluster, "everywhere", ours)
        assert helm("upgrade", *chart) == ""
        assert spec() == {**ours, "mode": "Enforce"}
        assert helm("uninstall") == ""
        assert spec() == {**ours, "mode": "Enforce"}


def test_the_definitions_are_what_the_program_prints() -> None:
    written = (CHART / "files" / "crds.yaml").read_text(encoding="utf-8")
    assert list(yaml.safe_load_all(written)) == list(definitions())
