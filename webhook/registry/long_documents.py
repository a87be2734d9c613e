"""Room and threads for the few descriptions of images that are long.

Whoever writes pods chooses images, and whoever builds an image may describe it at such length that reading it takes 30
MiB of memory and a third of a second. So a document is asked for as if it were short, as real ones are. What turns out
to be long is asked for again, a few at a time over all registries and fewer of one of them, and read beside the event
loop by threads that nothing else waits for.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from webhook.fairness import Bulkhead

AT_ONCE = 4
AT_ONCE_OF_ONE = 2
"""Of one registry; a repository has half of that. Each has up to 4 MiB of bytes, and seven times that while it is read,
by as many threads as there are cores in a small node."""

THREADS = 2

T = TypeVar("T")


class LongDocuments:
    """For all images that are looked into by one client."""

    def __init__(self) -> None:
        self._rooms = Bulkhead(AT_ONCE, AT_ONCE_OF_ONE)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="documents")

    @asynccontextmanager
    async def place(self, registry: str, repository: str) -> AsyncIterator[None]:
        """Room for one document, from before it is asked for until it was read. Raises `TooManyVerificationsError`."""
        async with self._rooms.place(registry, repository, object()):
            yield

    async def read(self, reading: Callable[[], T]) -> T:
        """What comes of reading it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, reading)

    def close(self) -> None:
        """Read nothing more; nobody waits for what is being read."""
        self._pool.shutdown(wait=False, cancel_futures=True)
