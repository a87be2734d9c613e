"""The chart's Job for static policies: its command under its own ServiceAccount, on a real API server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.charts.rendering import CHART, NAMESPACE, Rendering, render
from tests.system.controlplane import ControlPlane
from tests.system.pods import pod, text
from tests.system.polling import eventually
from tests.system.program import environment

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

FINE = f"registry.example.com/app@sha256:{'a' * 64}"
SECONDS = 60
KINDS = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")


class Job:
    """The Job of one rendering, run here: with a kubeconfig in place of what kubelet mounts for its ServiceAccount."""

    def __init__(self, cluster: ControlPlane, helm: Path, folder: Path) -> None:
        self._cluster, self._helm, self._folder = cluster, helm, folder

    def rendering(self, **policies: Any) -> Rendering:
        values = yaml.safe_load((CHART / "ci" / "static-values.yaml").read_text(encoding="utf-8"))
        file = self._folder / "values.yaml"
        file.write_text(yaml.safe_dump(values | {"policies": {"starter": None, **policies}}), encoding="utf-8")
        return render(self._helm, file)

    def run(self, rendering: Rendering) -> subprocess.CompletedProcess[str]:
        job = rendering.the("Job")["spec"]["template"]["spec"]
        data: dict[str, str] = next(
            each["data"]
            for each in rendering.objects
            if each["metadata"]["name"] == job["volumes"][0]["configMap"]["name"]
        )
        mounted = self._folder / "policies"
        mounted.mkdir(exist_ok=True)
        for old in mounted.iterdir():
            old.unlink()
        for name, content in data.items():
            (mounted / name).write_text(content, encoding="utf-8")
        args = [each.replace("/etc/tidewaiter/policies", str(mounted)) for each in job["containers"][0]["args"]]
        command = [
            sys.executable,
            "-m",
            "webhook",
            *args,
            f"--kubeconfig={self._kubeconfig(job['serviceAccountName'])}",
        ]
        env = environment({})
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=env)

    def _kubeconfig(self, account: str) -> Path:
        token = self._cluster.kubectl("create", "token", account, "-n", NAMESPACE).stdout.strip()
        config = json.loads(self._cluster.kubeconfig.read_text(encoding="utf-8"))
        config["users"] = [{"name": "admin", "user": {"token": token}}]
        file = self._folder / "kubeconfig.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        return file


@pytest.fixture(scope="module")
def job(cluster: ControlPlane, helm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """What the release makes beside the Job; its webhook is registered for namespaces that there are none of."""
    made = Job(cluster, helm, tmp_path_factory.mktemp("job"))
    rendering = made.rendering(hardened=_hardened("Enforce"))
    wanted = {"Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"}
    objects = [each for each in rendering.objects if each["kind"] in wanted and "static" in each["metadata"]["name"]]
    if cluster.kubectl("get", "namespace", NAMESPACE, check=False).returncode:
        cluster.make_namespace(NAMESPACE)
    owner = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "tidewaiter"},
    }
    document = {"apiVersion": "v1", "kind": "List", "items": [*objects, owner]}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(document))
    cluster.make_namespace("statically")
    yield made
    cluster.kubectl("delete", "validatingwebhookconfiguration", "tidewaiter", "--ignore-not-found")
    eventually(lambda: not _there(cluster), seconds=60)


def _hardened(mode: str) -> dict[str, Any]:
    return {
        "mode": mode,
        "match": {"namespaces": {"include": ["statical*"]}},
        "images": {"allow": ["registry.example.com/**"]},
        "containers": {"runAsNonRoot": True},
    }


def _there(cluster: ControlPlane) -> str:
    selector = "app.kubernetes.io/managed-by=tidewaiter"
    return cluster.kubectl("get", ",".join(KINDS), "-l", selector, "-o", "name").stdout


def _denied(cluster: ControlPlane) -> str:
    """What is said of a pod that may run as root."""
    arguments = ("create", "-n", "statically", "--dry-run=server", "-f", "-")
    return cluster.kubectl(*arguments, input=text(pod("root", FINE)), check=False).stderr


def test_policies_hold_from_the_first_run_and_follow_the_values(job: Job, cluster: ControlPlane) -> None:
    first = job.run(job.rendering(hardened=_hardened("Enforce"), more={"containers": {"denyLatestTag": True}}))
    assert (first.returncode, first.stderr) == (0, "")
    assert len(first.stdout.splitlines()) == 4
    assert "RUN_AS_NON_ROOT: expected runAsNonRoot true" in eventually(lambda: _denied(cluster))

    second = job.run(job.rendering(hardened=_hardened("Warn")))
    assert second.stdout.splitlines()[2:] == [
        "ValidatingAdmissionPolicyBinding tidewaiter-more deleted",
        "ValidatingAdmissionPolicy tidewaiter-more deleted",
    ]
    eventually(lambda: "Warning: Validation failed for ValidatingAdmissionPolicy" in _denied(cluster))
    admitted = cluster.kubectl("create", "-n", "statically", "-f", "-", input=text(pod("root", FINE)))
    assert "RUN_AS_NON_ROOT" in admitted.stderr


def test_they_go_with_the_webhook_and_do_not_come_back_without_it(job: Job, cluster: ControlPlane) -> None:
    assert job.run(job.rendering(hardened=_hardened("Warn"))).returncode == 0
    assert _there(cluster)
    cluster.kubectl("delete", "validatingwebhookconfiguration", "tidewaiter")
    eventually(lambda: not _there(cluster), seconds=60)
    again = job.run(job.rendering(hardened=_hardened("Warn")))
    assert again.returncode == 3
    assert "there is no ValidatingWebhookConfiguration tidewaiter" in again.stderr
    assert not _there(cluster)
