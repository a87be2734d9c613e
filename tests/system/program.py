"""The program under test, always as a process of its own: one command of it, or its server."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from tests.system.processes import free_port, running

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = (sys.executable, "-m", "webhook")
_SECONDS: Final = 60
_PROBE_SECONDS: Final = 5


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a container's process would find in its environment: `extra`, and nothing that is set for it here."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **(extra or {})}


def here(args: Sequence[str | Path]) -> list[str | Path]:
    """The command line of the program as it lies in this folder."""
    return [*PROGRAM, *args]


def tidewaiter(*args: str | Path, input: str | None = None) -> subprocess.CompletedProcess[str]:  # noqa: A002
    """Run one command; `input` is what it reads from standard input."""
    return subprocess.run(
        here(args),
        env=environment(),
        input=input,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Server:
    """A running `tidewaiter serve`."""

    process: subprocess.Popen[bytes]
    port: int
    health_port: int
    log: Path

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET at the health port; 0 where nothing answers."""
        return get(f"http://127.0.0.1:{self.health_port}{path}")

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged, each line a document; a last line that is not whole is left out."""
        return [json.loads(line) for line in self.log.read_bytes().split(b"\n")[:-1]]

    def decisions(self, **fields: Any) -> list[dict[str, Any]]:
        """The lines of decisions that have these fields."""
        lines = (line for line in self.lines() if line["msg"] == "decision")
        return [line for line in lines if all(line[name] == value for name, value in fields.items())]

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name that have these labels."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        samples = (sample for family in families for sample in family.samples if sample.name == name)
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def get(url: str) -> tuple[int, str]:
    """Status and body of a GET on loopback; status 0 where nothing answers."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=_PROBE_SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


@contextmanager
def serving(
    folder: Path,
    args: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    port: int | None = None,
    ready: str = "/readyz",
    command: Callable[[Sequence[str | Path]], list[str | Path]] = here,
) -> Iterator[Server]:
    """`tidewaiter serve` on free ports of loopback, ready; its log lies in `folder`.

    Args:
        folder: an existing folder.
        args: those of `serve`, but for where it binds.
        env: the whole environment; absent, `environment()`.
        port: where reviews are answered.
        ready: the path of the readiness probe.
        command: makes a command line of the program's arguments.

    Raises:
        NotReadyError: it ended, or did not become ready.
    """
    ports = port or free_port(), free_port()
    log = folder / f"serve-{ports[0]}-{ports[1]}.log"
    line = command(["serve", *args, f"--bind=127.0.0.1:{ports[0]}", f"--health-bind=127.0.0.1:{ports[1]}"])
    probe = f"http://127.0.0.1:{ports[1]}{ready}"
    with running(line, log, lambda: get(probe)[0] == 200, env=environment() if env is None else env) as process:
        yield Server(process, *ports, log)
