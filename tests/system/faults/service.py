"""What a Service is to the API server: one port, behind which replicas come and go."""

import asyncio
import contextlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.system.polling import eventually
from tests.system.processes import free_port
from tests.system.program import Server

_PROBE_SECONDS: Final = 0.5
_LAG_SECONDS: Final = 0.5


class Service:
    """Leads each new connection to one of the replicas that are ready, as kube-proxy does: blindly, and a little late.

    A replica that becomes ready, or stops being so, is noticed by a probe and takes part, or does not, a moment later.
    Connections that are open stay where they are.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._replicas: list[Server] = []
        self._endpoints: list[int] = []
        self._loop = asyncio.new_event_loop()
        self._random = random.Random(7)  # noqa: S311 - nothing is kept secret by it

    def add(self, replica: Server) -> None:
        """A replica that takes part once it is ready, and is waited for."""
        self._replicas.append(replica)
        eventually(lambda: replica.port in self._endpoints)

    def lost(self, replica: Server) -> bool:
        """Whether a replica takes no part any more."""
        return replica.port not in self._endpoints

    def run(self) -> None:
        """Serve until `stop`."""
        asyncio.set_event_loop(self._loop)
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serve())
        self._loop.close()

    def stop(self) -> None:
        """End it, with all its connections."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._connect, "127.0.0.1", self.port):
            while True:
                ready = [each.port for each in list(self._replicas) if await self._ready(each)]
                await asyncio.sleep(_LAG_SECONDS)
                self._endpoints = ready
                await asyncio.sleep(_PROBE_SECONDS)

    async def _ready(self, replica: Server) -> bool:
        return (await asyncio.to_thread(replica.get, "/readyz"))[0] == 200

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._endpoints:
                port = self._random.choice(self._endpoints)
                further_reader, further_writer = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(_copy(reader, further_writer), _copy(further_reader, writer))
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, until its end, which the other side is told as it was."""
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.close()
    except OSError:
        writer.transport.abort()


@contextmanager
def service() -> Iterator[Service]:
    """A Service for the time of a `with` block."""
    running = Service()
    thread = threading.Thread(target=running.run)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join(20)
        assert not thread.is_alive()
