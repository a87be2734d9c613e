"""The whole release: helm installs it, a real control plane holds it, and both Deployments are processes of ours."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.charts.rendering import NAMESPACE
from tests.system.controllers import Controller
from tests.system.controlplane import ControlPlane, KubectlError
from tests.system.faults.service import Service, service
from tests.system.helm import CONTROLLER, HelmRelease
from tests.system.kubelet import Mounts
from tests.system.polling import eventually
from tests.system.processes import free_port, running
from tests.system.program import Server, environment, get, here, serving

NAME: Final = "tidewaiter"
SECRET: Final = "tidewaiter-tls"
HEALTH: Final = "--health-bind=0.0.0.0:8080"
_BINDS: Final = ("--bind=0.0.0.0:8443", HEALTH)
_SYNC_SECONDS: Final = 2.0
_MOUNT_SECONDS: Final = 60


@dataclass
class Replica:
    """A pod of a Deployment: its program, and what ends it."""

    program: Server | Controller
    ending: ExitStack

    @property
    def lives(self) -> bool:
        return self.program.process.poll() is None

    def kill(self) -> None:
        """Without a word."""
        self.program.process.kill()
        self.program.process.wait(20)


@dataclass
class Workload:
    """What runs of a Deployment; `pod` is the `spec` that its pods were started from."""

    name: str
    pod: dict[str, Any] = field(default_factory=dict)
    mounts: Mounts | None = None
    replicas: list[Replica] = field(default_factory=list)


class WholeRelease:
    """`tidewaiter`, installed by helm for the time of a `with` block with `values` and what this machine needs.

    This plays kubelet, and a Service of one port. The programs get the arguments and the environment of the containers
    that the API server holds. Three things differ, as with `release.Release`: they bind loopback, a mounted volume is a
    folder that follows its objects, and a kubeconfig with a token of the pods' ServiceAccount is in place of the files
    that kubelet mounts for it.
    """

    def __init__(
        self, cluster: ControlPlane, helm: Path, folder: Path, values: Mapping[str, Any] | None = None
    ) -> None:
        self.cluster = cluster
        self._helm_program = helm
        self._folder = folder
        self._values = dict(values or {})
        self._workloads = {each: Workload(each) for each in (CONTROLLER, NAME)}
        self._running = ExitStack()
        self._ended = threading.Event()
        self._generation = 0
        self._service: Service
        self._helm: HelmRelease

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            self._service = starting.enter_context(service())
            url = f"https://127.0.0.1:{self._service.port}/validate"
            needed = {"image": {"repository": "registry.example.com/tidewaiter"}, "webhook": {"url": url}}
            self._helm = HelmRelease(self.cluster, self._helm_program, self._folder, {**self._values, **needed})
            self._threads = starting.enter_context(ThreadPoolExecutor(16))
            starting.callback(self._end)
            self._threads.submit(self._follow)
            self._helm.install()
            starting.callback(self._uninstall)
            self.sync()
            self._running.push(starting.pop_all().__exit__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.__exit__(kind, error, traceback)

    @property
    def servers(self) -> list[Server]:
        """The replicas of `serve`."""
        programs = (each.program for each in self._workloads[NAME].replicas)
        return [each for each in programs if isinstance(each, Server)]

    @property
    def controllers(self) -> list[Controller]:
        """The replicas of `controller`."""
        programs = (each.program for each in self._workloads[CONTROLLER].replicas)
        return [each for each in programs if isinstance(each, Controller)]

    def leader(self) -> Controller:
        """The controller that works, once there is one."""
        return eventually(lambda: [each for each in self.controllers if each.leads], 40)[0]

    def upgrade(self, *args: str) -> None:
        """By helm; then the replicas are replaced where their pods would be."""
        self._helm.upgrade(*args)
        self.sync()

    def rollback(self) -> None:
        """To the first revision."""
        self._helm.rollback()
        self.sync()

    def uninstall(self) -> None:
        """The programs are told to end once their Deployments are gone."""
        self._helm.helm("uninstall")
        self.sync()

    def sync(self) -> None:
        """What kubelets and the controllers of Deployments do: replace replicas of another template, and dead ones."""
        for name, workload in self._workloads.items():
            deployment = self._helm.read("deployment", name)
            if deployment:
                spec = deployment["spec"]
                self._roll(workload, spec["template"]["spec"], spec["replicas"])
            else:
                self._retire(workload, workload.replicas)

    def kill(self) -> None:
        """All programs at once."""
        for workload in self._workloads.values():
            for replica in workload.replicas:
                replica.kill()

    def logged(self) -> str:
        """What all programs that ever ran have written."""
        return "".join(each.read_text(encoding="utf-8") for each in sorted(self._folder.rglob("*.log")))

    def _roll(self, workload: Workload, pod: dict[str, Any], number: int) -> None:
        old = [each for each in workload.replicas if not each.lives or pod != workload.pod]
        if pod != workload.pod:
            self._mount(workload, pod)
        wanted = number - len(workload.replicas) + len(old)
        start = self._serve if workload.name == NAME else self._control
        kubeconfig = self.kubeconfig(pod["serviceAccountName"])
        starting = [self._threads.submit(self._start, workload, start, kubeconfig) for _ in range(wanted)]
        new = [each.result() for each in starting]
        workload.replicas += new
        for each in new:
            if isinstance(each.program, Server):
                self._service.add(each.program)
        self._retire(workload, old)

    def _mount(self, workload: Workload, pod: dict[str, Any]) -> None:
        """As kubelet does before it starts a container: it waits for what is mounted."""
        self._generation += 1
        folder = self._folder / f"{workload.name}-{self._generation}"
        folder.mkdir()
        mounts = Mounts(self.cluster, NAMESPACE, pod, folder)
        eventually(lambda: _synced(mounts), _MOUNT_SECONDS)
        workload.pod, workload.mounts = pod, mounts

    def _retire(self, workload: Workload, old: Sequence[Replica]) -> None:
        """They are told to end, and are waited for at the end."""
        workload.replicas = [each for each in workload.replicas if each not in old]
        for each in old:
            self._threads.submit(each.ending.close)

    def _start(self, workload: Workload, start: Callable[..., Any], kubeconfig: Path) -> Replica:
        (container,) = workload.pod["containers"]
        assert workload.mounts is not None
        flags = [*map(workload.mounts.local, container["args"]), f"--kubeconfig={kubeconfig}"]
        env = {each["name"]: each["value"] for each in container.get("env", ())}
        ready = container["readinessProbe"]["httpGet"]["path"]
        ending = ExitStack()
        program = ending.enter_context(start(flags, environment(env), ready))
        return Replica(program, ending)

    @contextmanager
    def _serve(self, args: Sequence[str], env: Mapping[str, str], ready: str) -> Iterator[Server]:
        command, *flags = args
        assert command == "serve"
        assert set(flags) >= {*_BINDS}
        with serving(self._folder, [each for each in flags if each not in _BINDS], env=env, ready=ready) as server:
            yield server

    @contextmanager
    def _control(self, args: Sequence[str], env: Mapping[str, str], ready: str) -> Iterator[Controller]:
        assert args[0] == "controller"
        assert HEALTH in args
        port = free_port()
        log = self._folder / f"controller-{port}.log"
        line = here([*(each for each in args if each != HEALTH), f"--health-bind=127.0.0.1:{port}"])
        probe = f"http://127.0.0.1:{port}{ready}"
        with running(line, log, lambda: get(probe)[0] == 200, env=env) as process:
            yield Controller(process, port, log)

    def kubeconfig(self, account: str) -> Path:
        """With a token of a ServiceAccount of the release."""
        token = self.cluster.kubectl("create", "token", account, "-n", NAMESPACE).stdout.strip()
        config = json.loads(self.cluster.kubeconfig.read_text(encoding="utf-8"))
        config["users"] = [{"name": "admin", "user": {"token": token}}]
        file = self._folder / f"{account}.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        return file

    def _follow(self) -> None:
        """Volumes follow their objects; those of an object that is gone stay as they are."""
        while not self._ended.wait(_SYNC_SECONDS):
            for workload in self._workloads.values():
                if workload.mounts is not None:
                    _synced(workload.mounts)

    def _uninstall(self) -> None:
        """Unless that was done."""
        if self._helm.read("deployment", NAME):
            self.uninstall()

    def _end(self) -> None:
        """All that runs still; the threads are waited for."""
        self._ended.set()
        for workload in self._workloads.values():
            self._retire(workload, workload.replicas)


def _synced(mounts: Mounts) -> bool:
    """Whether all that is mounted was there."""
    with suppress(KubectlError, KeyError):
        mounts.sync()
        return True
    return False
