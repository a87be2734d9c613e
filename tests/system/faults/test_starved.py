"""F-22: no file descriptors, no room in /tmp, nothing to write to, no name server, no IPv4; and F-01's slow names."""

import ctypes
import http.client
import json
import os
import shlex
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
import trustme

from tests.system import policies
from tests.system.certificates import write_certificate
from tests.system.faults.clients import client, not_admitted
from tests.system.faults.registry import TroubledRegistry, rules
from tests.system.faults.replicas import Start, trusting, until
from tests.system.processes import free_port, running
from tests.system.program import environment, here
from tests.system.reviews import HEADERS, PATH, review
from tests.system.tools import ToolMissing

pytestmark = [pytest.mark.system, pytest.mark.timeout(60, func_only=True)]

DESCRIPTORS: Final = 64
REGISTRY: Final = "[::1]:5000"
"""Where nobody listens."""

DIGEST: Final = f"sha256:{'0' * 64}"


def limited(args: Sequence[str | Path]) -> list[str | Path]:
    """The program with so few file descriptors."""
    return ["prlimit", f"--nofile={DESCRIPTORS}", "--", *here(args)]


async def test_f_22_without_file_descriptors_those_who_are_connected_are_served_and_later_all_are(
    start: Start, registry: TroubledRegistry, ca: trustme.CA
) -> None:
    server = start(registry.host, command=limited)
    known, new = registry.image("known"), registry.image("new")
    async with client(server, trusting(ca), 1) as api_server:
        assert (await api_server.ask(review(known))).allowed
        with ExitStack() as crowd:
            for _ in range(2 * DESCRIPTORS):
                crowd.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            await until(lambda: _open(server.process.pid) >= DESCRIPTORS - 1)
            answers = [await api_server.ask(review(image)) for image in (known, known, known, new)]
        assert not_admitted(answers[:3]) == []
        assert answers[3].allowed or answers[3].denied
        await until(lambda: server.metric("tidewaiter_connections") == 1)
        async with client(server, trusting(ca)) as another:
            assert not_admitted(await another.ask_all([review(known)] * 8)) == []
        await api_server.until_admitted(review(new))
    assert any(line["msg"].startswith("connections cannot be accepted: ") for line in server.lines())
    assert server.process.poll() is None


def _open(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def isolated(*preparation: str, network: bool = False) -> Callable[[Sequence[str | Path]], list[str | Path]]:
    """Makes a command line of the program in namespaces of its own, after these commands of a shell."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise ToolMissing("namespaces are made by root alone, with unshare")
    spaces = ["--mount", *(["--net"] if network else [])]

    def command(args: Sequence[str | Path]) -> list[str | Path]:
        script = "\n".join([*preparation, f"exec {shlex.join(map(str, here(args)))}"])
        return ["unshare", *spaces, "--", "sh", "-ec", script]

    return command


async def test_f_22_it_serves_where_nothing_can_be_written(
    start: Start, registry: TroubledRegistry, ca: trustme.CA, tmp_path: Path
) -> None:
    """A full TMPDIR, and a working folder that is read-only: as with `readOnlyRootFilesystem`, and worse."""
    work, temporary = tmp_path / "work", tmp_path / "temporary"
    work.mkdir()
    temporary.mkdir()
    folder, full = shlex.quote(str(tmp_path)), shlex.quote(str(temporary))
    preparation = (
        f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}",
        f"mount -t tmpfs -o size=4k tmpfs {full} && export TMPDIR={full}",
        f"(cat /dev/zero > {full}/full) 2>/dev/null || true",
        f"cd {shlex.quote(str(work))}",
        f"if touch here 2>/dev/null || (echo much > {full}/more) 2>/dev/null; then exit 9; fi",
    )
    server = start(registry.host, command=isolated(*preparation))
    async with client(server, trusting(ca)) as api_server:
        assert (await api_server.ask(review(registry.image("signed")))).allowed
        assert (await api_server.ask(review(registry.image("unsigned", signed=False)))).code == "NOT_SIGNED"
    assert server.metric("tidewaiter_log_lines_dropped_total") == 0


T = TypeVar("T")
CLONE_NEWNET: Final = 0x40000000  # linux/sched.h


def inside(pid: int, work: Callable[[], T]) -> T:
    """What `work` returns in the network namespace of a process, which a thread of its own joins."""

    def join_and_work() -> T:
        with Path(f"/proc/{pid}/ns/net").open("rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "the namespace cannot be joined")
        return work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(join_and_work).result()


@dataclass(frozen=True, slots=True)
class Recluse:
    """A replica that has the address ::1, no IPv4, and nobody to ask but what a test puts beside it."""

    pid: int
    port: int
    health_port: int
    context: ssl.SSLContext

    def beside(self, work: Callable[[], T]) -> T:
        """What `work` returns where the replica is."""
        return inside(self.pid, work)

    def ask(self, image: str) -> dict[str, Any]:
        """The response about a pod of an image, within the API server's time; the replica lives after it."""

        def work() -> dict[str, Any]:
            with closing(http.client.HTTPSConnection("::1", self.port, timeout=10, context=self.context)) as connection:
                connection.request("POST", PATH, review(image), HEADERS)
                response: dict[str, Any] = json.loads(connection.getresponse().read())["response"]
            with closing(http.client.HTTPConnection("::1", self.health_port, timeout=5)) as probe:
                probe.request("GET", "/livez")
                assert probe.getresponse().status == 200
            return response

        return self.beside(work)


@contextmanager
def alone(folder: Path, authority: trustme.CA, *preparation: str) -> Iterator[Recluse]:
    """A replica in a network of its own, after these commands of a shell."""
    certificate, key = write_certificate(authority, folder)
    policy = policies.write(folder / "policy.yaml", production={"images": rules("registry.invalid", REGISTRY)})
    port, health_port = free_port(), free_port()
    own = (f"--policy={policy}", f"--tls-cert={certificate}", f"--tls-key={key}", f"--insecure-registry={REGISTRY}")
    binds = (f"--bind=[::1]:{port}", f"--health-bind=[::1]:{health_port}", "--drain-seconds=0")
    network = ("ip link set lo up", "ip address delete 127.0.0.1/8 dev lo")
    line = isolated(*network, *preparation, network=True)(["serve", *own, *binds])
    context = trusting(authority)
    context.check_hostname = False
    log = folder / "serve.log"
    with running(
        line, log, lambda: "listening on ('::1'" in log.read_text(encoding="utf-8"), env=environment()
    ) as process:
        yield Recluse(process.pid, port, health_port, context)


def test_f_22_without_ipv4_and_without_a_name_server_it_starts_and_denies_cleanly(
    tmp_path: Path, ca: trustme.CA
) -> None:
    with alone(tmp_path, ca) as replica:
        for host in ("registry.invalid", REGISTRY):
            answer = replica.ask(f"{host}/team/app@{DIGEST}")
            assert not answer["allowed"]
            assert "web: REGISTRY_UNAVAILABLE (" in answer["status"]["message"]
        assert "REGISTRY_NOT_ALLOWED" in replica.ask(f"elsewhere.invalid/app@{DIGEST}")["status"]["message"]


def test_f_01_a_name_server_that_never_answers_costs_a_denial_in_time(tmp_path: Path, ca: trustme.CA) -> None:
    servers = tmp_path / "resolv.conf"
    servers.write_text("nameserver ::1\noptions timeout:5 attempts:1\n", encoding="ascii")
    preparation = f"mount --bind {shlex.quote(str(servers))} /etc/resolv.conf"
    with alone(tmp_path, ca, preparation) as replica, replica.beside(_silent_name_server) as name_server:
        answer = replica.ask(f"registry.invalid/team/app@{DIGEST}")
        assert not answer["allowed"]
        assert "web: REGISTRY_UNAVAILABLE (" in answer["status"]["message"]
        assert "REGISTRY_NOT_ALLOWED" in replica.ask(f"elsewhere.invalid/app@{DIGEST}")["status"]["message"]
        assert b"registry" in name_server.recv(512)


def _silent_name_server() -> socket.socket:
    name_server = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    name_server.bind(("::1", 53))
    name_server.settimeout(10)
    return name_server
