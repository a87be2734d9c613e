"""A real Kubernetes control plane on loopback: etcd, kube-apiserver and, if asked for, kube-controller-manager.

There is no kubelet, scheduler or Service network: pods stay Pending, and a webhook is registered by its URL.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import ssl
import subprocess
import urllib.request
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.system.processes import free_port, running
from tests.system.tools import tool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_KUBECTL_SECONDS: Final = 60
_PROBE_SECONDS: Final = 5
_CONTROLLERS: Final = (
    "serviceaccount-controller",
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "cronjob-controller",
    "garbage-collector-controller",
    "namespace-controller",
)


class KubectlError(Exception):
    """kubectl exited other than 0; the message holds what it wrote."""


class ControlPlane:
    """One control plane for the time of a `with` block; data, keys, kubeconfig and logs lie in `folder`.

    Args:
        folder: an existing, empty folder.
        api_server_args: further arguments, say `--disable-admission-plugins=PodSecurity`.
        controller_manager: run it too: Deployments make pods, and new namespaces get their ServiceAccount `default`.

    Entering raises `ToolMissing` where the programs cannot be built and `NotReadyError` where one does not come up.
    """

    def __init__(self, folder: Path, *, api_server_args: Sequence[str] = (), controller_manager: bool = False) -> None:
        self.folder = folder
        self.server = f"https://127.0.0.1:{free_port()}"
        self.kubeconfig = folder / "kubeconfig.json"
        self.ca = folder / "apiserver.crt"  # made by the API server itself when it starts
        self.admin_token = secrets.token_hex(16)
        self._api_server_args = tuple(api_server_args)
        self._controller_manager = controller_manager
        self._running = ExitStack()

    @property
    def env(self) -> dict[str, str]:
        """Our environment with this cluster's kubeconfig, and without what kubectl keeps in a home folder."""
        own = {"KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(self.folder / "kubectl-cache"), "KUBERC": "off"}
        return {**os.environ, **own}

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002  as subprocess calls it
        check: bool = True,
        token: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator, or as the bearer of `token`; `input` is what `-f -` reads.

        Raises:
            KubectlError: it exited other than 0, unless `check` is false.
        """
        identity = [f"--token={token}"] if token else []
        done = subprocess.run(
            [tool("kubectl"), *identity, *args],
            env=self.env,
            input=input,
            capture_output=True,
            text=True,
            timeout=_KUBECTL_SECONDS,
            check=False,
        )
        if check and done.returncode:
            raise KubectlError(f"kubectl {' '.join(args)}: exit code {done.returncode}\n{done.stderr}{done.stdout}")
        return done

    def make_default_service_account(self, namespace: str) -> None:
        """Make the ServiceAccount `default`, without which no pod is admitted; one that is there already will do."""
        done = self.kubectl("create", "serviceaccount", "default", "-n", namespace, check=False)
        if done.returncode and "already exists" not in done.stderr:
            raise KubectlError(done.stderr)

    def make_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Make a namespace that pods can be created in at once."""
        metadata = {"name": name, "labels": dict(labels or {})}
        self.kubectl(
            "create", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        )
        self.make_default_service_account(name)

    def __enter__(self) -> Self:
        with ExitStack() as starting:  # what already runs is stopped if the next one does not come up
            self._write_credentials()
            self._start_api_server(starting, self._start_etcd(starting))
            self._write_kubeconfig()
            if self._controller_manager:
                self._start_controller_manager(starting)
            else:
                self.make_default_service_account("default")
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.__exit__(kind, error, traceback)

    def _start_etcd(self, starting: ExitStack) -> str:
        client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        command: list[str | Path] = [
            tool("etcd"),
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",  # nothing outlives the tests
        ]
        starting.enter_context(running(command, self.folder / "etcd.log", lambda: _answers(f"{client}/health")))
        return client

    def _start_api_server(self, starting: ExitStack, etcd: str) -> None:
        command: list[str | Path] = [
            tool("kube-apiserver"),
            f"--etcd-servers={etcd}",
            f"--secure-port={self.server.rpartition(':')[2]}",
            "--bind-address=127.0.0.1",
            "--advertise-address=10.254.0.1",  # must not be loopback; nothing listens there
            f"--cert-dir={self.folder}",
            f"--service-account-key-file={self.folder / 'sa.pub'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",  # privileged pods are for webhooks to judge
            *self._api_server_args,
        ]
        starting.enter_context(running(command, self.folder / "kube-apiserver.log", self._serves_default_namespace))

    def _serves_default_namespace(self) -> bool:
        """Ready, and past the start-up work that makes the first namespaces."""
        return self._get("/readyz") and self._get("/api/v1/namespaces/default")

    def _start_controller_manager(self, starting: ExitStack) -> None:
        command: list[str | Path] = [
            tool("kube-controller-manager"),
            f"--kubeconfig={self.kubeconfig}",
            f"--service-account-private-key-file={self.folder / 'sa.key'}",
            "--leader-elect=false",
            "--secure-port=0",
            f"--controllers={','.join(_CONTROLLERS)}",
        ]
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        log = self.folder / "kube-controller-manager.log"
        starting.enter_context(running(command, log, lambda: self._get(account)))

    def _get(self, path: str) -> bool:
        """Whether the API server answers 200 to the administrator."""
        if not self.ca.exists():
            return False
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError:  # half written
            return False
        return _answers(self.server + path, {"Authorization": f"Bearer {self.admin_token}"}, context)

    def _write_credentials(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (self.folder / "sa.key").write_bytes(private)
        (self.folder / "sa.pub").write_bytes(public)
        (self.folder / "tokens.csv").write_text(f'{self.admin_token},admin,admin,"system:masters"\n', encoding="ascii")

    def _write_kubeconfig(self) -> None:
        """A kubeconfig in JSON (which is YAML too) that trusts this API server's certificate alone."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": {"server": self.server, "certificate-authority": str(self.ca)}}],
            "users": [{"name": "admin", "user": {"token": self.admin_token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }
        self.kubeconfig.write_text(json.dumps(config), encoding="utf-8")


def _answers(url: str, headers: dict[str, str] | None = None, context: ssl.SSLContext | None = None) -> bool:
    """Whether a GET of `url`, which lies on loopback, is answered with 200."""
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
    request = urllib.request.Request(url, headers=headers or {})  # noqa: S310  the address is our own
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_PROBE_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):  # URLError, refused connections and time-outs are OSErrors
        return False
