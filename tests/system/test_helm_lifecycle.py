"""A release's life on a real control plane, by both helms: installed, changed, rolled back, and gone."""

import asyncio
import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.charts.rendering import AUDIT, CHART, NAMESPACE
from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.tools import tool
from webhook.controller.certificates import bundles
from webhook.controller.certificates.settings import MUTATING, VALIDATING, Reference
from webhook.kube.cluster import Cluster

pytestmark = [pytest.mark.system, pytest.mark.timeout(600, func_only=True)]

CONFIGURATIONS = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
OF_THE_CLUSTER = f"clusterroles,clusterrolebindings,{CONFIGURATIONS}"
OF_THE_NAMESPACE = (
    "deployments,services,configmaps,secrets,serviceaccounts,roles,rolebindings,poddisruptionbudgets,jobs,pods,leases"
)
PREFIX = "tidewaiter"
BUNDLE = "Y2VydGlmaWNhdGU="
"""A caBundle that nobody tries to read, in base64."""
MADE = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "tidewaiter-tls",
        "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/managed-by": "tidewaiter", "app.kubernetes.io/instance": "tidewaiter"},
    },
}
"""What the controller makes, but for what it holds."""
POLICY = ("--set=mode=policy", "--set=noMatch=allow", "--set=podSecurityLabels=true")


class Helm:
    """One of the helms, with a cluster of its own."""

    def __init__(self, program: Path, cluster: ControlPlane) -> None:
        self.cluster = cluster
        self._program = program

    def __call__(self, command: str, *arguments: str | Path) -> str:
        """What it writes; it has to succeed."""
        line = [self._program, command, "tidewaiter", f"--namespace={NAMESPACE}", *arguments]
        environment = {**self.cluster.env, "HOME": str(self.cluster.folder)}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def put(self, command: str, *arguments: str) -> str:
        """Install or upgrade with the defaults, and with what `arguments` say."""
        return self(command, CHART, f"--values={AUDIT}", *arguments)


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Helm]:
    (tmp_path / "cluster").mkdir()
    with ControlPlane(tmp_path / "cluster", controller_manager=True) as cluster:
        cluster.make_namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
        yield Helm(tool(request.param), cluster)


def _names(cluster: ControlPlane, kinds: str, *where: str) -> set[str]:
    """What there is of ours, as `kind/name`."""
    found = cluster.kubectl("get", kinds, *where, "-o", "name").stdout.split()
    return {each for each in found if each.partition("/")[2].startswith((PREFIX, "sh.helm"))}


def _configurations(cluster: ControlPlane) -> list[dict[str, Any]]:
    found = json.loads(cluster.kubectl("get", CONFIGURATIONS, "-o", "json").stdout)["items"]
    return [each for each in found if each["metadata"]["name"].startswith(PREFIX)]


def _bundles(cluster: ControlPlane) -> dict[str, str]:
    """The caBundle of each webhook, by the webhook's name."""
    return {
        webhook["name"]: webhook["clientConfig"].get("caBundle", "")
        for each in _configurations(cluster)
        for webhook in each["webhooks"]
    }


def _trust(cluster: ControlPlane) -> None:
    """Write the caBundles as the controller does."""

    async def write() -> None:
        api = Cluster(cluster.kubeconfig)
        try:
            references = [
                Reference(MUTATING if each["kind"] == MUTATING.kind else VALIDATING, each["metadata"]["name"])
                for each in _configurations(cluster)
            ]
            for each in await bundles.look(api, references):
                await bundles.write(api, each, base64.b64decode(BUNDLE))
        finally:
            await api.close()

    asyncio.run(write())


def _created(cluster: ControlPlane, namespace: str) -> bool:
    """Whether a pod can be created there, in a dry run."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "repair", "namespace": namespace},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "repair",
                    "image": "registry.invalid/repair",
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }
    done = cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(pod), check=False)
    assert not done.returncode or "failed calling webhook" in done.stderr, done.stderr
    return not done.returncode


def test_a_release_is_installed_changed_rolled_back_and_gone(helm: Helm) -> None:
    cluster = helm.cluster
    assert "NOTHING IS DENIED" in helm.put("install")
    _trust(cluster)
    helm.put("upgrade", *POLICY)
    assert {name for name, bundle in _bundles(cluster).items() if bundle} == {
        "pods.tidewaiter.dev",
        "workloads.tidewaiter.dev",
    }
    _trust(cluster)
    helm.put("upgrade", *POLICY, "--set=webhook.timeoutSeconds=7", "--set=exemptNamespaces={monitoring}")
    assert set(_bundles(cluster).values()) == {BUNDLE}  # whom to trust is the controller's, and stays
    helm("rollback", "2")
    assert set(_bundles(cluster).values()) == {BUNDLE}
    helm("rollback", "1")
    assert set(_bundles(cluster)) == {"pods.tidewaiter.dev", "workloads.tidewaiter.dev"}
    helm("uninstall")
    assert _names(cluster, OF_THE_CLUSTER) == set()
    eventually(lambda: _names(cluster, OF_THE_NAMESPACE, "-n", NAMESPACE) == set())


def test_webhooks_that_the_controller_wrote_to_can_go(helm: Helm) -> None:
    cluster = helm.cluster
    helm.put("install", *POLICY, "--set=policySource=cluster", "--set=policies.starter=null")
    _trust(cluster)
    helm.put("upgrade", *POLICY, "--set=workloads=ignore", "--set=pinning=false")
    assert set(_bundles(cluster)) == {"pods.tidewaiter.dev", "namespaces.guard.tidewaiter.dev"}
    assert set(_bundles(cluster).values()) == {BUNDLE}


def test_while_nothing_answers_pods_are_made_where_repairs_are_and_nowhere_else(helm: Helm) -> None:
    cluster = helm.cluster
    helm.put("install")
    assert _created(cluster, "default")  # mode audit stands in nobody's way
    helm.put("upgrade", *POLICY)
    eventually(lambda: not _created(cluster, "default"))
    assert _created(cluster, NAMESPACE)
    cluster.kubectl("delete", CONFIGURATIONS, "-l", "app.kubernetes.io/instance=tidewaiter")
    eventually(lambda: _created(cluster, "default"))
    helm.put("upgrade", *POLICY)
    eventually(lambda: not _created(cluster, "default"))


def test_a_given_certificate_gives_way_to_one_that_the_controller_makes(helm: Helm) -> None:
    certificate = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
    helm.put("install", "--set=tls.existingSecret=given", f"--set=tls.caBundle={certificate}")
    assert all(_bundles(helm.cluster).values())
    helm.put("upgrade")
    assert not any(_bundles(helm.cluster).values())
    _trust(helm.cluster)
    helm.put("upgrade", *POLICY)
    assert _bundles(helm.cluster)["pods.tidewaiter.dev"] == BUNDLE


def test_a_certificate_that_the_controller_made_gives_way_to_a_given_one_and_back(helm: Helm) -> None:
    certificate, key = (
        f"-----BEGIN {what}-----\nMA==\n-----END {what}-----\n" for what in ("CERTIFICATE", "PRIVATE KEY")
    )
    helm.put("install")
    helm.cluster.kubectl("create", "-f", "-", input=json.dumps(MADE))
    helm.put("upgrade", f"--set=tls.cert={certificate}", f"--set=tls.key={key}", f"--set=tls.caBundle={certificate}")
    assert all(_bundles(helm.cluster).values())
    helm.put("upgrade")
    helm("rollback", "2")
    assert all(_bundles(helm.cluster).values())
    helm("rollback", "1")
    assert not any(_bundles(helm.cluster).values())
    assert helm.cluster.kubectl("get", "secret", "tidewaiter-tls", "-n", NAMESPACE, "-o", "name").stdout
