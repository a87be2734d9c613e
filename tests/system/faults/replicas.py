"""Replicas of the real program, each a process of its own, and what the system tells about them."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import trustme
import yaml

from tests.system import policies
from tests.system.certificates import write_certificate
from tests.system.faults.registry import rules
from tests.system.program import Server, serving

Start = Callable[..., Server]

_VALUES: Final = Path(__file__).parents[3] / "charts" / "tidewaiter" / "values.yaml"


@contextmanager
def replicas(folder: Path, authority: trustme.CA) -> Iterator[Start]:
    """What starts replicas that end with the block."""
    certificate, key = write_certificate(authority, folder)

    def start(*hosts: str, images: dict[str, Any] | None = None, flags: tuple[str, ...] = (), **further: Any) -> Server:
        """A replica that wants images of these registries signed; `images` are other rules about them."""
        written = policies.write(folder / "policy.yaml", production={"images": images or rules(*hosts)})
        insecure = (f"--insecure-registry={host}" for host in hosts)
        own = (f"--policy={written}", f"--tls-cert={certificate}", f"--tls-key={key}", "--drain-seconds=0")
        return running.enter_context(serving(folder, [*own, *insecure, *flags], **further))

    with ExitStack() as running:
        yield start


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """What clients trust."""
    return ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())


async def until(probe: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for what another process, or the registry in this one, does.

    Raises `TimeoutError` where it did not.
    """
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(probe):  # noqa: ASYNC110 - what is seen from outside has no event
            await asyncio.sleep(0.02)


def most_memory(server: Server) -> int:
    """The most memory that a replica ever held, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii").splitlines()
    (line,) = (each for each in status if each.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def memory_limit() -> int:
    """What the chart lets a replica have, in bytes."""
    limit: str = yaml.safe_load(_VALUES.read_text(encoding="utf-8"))["resources"]["limits"]["memory"]
    return int(limit.removesuffix("Mi")) * 2**20
