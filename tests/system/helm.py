"""A release of the chart that helm itself installs, upgrades and rolls back; nothing of it runs."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.charts.rendering import CHART, NAMESPACE
from tests.system.controlplane import ControlPlane

_SECONDS: Final = 60
CONTROLLER: Final = "tidewaiter-controller"


class HelmRelease:
    """`tidewaiter` in its namespace; `folder` is an existing one for what helm keeps and for the controller's files."""

    def __init__(self, cluster: ControlPlane, helm: Path, folder: Path, values: Mapping[str, Any]) -> None:
        self.cluster = cluster
        self.configurations = folder / "configurations"
        self.configurations.mkdir()
        self._helm_path = helm
        self._folder = folder
        self._values = folder / "values.yaml"
        self._values.write_text(yaml.safe_dump(dict(values)), encoding="utf-8")

    def helm(self, command: str, *args: str) -> None:
        """Run a command of helm's for the release. Raises `AssertionError` with its words where it fails."""
        homes = {f"HELM_{each}_HOME": str(self._folder) for each in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            [self._helm_path, command, "tidewaiter", *args, f"--namespace={NAMESPACE}"],
            env={**self.cluster.env, **homes},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout

    def install(self) -> None:
        self.helm("install", str(CHART), f"--values={self._values}")
        self.sync()

    def upgrade(self, *args: str) -> None:
        """The controller's files stay as they are."""
        self.helm("upgrade", str(CHART), f"--values={self._values}", *args)

    def rollback(self) -> None:
        """To the first revision. The controller's files stay as they are."""
        self.helm("rollback", "1")

    def sync(self) -> None:
        """Bring the controller's files up to date, as kubelet does a while after an upgrade."""
        for file in self.configurations.iterdir():
            file.unlink()
        for name, content in self.read("configmap", "tidewaiter-configurations")["data"].items():
            (self.configurations / name).write_text(content, encoding="utf-8")

    def read(self, kind: str, name: str) -> dict[str, Any]:
        done = self.cluster.kubectl(
            "get", kind, name, "-n", NAMESPACE, "-o", "json", "--show-managed-fields", check=False
        )
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {}

    def controllers_kubeconfig(self) -> Path:
        """With a token of the controller's ServiceAccount."""
        token = self.cluster.kubectl("create", "token", CONTROLLER, "-n", NAMESPACE).stdout.strip()
        config = json.loads(self.cluster.kubeconfig.read_text(encoding="utf-8"))
        config["users"] = [{"name": "admin", "user": {"token": token}}]
        file = self._folder / "kubeconfig.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        return file
