"""Servers in processes of their own, and what the system tells about them."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter

import aiohttp
import msgspec

START_SECONDS = 30.0
STOP_SECONDS = 10.0
LOG_SECONDS = 2.0
LOG_POLLS = 10
_POLL_SECONDS = 0.005


class Files(msgspec.Struct, frozen=True):
    """The folder of one run, with a certificate and its key."""

    folder: Path
    certificate: Path
    key: Path


class Decisions(msgspec.Struct, frozen=True):
    """How many reviews were decided, and how many of them refused."""

    all: int
    refused: int


class Server(msgspec.Struct, frozen=True):
    """A server that answers on `port`, health on `health`; `ready_seconds` is what it took from its start to that."""

    process: Process
    port: int
    health: int
    ready_seconds: float
    log: Path

    @property
    def cpu_seconds(self) -> float:
        """What it has computed so far, in all of its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_bytes(self) -> int:
        """The memory that it holds now."""
        return resident_bytes(self.process.pid)

    async def decisions(self) -> Decisions:
        """What it has decided, by its own metrics; nothing, if it has none."""
        if not self.health:
            return Decisions(0, 0)
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.health}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        decided = [line for line in lines if line.startswith("tidewaiter_admission_requests_total{")]
        refused = [line for line in decided if 'decision="allow"' not in line and 'decision="warn"' not in line]
        return Decisions(_sum(decided), _sum(refused))

    def forget_log(self) -> None:
        """Empty its log."""
        os.truncate(self.log, 0)

    async def logged(self, expected: int) -> int:
        """How many decisions it has logged; waits a little for the expected number, since it writes in batches."""
        for _ in range(LOG_POLLS):
            if self._logged() >= expected:
                break
            await asyncio.sleep(LOG_SECONDS / LOG_POLLS)
        return self._logged()

    def _logged(self) -> int:
        with self.log.open("rb") as lines:
            return sum(b'"msg":"decision"' in line for line in lines)


def _sum(lines: Sequence[str]) -> int:
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


def resident_bytes(pid: int) -> int:
    """VmRSS of a process."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def tidewaiter(
    files: Files, policies: Path, *registries: str, trust_root: Path | None = None, samples: Path | None = None
) -> AsyncIterator[Server]:
    """`tidewaiter serve` as it is deployed, its log going to a file; `samples` of it too, once it has ended."""
    port, health = free_port(), free_port()
    arguments = (
        *(("-m", "webhook") if samples is None else ("-m", "benchmarks.sampled", str(samples))),
        *("serve", "--policy", str(policies), *(f"--insecure-registry={host}" for host in registries)),
        *("--bind", f"127.0.0.1:{port}", "--health-bind", f"127.0.0.1:{health}", "--drain-seconds", "0"),
        *("--tls-cert", str(files.certificate), "--tls-key", str(files.key), "--no-trust-root-refresh"),
        *(() if trust_root is None else ("--trust-root", str(trust_root))),
    )
    async with _running(arguments, files.folder / f"{port}.log", port, health) as server:
        yield server


@asynccontextmanager
async def echo(files: Files, kind: str) -> AsyncIterator[Server]:
    """A yardstick of `benchmarks.echo`."""
    port = free_port()
    arguments = ("-m", "benchmarks.echo", kind, str(port), str(files.certificate), str(files.key))
    async with _running(arguments, files.folder / f"{port}.log", port, 0) as server:
        yield server


@asynccontextmanager
async def _running(arguments: Sequence[str], log: Path, port: int, health: int) -> AsyncIterator[Server]:
    started = perf_counter()
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=DEVNULL, stdout=output)
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _ready(port, health):
                assert process.returncode is None, f"{arguments[1]} ended; see above"
                await asyncio.sleep(_POLL_SECONDS)
        yield Server(process, port, health, perf_counter() - started, log)
    finally:
        await _stop(process)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _ready(port: int, health: int) -> bool:
    """Whether `/readyz` says so; of a server without it, whether it listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", health or port)
    except OSError:
        return False
    try:
        if not health:
            return True
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    finally:
        writer.close()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
