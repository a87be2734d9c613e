"""Who asks for admission, as kube-apiserver does, and counts what it gets; and who does anything but ask."""

import asyncio
import io
import json
import re
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp.connector import NEEDS_CLEANUP_CLOSED

from tests.system.program import Server
from tests.system.reviews import HEADERS

API_SERVER_SECONDS = 30
"""The longest timeout that a webhook configuration may give (`timeoutSeconds`): machines that run tests may be busy."""

RECOVERY_SECONDS = 30
"""A registry that is back is used again within them."""

_LARGE = 2**20
_TURNS = 4
"""Of the event loop, in which connections that were aborted close their sockets."""

_CODE = re.compile(r": ([A-Z]+(?:_[A-Z]+)+) \(")


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is 0 where there was none in time. `text` is the message of a decision, or the whole other answer."""

    status: int
    allowed: bool = False
    text: str = ""
    retry_after: str | None = None

    @property
    def denied(self) -> bool:
        """A clean no: a decision with its reason, and in time."""
        return self.status == 200 and not self.allowed

    @property
    def code(self) -> str:
        """The code of the first finding of a denial, as its message shows it; empty where there is none."""
        found = _CODE.search(self.text) if self.denied else None
        return found[1] if found else ""


class Client:
    """Sends reviews over so many connections, which it keeps. Nothing is tried again."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self._session = session
        self._port = port

    async def ask(self, body: bytes, seconds: int = API_SERVER_SECONDS) -> Answer:
        """The answer to one review that the API server waits for so long."""
        url = f"https://127.0.0.1:{self._port}/validate?timeout={seconds}s"
        data = body if len(body) < _LARGE else io.BytesIO(body)  # which aiohttp sends in pieces
        try:
            async with asyncio.timeout(seconds), self._session.post(url, data=data, headers=HEADERS) as answer:
                text = await answer.text()
                if answer.status != 200:
                    return Answer(answer.status, text=text, retry_after=answer.headers.get("Retry-After"))
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            return Answer(0, text=f"{type(error).__name__}: {error}")
        response = json.loads(text)["response"]
        return Answer(200, response["allowed"], response.get("status", {}).get("message", ""))

    async def ask_all(self, bodies: Iterable[bytes], seconds: int = API_SERVER_SECONDS) -> list[Answer]:
        """The answers to as many reviews at once as there are connections."""
        return await asyncio.gather(*(self.ask(body, seconds) for body in bodies))

    async def until_admitted(self, body: bytes) -> None:
        """Ask as a controller does, again and again. Raises `TimeoutError` where a recovery must be over."""
        async with asyncio.timeout(RECOVERY_SECONDS):
            while not (await self.ask(body)).allowed:  # noqa: ASYNC110 - what another process does has no event
                await asyncio.sleep(0.1)


@asynccontextmanager
async def client(
    server: Server, context: ssl.SSLContext, connections: int = 8, address: str = "127.0.0.1"
) -> AsyncIterator[Client]:
    """A client of a replica, from an address of loopback."""
    connector = aiohttp.TCPConnector(
        limit=connections, ssl=context, local_addr=(address, 0), enable_cleanup_closed=NEEDS_CLEANUP_CLOSED
    )
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield Client(session, server.port)
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def not_admitted(answers: Iterable[Answer]) -> list[Answer]:
    """The failed admissions among them."""
    return [each for each in answers if not each.allowed]
