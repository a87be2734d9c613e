"""One run of a program: bytes in, bytes out, and nothing of what it writes to its error output.

The program has its own process group, which is killed as a whole when it takes too long or says too much. What it
writes to its error output is thrown away: it may show credentials, and there is nobody who could tell.
"""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

MAX_OUTPUT_BYTES = 256 * 1024
"""Of one answer: room for a hundred of the 2 KiB that tokens of cloud providers have."""

_BURIAL_SECONDS = 1.0


class ExecutionError(Exception):
    """The program did not end well. The message is the predicate of a sentence about it, in words of our own."""


class _Conversation(asyncio.SubprocessProtocol):
    """Keeps what the program writes. `settled`: it has ended and its output too, or it wrote too much."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.output = bytearray()
        self.settled: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()

    @property
    def too_long(self) -> bool:
        return len(self.output) > MAX_OUTPUT_BYTES

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - there is one output
        self.output += data[: MAX_OUTPUT_BYTES + 1 - len(self.output)]
        if self.too_long:
            self._settle()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - none is told of processes
        self._settle()
        self.lost.set_result(None)

    def _settle(self) -> None:
        if not self.settled.done():
            self.settled.set_result(None)


async def run(program: Path, arguments: Sequence[str], environment: Mapping[str, str], request: bytes) -> bytes:
    """What the program answers to the request. It has `environment` beside our own; when cancelled, it is killed.

    Raises `ExecutionError`.
    """
    starting = asyncio.ensure_future(
        asyncio.get_running_loop().subprocess_exec(
            _Conversation,
            str(program),
            *arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    )
    try:
        await asyncio.wait({starting})  # what is cancelled in the middle of its start would leave pipes behind
        transport, conversation = starting.result()
        _write(transport, request)
        await asyncio.shield(conversation.settled)
        if conversation.too_long:
            raise ExecutionError(f"answered with more than {MAX_OUTPUT_BYTES} bytes")
    except OSError as error:
        raise ExecutionError(f"cannot be started: {error.strerror}") from None
    finally:
        await _bury(starting)
    status = transport.get_returncode() or 0
    if status:
        raise ExecutionError(f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}")
    return bytes(conversation.output)


def _write(transport: asyncio.SubprocessTransport, request: bytes) -> None:
    """One that reads nothing and ends is no fault: its answer decides."""
    pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))  # uvloop's is one without saying so
    pipe.write(request)
    pipe.close()


async def _bury(starting: "asyncio.Future[tuple[asyncio.SubprocessTransport, _Conversation]]") -> None:
    """Leave nothing behind: neither processes of its group, nor pipes, nor a zombie."""
    await asyncio.wait({starting})
    if starting.cancelled() or starting.exception() is not None:
        return
    transport, conversation = starting.result()
    if not conversation.lost.done():
        with suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
    transport.close()
    await asyncio.wait({conversation.lost}, timeout=_BURIAL_SECONDS)
