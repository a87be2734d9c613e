"""A bounded, steady load of POSTs over HTTPS, by a few clients that keep their connections as the API server does."""

import http.client
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Final, Self

_CLIENTS: Final = 8
_SECONDS: Final = 20

Body = Callable[[int], bytes]
"""The body of the request that has this number."""

Judge = Callable[[int, bytes], str]
"""What is wrong with an answer of this status and body; empty when nothing is."""


class Load:
    """Requests for the time of a `with` block. Nothing is tried again: whatever is no good answer is a failure.

    Args:
        ports: asked for each new connection, which goes to the port of 127.0.0.1 that it says.
        context: what the clients trust.
        path, headers, body: of each request.
        wrong: judges each answer.
        per_second: how many requests, by all clients together.
        per_connection: how many a client sends over one connection, as long as the server keeps it.
    """

    def __init__(
        self,
        ports: Callable[[], int],
        context: ssl.SSLContext,
        path: str,
        headers: Mapping[str, str],
        body: Body,
        wrong: Judge,
        per_second: float = 100,
        per_connection: int = 20,
    ) -> None:
        self._ports = ports
        self._context = context
        self._path = path
        self._headers = headers
        self._body = body
        self._wrong = wrong
        self._per_connection = per_connection
        self._period = _CLIENTS / per_second
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(client,)) for client in range(_CLIENTS)]
        self._lock = threading.Lock()
        self.answers: dict[int, int] = {}
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads)

    @property
    def answered(self) -> int:
        """How many good answers there were so far."""
        return sum(self.answers.values())

    def _run(self, client: int) -> None:
        """One client: a request each period, on a connection that both sides may end after any answer."""
        due = time.monotonic() + self._period * client / _CLIENTS
        number = client
        while not self._stop.is_set():
            port = self._ports()
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=_SECONDS, context=self._context)
            for _ in range(self._per_connection):
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    break
                due += self._period
                number += _CLIENTS
                if not self._ask(connection, port, number):
                    break
            connection.close()

    def _ask(self, connection: http.client.HTTPSConnection, port: int, number: int) -> bool:
        """Whether the connection may be used again."""
        try:
            connection.request("POST", self._path, self._body(number), dict(self._headers))
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._record(port, f"{type(error).__name__}: {error}")
            return False
        self._record(port, self._wrong(answer.status, body))
        return not answer.will_close

    def _record(self, port: int, failure: str) -> None:
        with self._lock:
            if failure:
                self.failures.append(failure)
            else:
                self.answers[port] = self.answers.get(port, 0) + 1
