"""Clients that ask: TLS connections that are kept, each with one review under way, in a process of their own.

Run as `python -m benchmarks.load`, with a `Job` as JSON on standard input; it prints a `Tally` as JSON. All requests
are made before the first is sent, and answers are only searched for their length and their verdict.
"""

import asyncio
import itertools
import ssl
import sys
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter
from typing import cast

import msgspec
import uvloop

from benchmarks.reviews import http_request

_LENGTH = b"Content-Length: "
_END = b"\r\n\r\n"
_OK = b"HTTP/1.1 200 "
_ALLOWED = (b'"allowed":true', b'"allowed": true')


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask of whom. `bodies` is a file of reviews, one a line, asked in turn.

    It ends after `count` reviews, or `seconds`, whichever comes first. `at_once`: all of the reviews are there from the
    beginning, so their times count from then, and not from when a connection was free for them. `interval` is the least
    time between two reviews of one client, as if it were a controller that tries again.
    """

    port: int
    bodies: str
    clients: int
    seconds: float = 30.0
    count: int | None = None
    at_once: bool = False
    interval: float = 0.0


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. Times are in seconds; `allowed` are answers with status 200 that let the pod pass.

    `first` is the shortest time, which with `at_once` is when the first answer came; 0 where nobody looked.
    """

    answers: int
    allowed: int
    seconds: float
    first: float = 0.0
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class Load:
    """The state that all clients share."""

    def __init__(self, requests: Iterator[bytes], job: Job) -> None:
        self.requests = requests
        self.times = array("d")
        self.allowed = 0
        self.begun = 0.0
        self.interval = job.interval
        self.finished = asyncio.Event()
        self._at_once = job.at_once
        self._clients = job.clients

    def answered(self, sent: float, answer: bytes) -> None:
        """Count an answer."""
        self.times.append(perf_counter() - (self.begun if self._at_once else sent))
        if answer.startswith(_OK) and any(allowed in answer for allowed in _ALLOWED):
            self.allowed += 1

    def leave(self) -> None:
        """One client less."""
        self._clients -= 1
        if not self._clients:
            self.finished.set()


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait until all are there."""
        self._transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        """Send the next request; hang up where there is none left."""
        assert self._transport is not None
        request = next(self._load.requests, None)
        if request is None:
            self._transport.close()
        else:
            self._sent = perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take an answer, and ask again."""
        if self._received:
            data = self._received + data
        if len(data) < _size(data):
            self._received = data
            return
        self._received = b""
        self._load.answered(self._sent, data)
        if self._load.interval:
            rest = self._load.interval - (perf_counter() - self._sent)
            asyncio.get_running_loop().call_later(max(0.0, rest), self.ask)
        else:
            self.ask()

    def connection_lost(self, _error: Exception | None) -> None:
        """Leave; a connection that the server ended asks no more."""
        self._load.leave()


def _size(data: bytes) -> int:
    """The size of the whole answer that begins like this; more than there is, where its head is not complete."""
    head = data.find(_END)
    if head < 0:
        return len(data) + 1
    length = data.index(_LENGTH) + len(_LENGTH)
    return head + len(_END) + int(data[length : data.index(b"\r", length)])


async def ask(job: Job, bodies: list[bytes]) -> Tally:
    requests = [http_request(body, f"127.0.0.1:{job.port}") for body in bodies]
    endless = itertools.cycle(requests)
    load = Load(_until(endless, job), job)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(load), "127.0.0.1", job.port, ssl=context))[1]
        for _ in range(job.clients)
    ]
    load.begun = perf_counter()
    for client in clients:
        client.ask()
    await load.finished.wait()
    return _tally(load)


def _until(requests: Iterable[bytes], job: Job) -> Iterator[bytes]:
    """The requests, as long as the job allows."""
    end = perf_counter() + job.seconds
    for request in itertools.islice(requests, job.count):
        if perf_counter() > end:
            return
        yield request


def _tally(load: Load) -> Tally:
    times = sorted(load.times)
    return Tally(
        answers=len(times),
        allowed=load.allowed,
        seconds=perf_counter() - load.begun,
        first=quantile(times, 0.0),
        p50=quantile(times, 0.5),
        p99=quantile(times, 0.99),
    )


def quantile(ordered: list[float], part: float) -> float:
    """The value below which this part of the values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    tally = uvloop.run(ask(asked, Path(asked.bodies).read_bytes().splitlines()))
    sys.stdout.buffer.write(msgspec.json.encode(tally))
