"""The custom resources of one kind, as the API server has them: listed once, then watched.

What is known stays known while the API server cannot be asked. The client's own `Watch` is not used: it cannot read a
line of more than 64 KiB, which a resource of 1.5 MiB is, and it hides whether anything was heard at all.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import uniform
from typing import Any, NamedTuple

import msgspec

from webhook.clock import Clock
from webhook.errors import TidewaiterError
from webhook.kube.connection import Connection
from webhook.kube.nesting import decoded

GROUP, VERSION = "tidewaiter.dev", "v1alpha1"

MAX_OBJECTS = 10_000
MAX_LIST_BYTES = 64 * 2**20
MAX_EVENT_BYTES = 4 * 2**20
"""An object has 1.5 MiB at most, which is what etcd takes; as JSON with escapes somewhat more."""

LIST_SECONDS = 30.0
WATCH_SECONDS = 30, 60
"""A watch ends after so long, and the next one begins where it ended: a connection that died unseen costs no more."""

LATE_SECONDS = 5.0
RETRY_SECONDS = 0.2, 5.0
"""Between tries: the first, and the longest after doubling; each is shortened by chance to half of it at most."""

NEVER = float("-inf")
"""When an API server was heard that has not answered."""

GONE = 410
"""The API server has forgotten what was before; a new list is needed."""

_WRITTEN = frozenset({"ADDED", "MODIFIED"})

Tries = Callable[[int], float]
"""The seconds to wait after so many failures in a row."""

_log = logging.getLogger(__name__)


class UnreadError(TidewaiterError):
    """The API server's answer cannot be used; `status` is what it says, 0 where it says nothing."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _Metadata(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    name: str = ""
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Object(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata


class _List(msgspec.Struct, frozen=True, gc=False):
    metadata: _Metadata
    items: list[msgspec.Raw]


class _Status(msgspec.Struct, frozen=True, gc=False):
    code: int = 0


class _Event(msgspec.Struct, frozen=True, gc=False):
    type: str
    object: msgspec.Raw


class _Told(NamedTuple):
    """What an event says; the object itself only where it is written."""

    type: str
    name: str
    version: str
    object: dict[str, Any]


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row, by chance, so that replicas do not ask all at once."""
    first, longest = RETRY_SECONDS
    return uniform(0.5, 1.0) * min(longest, first * 2.0 ** min(failures, 10))  # noqa: S311 - no secret


class Watched:
    """The resources of one kind by name in `objects`; `heard` is the (monotonic) time of the last answer, or `NEVER`.

    An object that changes is another one. `changed` is called at each change.
    """

    def __init__(
        self, connection: Connection, plural: str, clock: Clock, changed: Callable[[], None], tries: Tries = backoff
    ) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.heard = NEVER
        self.fault = "the API server has not answered"
        self._connection = connection
        self._plural = plural
        self._clock = clock
        self._changed = changed
        self._tries = tries
        self._version: str | None = None

    async def follow(self) -> None:
        """Keep up to date, for ever."""
        failures = 0
        while True:
            began, version = self._clock.monotonic(), self._version
            try:
                await (self._list() if version is None else self._watch(version))
            except Exception as error:  # noqa: BLE001 - whatever the client raises, it is tried again
                failures += 1
                self._failed(error, failures)
            else:
                at_once = version is not None and self._clock.monotonic() - began < RETRY_SECONDS[0]
                failures = failures + 1 if at_once else 0
            if failures:
                await asyncio.sleep(self._tries(failures))

    def _failed(self, error: Exception, failures: int) -> None:
        status = getattr(error, "status", 0)
        if not isinstance(error, OSError | TimeoutError) and status not in {429, 500, 502, 503, 504}:
            self._version = None
        reason = str(error) if isinstance(error, UnreadError) else type(error).__name__
        self.fault = f"{reason}{f' {status}' if status else ''}"
        if failures == 1 and status != GONE:
            _log.warning("%s are not known, what was known stays: %s", self._plural, self.fault)

    async def _list(self) -> None:
        body = bytearray()
        async with asyncio.timeout(LIST_SECONDS), self._asked(LIST_SECONDS) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > MAX_LIST_BYTES:
                    raise UnreadError(f"the list has more than {MAX_LIST_BYTES} bytes")
        self.objects, self._version = await asyncio.to_thread(_listed, bytes(body))
        self._hear()
        self._changed()

    async def _watch(self, version: str) -> None:
        seconds = int(uniform(*WATCH_SECONDS))  # noqa: S311 - no secret
        limit = seconds + LATE_SECONDS
        watching = {"watch": True, "allow_watch_bookmarks": True, "timeout_seconds": seconds}
        async with asyncio.timeout(limit), self._asked(limit, resource_version=version, **watching) as chunks:
            self._hear()
            async for line in lines(chunks):
                self._take(await asyncio.to_thread(_told, line))
                self._hear()

    def _take(self, told: _Told) -> None:
        if told.type in _WRITTEN:
            if len(self.objects) >= MAX_OBJECTS and told.name not in self.objects:
                raise UnreadError(f"there are more than {MAX_OBJECTS}")
            self.objects[told.name] = told.object
            self._changed()
        elif told.type == "DELETED":
            self.objects.pop(told.name, None)
            self._changed()
        elif told.type != "BOOKMARK":
            raise UnreadError("the API server sent an event of a kind that it does not have")
        self._version = told.version

    def _hear(self) -> None:
        self.heard = self._clock.monotonic()

    @asynccontextmanager
    async def _asked(self, seconds: float, **query: Any) -> AsyncIterator[AsyncIterator[bytes]]:
        api = await self._connection.custom_objects()
        answer: Any = await api.list_cluster_custom_object_without_preload_content(
            GROUP, VERSION, self._plural, _request_timeout=seconds, **query
        )
        async with answer:
            if answer.status != 200:
                raise UnreadError("the API server refuses", answer.status)
            yield answer.content.iter_any()


def _listed(body: bytes) -> tuple[dict[str, dict[str, Any]], str]:
    """The objects of a list by name, and its version."""
    found = decoded(body, _List)
    if found.metadata.continue_:
        raise UnreadError("the API server sent a part of a list")
    if len(found.items) > MAX_OBJECTS:
        raise UnreadError(f"there are more than {MAX_OBJECTS}")
    objects = {name: _object(name, each) for each in found.items for name in (decoded(each, _Object).metadata.name,)}
    if not found.metadata.resource_version or "" in objects:
        raise UnreadError("the API server sent a list without version, or an object without name")
    return objects, found.metadata.resource_version


def _told(line: bytes) -> _Told:
    event = decoded(line, _Event)
    if event.type == "ERROR":
        raise UnreadError("the API server ended the watch", decoded(event.object, _Status).code)
    known = decoded(event.object, _Object).metadata
    if not known.resource_version or (not known.name and event.type != "BOOKMARK"):
        raise UnreadError("the API server sent an object without name or version")
    written = _object(known.name, event.object) if event.type in _WRITTEN else {}
    return _Told(event.type, known.name, known.resource_version, written)


def _object(name: str, written: msgspec.Raw) -> dict[str, Any]:
    """The object; one without anything that could be used where only its name can be read, never one left out."""
    try:
        return decoded(written, dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {"metadata": {"name": name}, "spec": None}


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines that are not blank; one that the connection breaks off is none.

    Raises `UnreadError` where one has more than `MAX_EVENT_BYTES`.
    """
    rest = bytearray()
    async for chunk in chunks:
        begin, seen = 0, len(rest)
        rest += chunk
        while (end := rest.find(b"\n", max(begin, seen))) >= 0:
            line, begin = bytes(rest[begin:end]), end + 1
            if line.strip():
                yield line
        del rest[:begin]
        if len(rest) > MAX_EVENT_BYTES:
            raise UnreadError(f"an event has more than {MAX_EVENT_BYTES} bytes")
