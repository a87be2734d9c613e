"""What docs/operations.md tells to give the API server works: it presents a certificate, and is let in for it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from tests.charts.rendering import ROOT
from tests.server.test_program import Output, config, write_policy
from tests.system.controlplane import ControlPlane
from tests.system.processes import free_port
from webhook.server.program import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]  # the test may have to build Kubernetes

_SECTION = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("## Only the API server may ask")[2]
_BLOCKS = re.findall(r"```(yaml|console)\n(.*?)```", _SECTION.partition("\n## ")[0], re.DOTALL)
ADMISSION, KUBECONFIG = (text for kind, text in _BLOCKS if kind == "yaml")
(COMMANDS,) = (text for kind, text in _BLOCKS if kind == "console")
MADE_AT, HOST = "/etc/kubernetes/webhooks/", "tidewaiter.tidewaiter-system.svc"
POLICY = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: pinned}
spec:
  images: {tags: Pinned}
"""


def _hook(kind: str, path: str, url: str, ca: bytes) -> dict[str, Any]:
    """A webhook configuration that asks at a URL about every pod, and fails where there is no answer."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    webhook = {
        "name": f"{path}.tidewaiter.dev",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "clientConfig": {"url": f"{url}/{path}", "caBundle": base64.b64encode(ca).decode()},
        "rules": [rule],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind}WebhookConfiguration",
        "metadata": {"name": "tidewaiter"},
        "webhooks": [webhook],
    }


def _make_certificates(folder: Path) -> None:
    for command in COMMANDS.splitlines():
        if command.startswith("openssl"):
            subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)


async def test_the_api_server_is_let_in_with_the_files_that_the_page_has(tmp_path: Path) -> None:
    port, made = free_port(), tmp_path / "webhooks"
    made.mkdir()
    _make_certificates(made)
    shutil.copy(made / "ca.crt", tmp_path / "client-ca.crt")
    (made / "kubeconfig").write_text(KUBECONFIG.replace(MADE_AT, f"{made}/").replace(HOST, f"127.0.0.1:{port}"))
    (made / "admission.yaml").write_text(ADMISSION.replace(MADE_AT, f"{made}/"))
    write_policy(tmp_path, POLICY)
    settings = msgspec.structs.replace(
        config(tmp_path),
        bind=("127.0.0.1", port),
        client_ca=tmp_path / "client-ca.crt",
        client_names=frozenset({"kube-apiserver"}),
        pinning=True,
    )
    (tmp_path / "cluster").mkdir()
    arguments = (f"--admission-control-config-file={made / 'admission.yaml'}",)
    async with running(settings, Output()):
        said = await asyncio.to_thread(_create_a_pod, tmp_path, arguments, f"https://127.0.0.1:{port}")
    assert 'admission webhook "validate.tidewaiter.dev" denied the request' in said
    assert "TAG_NOT_PINNED" in said
    assert "failed calling webhook" not in said


def _create_a_pod(folder: Path, arguments: tuple[str, ...], url: str) -> str:
    """What kubectl says when both webhooks are asked about a pod with a tag."""
    ca = (folder / "tls.crt").read_bytes()
    hooks = [_hook("Mutating", "pin", url, ca), _hook("Validating", "validate", url, ca)]
    with ControlPlane(folder / "cluster", api_server_args=arguments) as cluster:
        for hook in hooks:
            cluster.kubectl("create", "-f", "-", input=json.dumps(hook))
        for _ in range(60):  # the API server takes new webhooks up within a second or two
            done = cluster.kubectl("run", "web", "--image=localhost:1/app:1", "--dry-run=server", check=False)
            if done.returncode:
                return done.stderr
    return ""
