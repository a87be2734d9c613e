"""The pods that run in the cluster, listed in pages. Of them is decoded what a decision reads, and whose they are."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from webhook.errors import TidewaiterError
from webhook.kube.connection import Connection
from webhook.kube.nesting import decoded
from webhook.objects import PodObject, Struct
from webhook.pods import Pod, pod

PAGE_PODS = 200
MAX_PAGE_BYTES = 64 * 2**20
"""A pod has 1.5 MiB at most, which is what etcd takes, and 10 KiB as a rule."""

SHRINKING, GROWING = 16, 2
"""By what pages become smaller where one is too large, and larger again after it: large pods hide no others."""

MAX_PAGES = 1_000
"""The largest cluster that Kubernetes is made for has 150,000 pods."""

PAGE_SECONDS = 30.0
UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"
"""Nothing is pulled again for a pod that has ended."""

_EXPIRED = 410


class PodsUnknownError(TidewaiterError):
    """The API server did not list the pods."""


class _PageTooLargeError(PodsUnknownError):
    """A page went beyond its ceiling."""


class Owner(Struct, frozen=True, gc=False):
    """An item of `ownerReferences`. Whoever writes a pod may write of it what he likes."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class RunningPod(NamedTuple):
    """A pod and the object that controls it, None where none does. `pod` is None where it cannot be decoded."""

    namespace: str
    name: str
    uid: str
    owner: Owner | None
    pod: Pod | None


class _Metadata(Struct, frozen=True, gc=False):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    owner_references: list[Owner] | None = None


class _Item(Struct, frozen=True, gc=False):
    metadata: _Metadata = _Metadata()


class _ListMetadata(msgspec.Struct, frozen=True, gc=False, rename={"more": "continue"}):
    more: str = ""


class _Page(msgspec.Struct, frozen=True, gc=False):
    metadata: _ListMetadata = _ListMetadata()
    items: list[msgspec.Raw] | None = None


class RunningPods:
    """Fills `webhook.server.ports.RunningPods`. The connection is made when somebody lists.

    `page_bytes` is the ceiling of a page.
    """

    def __init__(self, kubeconfig: Path | None = None, *, page_bytes: int = MAX_PAGE_BYTES) -> None:
        self._connection = Connection(kubeconfig)
        self._page_bytes = page_bytes

    async def pages(self) -> AsyncIterator[list[tuple[str, Pod]]]:
        """The pods that have not ended, with their namespaces. Raises `PodsUnknownError`.

        A pod that cannot be decoded is left out: no review could judge it either.
        """
        async for page in self.listed():
            yield [(each.namespace, each.pod) for each in page if each.pod is not None]

    async def listed(self, namespace: str = "") -> AsyncIterator[list[RunningPod]]:
        """The pods that have not ended, in a namespace or in all. Raises `PodsUnknownError`.

        Where reading takes longer than the API server remembers what there was, the rest is listed as it is by then.
        An item of which not even the name can be read is left out.
        """
        more, size = "", PAGE_PODS
        for _ in range(MAX_PAGES):
            try:
                page = await self._page(namespace, more, size)
            except _PageTooLargeError:
                if size == 1:
                    raise
                size = max(1, size // SHRINKING)
                continue
            yield [each for each in map(_running, page.items or ()) if each is not None]
            more, size = page.metadata.more, min(PAGE_PODS, size * GROWING)
            if not more:
                return
        raise PodsUnknownError(f"the API server lists more than {MAX_PAGES} pages of pods")

    async def _page(self, namespace: str, more: str, size: int) -> _Page:
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                return msgspec.json.decode(await self._read(namespace, more, size), type=_Page)
        except _PageTooLargeError:
            raise
        except Exception as error:  # whatever the client raises, the pods are not known
            status = getattr(error, "status", None)
            reason = f"{type(error).__name__}{f' {status}' if status else ''}"
            raise PodsUnknownError(f"the API server did not list the pods ({reason})") from error

    async def _read(self, namespace: str, more: str, size: int) -> bytes:
        async with await self._asked(namespace, more, size) as answer:
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > self._page_bytes:
                    raise _PageTooLargeError(f"a page of pods has more than {self._page_bytes} bytes")
            if answer.status != _EXPIRED or not _goes_on(body):
                answer.raise_for_status()
        return bytes(body)

    async def _asked(self, namespace: str, more: str, size: int) -> Any:
        core = await self._connection.core()
        query = {"limit": size, "_continue": more or None, "field_selector": UNFINISHED}
        if namespace:
            listing = core.list_namespaced_pod_without_preload_content
            return await listing(namespace, _request_timeout=PAGE_SECONDS, **query)
        listing = core.list_pod_for_all_namespaces_without_preload_content
        return await listing(_request_timeout=PAGE_SECONDS, **query)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()


def _goes_on(status: bytes | bytearray) -> bool:
    """Whether a Status 410 tells how to list the rest as it is now, by a token of its own."""
    return bool(msgspec.json.decode(status, type=_Page).metadata.more)


def _running(raw: msgspec.Raw) -> RunningPod | None:
    try:
        metadata = decoded(raw, _Item).metadata
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    owner = next((each for each in metadata.owner_references or () if each.controller), None)
    return RunningPod(metadata.namespace, metadata.name, metadata.uid, owner, _pod(raw))


def _pod(raw: msgspec.Raw) -> Pod | None:
    try:
        return pod(msgspec.json.decode(raw, type=PodObject))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
