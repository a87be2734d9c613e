"""`tidewaiter controller` as processes: some of them, for one release."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

from tests.system.controlplane import ControlPlane
from tests.system.processes import free_port, running
from tests.system.program import environment, get, here

NAMESPACE: Final = "tidewaiter-system"
LEASE: Final = "watch-controller"
_NAME: Final = "watch"
LEASE_SECONDS: Final = 8


@dataclass(frozen=True, slots=True)
class Controller:
    """A running one."""

    process: Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        return get(f"http://127.0.0.1:{self.port}{path}")

    def messages(self) -> list[str]:
        return [json.loads(line)["msg"] for line in self.log.read_bytes().split(b"\n")[:-1]]

    @property
    def leads(self) -> bool:
        return "tidewaiter_leader 1.0" in self.get("/metrics")[1]

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def resident_mib(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        (line,) = (line for line in text.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024


@contextmanager
def controlling(cluster: ControlPlane, folder: Path, *args: str) -> Iterator[Controller]:
    """One, whose health port answers."""
    port = free_port()
    log = folder / f"controller-{port}.log"
    line = here(
        [
            "controller",
            f"--namespace={NAMESPACE}",
            f"--name={_NAME}",
            f"--kubeconfig={cluster.kubeconfig}",
            f"--health-bind=127.0.0.1:{port}",
            f"--lease-seconds={LEASE_SECONDS}",
            *args,
        ]
    )
    probe = f"http://127.0.0.1:{port}/readyz"
    with running(line, log, lambda: get(probe)[0] == 200, env=environment()) as process:
        yield Controller(process, port, log)


def lease(cluster: ControlPlane) -> dict[str, Any]:
    """The spec of the Lease, empty where there is none."""
    found = cluster.kubectl("get", "lease", LEASE, "-n", NAMESPACE, "-o", "json", "--ignore-not-found").stdout
    return dict(json.loads(found)["spec"]) if found else {}
