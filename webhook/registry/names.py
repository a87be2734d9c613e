"""Names of hosts into addresses, by threads that nothing else waits for.

The system's resolver has no timeout of its own and cannot be cancelled: a name server that is dead, or that a hostile
registry chose by a redirect, holds a thread for as long as it likes. In asyncio's own pool that would hold up whatever
else runs there; here it holds up other names at most, and a question gives up after `RESOLVE_SECONDS`.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

RESOLVE_SECONDS = 3.0
THREADS = 32
"""Each takes about 100 KiB while it waits."""

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


Lookup = Callable[..., Sequence[tuple[int, int, int, str, Any]]]
"""`socket.getaddrinfo`."""


class Names(AbstractResolver):
    """The system's resolver; `lookup` takes its place in tests."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo, seconds: float = RESOLVE_SECONDS) -> None:
        self._lookup = lookup
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises `OSError`, also where they are not known in time."""
        look_up = partial(self._lookup, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        looking = asyncio.get_running_loop().run_in_executor(self._pool, look_up)
        try:
            async with asyncio.timeout(self._seconds):
                found = await looking
        except TimeoutError:
            raise OSError("the name was not resolved in time") from None
        return [
            ResolveResult(hostname=host, host=address[0], port=address[1], family=kind, proto=protocol, flags=_NUMERIC)
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Take no more names; nobody waits for those that are being looked up."""
        self._pool.shutdown(wait=False, cancel_futures=True)
