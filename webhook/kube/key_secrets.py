"""Secrets of one namespace that policies name for their keys: read one by one, by name, and kept through outages."""

import asyncio
import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from webhook.clock import Clock
from webhook.kube.connection import Connection

SECRET_SECONDS = 5.0
MAX_AT_ONCE = 16
"""Secrets that are asked for at once. The others wait, and their time does not run before they are asked for."""

MAX_SECRET_BYTES = 2 * 2**20
"""A Secret has 1 MiB at most, and base64 on top of it."""

_NOT_FOUND = 404
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


class _Secret(msgspec.Struct, frozen=True, gc=False):
    data: dict[str, str] | None = None


class KeySecrets:
    """Reads Secrets of a namespace; None: of none. What was read once counts for `max_staleness` seconds at most.

    Once a question was not answered within `seconds`, those that wait behind it are not asked in the same reading: an
    API server that says nothing holds up changes of policies once, however many Secrets they name.
    """

    def __init__(
        self,
        connection: Connection,
        namespace: str | None,
        clock: Clock,
        max_staleness: float,
        seconds: float = SECRET_SECONDS,
    ) -> None:
        self._connection = connection
        self._namespace = namespace
        self._clock = clock
        self._max_staleness = max_staleness
        self._seconds = seconds
        self._places = asyncio.Semaphore(MAX_AT_ONCE)
        self._known: dict[str, tuple[float, dict[str, str] | str]] = {}

    async def read(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes | str]:
        """What the Secrets have under the keys, by both names: the content, or why there is none. Never raises."""
        wanted = frozenset(wanted)
        names = sorted({name for name, _ in wanted})
        silent = asyncio.Event()
        found = dict(zip(names, await asyncio.gather(*(self._data(name, silent) for name in names)), strict=True))
        self._known = {name: known for name, known in self._known.items() if name in found}
        return {(name, key): _value(found[name], key) for name, key in wanted}

    async def _data(self, name: str, silent: asyncio.Event) -> dict[str, str] | str:
        """The Secret's data, or why there is none; `silent` is set once the API server did not answer."""
        if self._namespace is None:
            return "no namespace is given whose Secrets may be read"
        if not _NAME.fullmatch(name):
            return "it is no name of a Secret"
        async with self._places:
            if silent.is_set():
                return self._before(name, "the API server did not answer another question")
            return await self._read(name, self._namespace, silent)

    async def _read(self, name: str, namespace: str, silent: asyncio.Event) -> dict[str, str] | str:
        try:
            async with asyncio.timeout(self._seconds):
                found = await self._ask(name, namespace)
        except TimeoutError:
            silent.set()
            return self._before(name, "the API server did not answer in time")
        except Exception as error:  # noqa: BLE001 - whatever the client raises, the Secret is not known
            return self._before(name, f"the API server did not answer ({type(error).__name__})")
        if isinstance(found, int):
            return self._before(name, f"the API server answered with status {found}")
        self._known[name] = self._clock.monotonic(), found
        return found

    def _before(self, name: str, why: str) -> dict[str, str] | str:
        at, known = self._known.get(name, (None, why))
        return why if at is None or self._clock.monotonic() - at > self._max_staleness else known

    async def _ask(self, name: str, namespace: str) -> dict[str, str] | str | int:
        """What is known of the Secret, or the status of an answer that says nothing about it."""
        api = await self._connection.core()
        answer: Any = await api.read_namespaced_secret_without_preload_content(
            name, namespace, _request_timeout=self._seconds
        )
        async with answer:
            if answer.status == _NOT_FOUND:
                return "there is no such Secret"
            if answer.status != 200:
                return int(answer.status)
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MAX_SECRET_BYTES:
                    return f"it has more than {MAX_SECRET_BYTES} bytes"
        return msgspec.json.decode(body, type=_Secret).data or {}


def _value(data: dict[str, str] | str, key: str) -> bytes | str:
    if isinstance(data, str):
        return data
    if key not in data:
        return "the Secret has no such key"
    try:
        return base64.b64decode(data[key], validate=True)
    except (binascii.Error, ValueError):
        return "the Secret's data is not base64"
