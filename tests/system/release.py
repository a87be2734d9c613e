"""The chart, installed on a real control plane. Its Deployment is one process of ours, for want of nodes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

import yaml

from tests.charts.rendering import NAMESPACE, Rendering, render
from tests.system.controlplane import ControlPlane
from tests.system.kubelet import Mounts
from tests.system.polling import eventually
from tests.system.processes import free_port
from tests.system.program import Server, environment, serving

_BINDS: Final = {"--bind=0.0.0.0:8443", "--health-bind=0.0.0.0:8080"}
_REVIEWS: Final = "tidewaiter_admission_requests_total"
_HOOKS: Final = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
_PROBE: Final = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "probe-", "namespace": "default"},
    "spec": {"containers": [{"name": "probe", "image": "registry.invalid/probe"}]},
}


class Install(Protocol):
    """Makes a release, for a `with` block, of policies by name and further values; `make` is its class."""

    def __call__(
        self, policies: Mapping[str, Any], make: "Callable[..., Release] | None" = None, **values: Any
    ) -> "Release": ...


class Release:
    """The chart with `values` for the time of a `with` block; `server` is the running program.

    `referred` are objects that the values name. The webhook is taken away again, all else stays.

    The program gets the arguments and the environment of the rendered Deployment's container. Three things differ: it
    binds loopback, a mounted volume is a folder of this machine, and in place of the files that kubelet mounts for a
    ServiceAccount it gets a kubeconfig with a token of the chart's ServiceAccount.
    """

    def __init__(
        self,
        cluster: ControlPlane,
        helm: Path,
        folder: Path,
        values: Mapping[str, Any],
        referred: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.cluster = cluster
        self.folder = folder
        self.values = values
        self.port = free_port()
        self._helm = helm
        self._referred = referred
        self.rendering = self._render(values)
        volumes = folder / "volumes"
        volumes.mkdir()
        self.mounts = Mounts(cluster, NAMESPACE, self.rendering.pod, volumes)
        self._running = ExitStack()
        self.server: Server

    def __enter__(self) -> Self:
        with ExitStack() as installing:
            self._apply([each for each in self._objects() if each["kind"] not in _HOOKS])
            self._apply(self._referred)
            self.mounts.sync()
            self.start()
            installing.callback(self.stop)
            hooks = [each for each in self.rendering.objects if each["kind"] in _HOOKS]
            self._apply(hooks)
            installing.callback(self._uninstall, hooks)
            eventually(self._judges)
            self._running.push(installing.pop_all().__exit__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.__exit__(kind, error, traceback)

    def start(self) -> None:
        """Start the program, and wait until its readiness probe says yes."""
        self._process = ExitStack()
        (container,) = self.rendering.pod["containers"]
        env = {each["name"]: each["value"] for each in container.get("env", ())}
        probe = container["readinessProbe"]["httpGet"]["path"]
        self.server = self._process.enter_context(self._serving(env, probe))

    def stop(self) -> None:
        """End the program; the webhook stays registered."""
        self._process.close()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Down for the time of a `with` block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def upgrade(self, values: Mapping[str, Any]) -> None:
        """Apply the chart with other values, which leave the program's arguments as they are, and sync its volumes."""
        args = self.rendering.args
        self.values = values
        self.rendering = self._render(values)
        assert self.rendering.args == args
        self._apply(self._objects())
        self.mounts.sync()

    def _objects(self) -> list[dict[str, Any]]:
        """What is applied: pods of the Deployment would only wait for a node."""
        return [each for each in self.rendering.objects if each["kind"] != "Deployment"]

    def _apply(self, objects: Sequence[dict[str, Any]]) -> None:
        if objects:
            document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
            self.cluster.kubectl("apply", "-f", "-", input=json.dumps(document))

    def _serving(self, env: Mapping[str, str], probe: str) -> AbstractContextManager[Server]:
        flags = [*map(self.mounts.local, self._flags()), f"--kubeconfig={self._kubeconfig()}"]
        return serving(self.folder, flags, env=environment(env), port=self.port, ready=probe)

    def _flags(self) -> list[str]:
        """The container's arguments but for where it binds, and but for the command."""
        command, *flags = self.rendering.args
        assert command == "serve"
        assert set(flags) >= _BINDS
        return [flag for flag in flags if flag not in _BINDS]

    def _token(self) -> str:
        """As whom the Deployment's pods ask the API server."""
        account = self.rendering.pod["serviceAccountName"]
        return self.cluster.kubectl("create", "token", account, "-n", NAMESPACE).stdout.strip()

    def _kubeconfig(self) -> Path:
        config = json.loads(self.cluster.kubeconfig.read_text(encoding="utf-8"))
        config["users"] = [{"name": "admin", "user": {"token": self._token()}}]
        file = self.folder / "kubeconfig.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        return file

    def _judges(self) -> bool:
        """Whether the API server asks us by now: a new configuration takes it a moment."""
        before = self._judged()
        self.cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(_PROBE), check=False)
        return self._judged() > before

    def _judged(self) -> float:
        """How many reviews there were, without those that only look up digests."""
        return self.server.metric(_REVIEWS) - self.server.metric(_REVIEWS, decision="pin")

    def _uninstall(self, hooks: Sequence[dict[str, Any]]) -> None:
        """Take the webhooks away, and wait until the API server asks no more."""
        for each in hooks:
            self.cluster.kubectl("delete", each["kind"], each["metadata"]["name"])
        eventually(lambda: not self._judges())

    def _render(self, values: Mapping[str, Any]) -> Rendering:
        file = self.folder / "values.yaml"
        file.write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
        return render(self._helm, file, f"--set=webhook.url=https://127.0.0.1:{self.port}/validate")
