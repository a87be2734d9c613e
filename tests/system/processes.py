"""Servers under test: started in the foreground of a `with` block, awaited by polling, stopped by their handle."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_POLL_SECONDS: Final = 0.05
_STOP_SECONDS: Final = 20
_TAIL_BYTES: Final = 4096
# Below the ports that the kernel hands out for outgoing connections (from 32768), so that nothing takes one of these
# between the moment it was found free and the moment its server binds it.
_PORTS: Final = range(20000, 32000)


class NotReadyError(Exception):
    """A server ended or stayed silent until the deadline; the message holds the end of its log."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    while True:
        port = random.choice(_PORTS)  # noqa: S311  nothing is kept secret by it
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def accepts(port: int) -> bool:
    """Whether somebody listens on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    ready: Callable[[], bool],
    *,
    env: Mapping[str, str] | None = None,
    seconds: float = 60,
    patience: float = _STOP_SECONDS,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` with its output in `log`; enter the block once `ready` says so, end the process on leaving it.

    It is asked to end, and killed where it has not after `patience` seconds.

    Raises:
        NotReadyError: the process ended, or `ready` stayed false for `seconds`.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env)
    try:
        _await_ready(process, log, ready, time.monotonic() + seconds)
        yield process
    finally:
        _stop(process, patience)


def _await_ready(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool], deadline: float) -> None:
    """Poll `ready`; a port that answers counts only while our own process lives."""
    while not (ready() and process.poll() is None):
        if process.poll() is not None:
            raise NotReadyError(f"ended with exit code {process.returncode} before it was ready:\n{_tail(log)}")
        if time.monotonic() > deadline:
            raise NotReadyError(f"not ready in time:\n{_tail(log)}")
        time.sleep(_POLL_SECONDS)


def _tail(log: Path) -> str:
    return f"{log}\n{log.read_bytes()[-_TAIL_BYTES:].decode(errors='replace')}"


def _stop(process: subprocess.Popen[bytes], patience: float) -> None:
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
