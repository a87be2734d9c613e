"""The pods that run in the cluster, listed in pages. Only what a decision reads of them is decoded."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from webhook.errors import TidewaiterError
from webhook.kube.connection import Connection
from webhook.objects import PodObject, Struct
from webhook.pods import Pod, pod

PAGE_PODS = 200
MAX_PAGE_BYTES = 64 * 2**20
"""A pod has 1.5 MiB at most, which is what etcd takes, and 10 KiB as a rule."""

MAX_PAGES = 1_000
"""The largest cluster that Kubernetes is made for has 150,000 pods."""

PAGE_SECONDS = 30.0
UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed"
"""Nothing is pulled again for a pod that has ended."""


class PodsUnknownError(TidewaiterError):
    """The API server did not list the pods."""


class _Metadata(Struct, frozen=True, gc=False):
    namespace: str = ""


class _Item(Struct, frozen=True, gc=False):
    metadata: _Metadata = _Metadata()


class _ListMetadata(msgspec.Struct, frozen=True, gc=False, rename={"more": "continue"}):
    more: str = ""


class _Page(msgspec.Struct, frozen=True, gc=False):
    metadata: _ListMetadata = _ListMetadata()
    items: list[msgspec.Raw] | None = None


class RunningPods:
    """Fills `webhook.server.ports.RunningPods`. The connection is made when somebody lists."""

    def __init__(self, kubeconfig: Path | None = None) -> None:
        self._connection = Connection(kubeconfig)

    async def pages(self) -> AsyncIterator[list[tuple[str, Pod]]]:
        """The pods that have not ended, with their namespaces. Raises `PodsUnknownError`.

        A pod that cannot be decoded is left out: no review could judge it either.
        """
        more = ""
        for _ in range(MAX_PAGES):
            page = await self._page(more)
            yield [each for each in map(_decoded, page.items or ()) if each is not None]
            more = page.metadata.more
            if not more:
                return
        raise PodsUnknownError(f"the API server lists more than {MAX_PAGES} pages of pods")

    async def _page(self, more: str) -> _Page:
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                return msgspec.json.decode(await self._read(more), type=_Page)
        except Exception as error:  # whatever the client raises, the pods are not known
            status = getattr(error, "status", None)
            reason = f"{type(error).__name__}{f' {status}' if status else ''}"
            raise PodsUnknownError(f"the API server did not list the pods ({reason})") from error

    async def _read(self, more: str) -> bytes:
        core = await self._connection.core()
        answer: Any = await core.list_pod_for_all_namespaces_without_preload_content(
            limit=PAGE_PODS, _continue=more or None, field_selector=UNFINISHED, _request_timeout=PAGE_SECONDS
        )
        async with answer:
            answer.raise_for_status()
            body = bytearray()
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > MAX_PAGE_BYTES:
                    raise PodsUnknownError(f"a page has more than {MAX_PAGE_BYTES} bytes")
        return bytes(body)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()


def _decoded(raw: msgspec.Raw) -> tuple[str, Pod] | None:
    try:
        namespace = msgspec.json.decode(raw, type=_Item).metadata.namespace
        return namespace, pod(msgspec.json.decode(raw, type=PodObject))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
