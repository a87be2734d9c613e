"""The keeper of the certificates at work in a cluster, the Secret mounted, and the program serving it."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.system.controlplane import ControlPlane, KubectlError
from tests.system.kubelet import Mounts
from webhook.clock import SystemClock
from webhook.controller.certificates.keeper import CertificateKeeper
from webhook.controller.certificates.settings import CertificateSettings
from webhook.kube.cluster import Cluster

_SYNC_SECONDS = 1.0


@dataclass
class Told:
    """Fills `Observer`."""

    renewals: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def certificate_expires(self, kind: str, timestamp: float) -> None:
        assert timestamp > 0

    def renewed(self, kind: str) -> None:
        self.renewals.append(kind)

    def failed(self, reason: str) -> None:
        self.failures.append(reason)

    def broken_trust(self, configuration: str) -> None:
        self.broken.append(configuration)


@contextmanager
def keeping(kubeconfig: Path, settings: CertificateSettings) -> Iterator[Told]:
    """The keeper runs inside, on a loop of its own."""
    told = Told()
    loop = asyncio.new_event_loop()

    async def run() -> None:
        port = Cluster(kubeconfig)
        try:
            await CertificateKeeper(port, settings, SystemClock(), told).run()
        finally:
            await port.close()

    task = loop.create_task(run())
    thread = threading.Thread(target=_until_cancelled, args=(loop, task))
    thread.start()
    try:
        yield told
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(10)
        loop.close()


def _until_cancelled(loop: asyncio.AbstractEventLoop, task: "asyncio.Task[None]") -> None:
    loop.run_until_complete(asyncio.wait([task]))


@contextmanager
def mounted(cluster: ControlPlane, namespace: str, secret: str, folder: Path) -> Iterator[Path]:
    """A folder that follows `tls.crt` and `tls.key` of a Secret; a Secret that is gone changes nothing."""
    items = [{"key": key, "path": key} for key in ("tls.crt", "tls.key")]
    pod = {
        "volumes": [{"name": "tls", "secret": {"secretName": secret, "items": items}}],
        "containers": [{"volumeMounts": [{"name": "tls", "mountPath": "/tls"}]}],
    }
    mounts, ended = Mounts(cluster, namespace, pod, folder), threading.Event()
    mounts.sync()

    def follow() -> None:
        while not ended.wait(_SYNC_SECONDS):
            with suppress(KubectlError):  # it is not there
                mounts.sync()

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield folder / "tls"
    finally:
        ended.set()
        thread.join(10)


def account(cluster: ControlPlane, settings: CertificateSettings, folder: Path) -> Path:
    """A kubeconfig of a ServiceAccount that may do what the keeper needs, and nothing else."""
    names = [each.name for each in settings.configurations]
    plurals = [each.kind.plural for each in settings.configurations]
    rules = [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [settings.secret], "verbs": ["get", "update"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
    ]
    group = "admissionregistration.k8s.io"
    wide = [{"apiGroups": [group], "resources": plurals, "resourceNames": names, "verbs": ["get", "patch", "update"]}]
    namespace, name = settings.namespace, "keeper"
    cluster.kubectl("create", "serviceaccount", name, "-n", namespace)
    for kind, given in (("Role", rules), ("ClusterRole", wide)):
        _grant(cluster, kind, name, namespace, given)
    config = json.loads(cluster.kubeconfig.read_text(encoding="utf-8"))
    token = cluster.kubectl("create", "token", name, "-n", namespace).stdout.strip()
    config["users"] = [{"name": "admin", "user": {"token": token}}]
    file = folder / "keeper.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


def _grant(cluster: ControlPlane, kind: str, name: str, namespace: str, rules: list[dict[str, Any]]) -> None:
    group = "rbac.authorization.k8s.io"
    common = {"apiVersion": f"{group}/v1", "metadata": {"name": name}}
    subjects = [{"kind": "ServiceAccount", "name": name, "namespace": namespace}]
    reference = {"apiGroup": group, "kind": kind, "name": name}
    items = [
        {**common, "kind": kind, "rules": rules},
        {**common, "kind": f"{kind}Binding", "roleRef": reference, "subjects": subjects},
    ]
    for each in items:
        cluster.kubectl("apply", "-n", namespace, "-f", "-", input=json.dumps(each))


def exists(cluster: ControlPlane, *name: str) -> bool:
    """Whether an object is there."""
    return cluster.kubectl("get", *name, check=False).returncode == 0


def got(cluster: ControlPlane, *name: str) -> dict[str, Any]:
    """An object that is there."""
    found: dict[str, Any] = json.loads(cluster.kubectl("get", *name, "-o", "json", "--show-managed-fields").stdout)
    return found


def apply_as_helm(cluster: ControlPlane, document: dict[str, Any]) -> None:
    """Server-side apply, as Helm 4 installs and upgrades."""
    cluster.kubectl("apply", "--server-side", "--field-manager=helm", "-f", "-", input=json.dumps(document))


def webhooks(kind: str, name: str, url: str, namespace: str, hooks: Sequence[str]) -> dict[str, Any]:
    """A configuration as the chart renders it, without a caBundle, about pods of one namespace."""
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    common = {
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": url},
        "namespaceSelector": selector,
        "rules": [rule],
        "timeoutSeconds": 10,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "webhooks": [{"name": each, **common} for each in hooks],
    }
