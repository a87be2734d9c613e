"""Objects of any kind, read and written through the API server: what the controller needs of a cluster.

Objects are plain JSON values. `serve` never uses this: it writes nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from webhook.errors import ClusterError
from webhook.kube.connection import Connection
from webhook.kube.nesting import decoded

Object = dict[str, Any]

REQUEST_SECONDS = 20.0
MAX_BYTES = 64 * 2**20
PAGE_OBJECTS = 500
MAX_PAGES = 2_000
SHRINKING, GROWING = 16, 2
"""By what pages become smaller where one is too large, and larger again after it: large objects hide no others."""

_APPLY = "application/apply-patch+yaml"
_JSON = "application/json"
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_NOT_FOUND = 404


class _TooLargeError(ClusterError):
    """An answer went beyond its ceiling."""


class Kind(NamedTuple):
    """A kind of objects, by what its URLs and its documents call it. The core group has an empty name."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        """As documents write it: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Of a list, an object, or a subresource of it; without a namespace, of the cluster or of all namespaces."""
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace:
            parts += ["namespaces", namespace]
        parts += [each for each in (self.plural, name, subresource) if each]
        return "/" + "/".join(quote(part, safe="") for part in parts)


class Cluster:
    """Fills `webhook.controller.ports.Cluster`. Its connection is made when it is first used; close it at the end.

    Every method raises `ClusterError` where the API server refuses, cannot be asked, does not answer in time, or sends
    more than `max_bytes` at a time.
    """

    def __init__(self, kubeconfig: Path | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self._connection = Connection(kubeconfig)
        self._max_bytes = max_bytes

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """The object, None where there is none."""
        try:
            return await self._ask("GET", kind.path(namespace, name))
        except ClusterError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    async def pages(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        size: int = PAGE_OBJECTS,
        metadata_only: bool = False,
    ) -> AsyncIterator[list[Object]]:
        """All objects of the kind in a namespace, or in all, page by page; `labels` and `fields` are selectors.

        A kind that the API server does not serve is a `ClusterError` of status 404.
        """
        more, limit = "", size
        accept = _METADATA_ONLY if metadata_only else _JSON
        for _ in range(MAX_PAGES):
            query = {"limit": str(limit), "labelSelector": labels, "fieldSelector": fields, "continue": more}
            try:
                page = await self._ask("GET", kind.path(namespace), query, accept=accept)
            except _TooLargeError:
                if limit == 1:
                    raise
                limit = max(1, limit // SHRINKING)
                continue
            yield page.get("items") or []
            more, limit = (page.get("metadata") or {}).get("continue") or "", min(size, limit * GROWING)
            if not more:
                return
        raise ClusterError(f"more than {MAX_PAGES} pages of {kind.plural}")

    async def create(self, kind: Kind, written: Mapping[str, Any]) -> Object:
        """Make an object. Status 409 where there is one of the name already."""
        return await self._ask("POST", kind.path(_namespace(written)), body=written)

    async def replace(self, kind: Kind, written: Mapping[str, Any], *, manager: str) -> Object:
        """Write an object anew. Status 409 where it is another by now than the one whose resourceVersion it bears."""
        path = kind.path(_namespace(written), written["metadata"]["name"])
        return await self._ask("PUT", path, {"fieldManager": manager}, body=written)

    async def apply(
        self, kind: Kind, written: Mapping[str, Any], *, manager: str, subresource: str = "", force: bool = False
    ) -> Object:
        """Server-side apply. Status 409 where a field is another manager's, unless `force`."""
        path = kind.path(_namespace(written), written["metadata"]["name"], subresource)
        query = {"fieldManager": manager, "force": "true" if force else ""}
        return await self._ask("PATCH", path, query, body=written, content_type=_APPLY)

    async def delete(self, kind: Kind, name: str, namespace: str = "", *, uid: str = "") -> None:
        """Delete an object, if it is there; with `uid`, only that very one (else status 409)."""
        body = {"preconditions": {"uid": uid}} if uid else None
        try:
            await self._ask("DELETE", kind.path(namespace, name), body=body)
        except ClusterError as error:
            if error.status != _NOT_FOUND:
                raise

    async def served(self, group: str, version: str) -> frozenset[str]:
        """The plurals that the API server serves of a group's version, none where it does not serve that."""
        path = (
            f"/apis/{quote(group, safe='')}/{quote(version, safe='')}" if group else f"/api/{quote(version, safe='')}"
        )
        try:
            found = await self._ask("GET", path)
        except ClusterError as error:
            if error.status == _NOT_FOUND:
                return frozenset()
            raise
        return frozenset(each["name"] for each in found.get("resources") or ())

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> Object:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await self._answer(method, path, query or {}, body, content_type, accept)
        except ClusterError:
            raise
        except Exception as error:  # whatever the client raises, nobody knows what the API server did
            raise ClusterError(f"the API server could not be asked ({type(error).__name__})") from error

    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        content_type: str,
        accept: str,
    ) -> Object:
        client = (await self._connection.core()).api_client
        asked = await client.param_serialize(
            method=method,
            resource_path=path,
            query_params=[(key, value) for key, value in query.items() if value],
            header_params={"Accept": accept, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        answer = (await client.call_api(*asked, _request_timeout=REQUEST_SECONDS)).response
        async with answer:
            read = await _read(answer, self._max_bytes)
        if answer.status >= 400:
            raise ClusterError(f"the API server answered {answer.status}{_said(read)}", answer.status)
        try:
            return decoded(read, dict[str, Any])
        except msgspec.DecodeError as error:
            raise ClusterError("the API server sent something other than an object") from error


def _namespace(written: Mapping[str, Any]) -> str:
    return str(written["metadata"].get("namespace") or "")


async def _read(answer: Any, ceiling: int) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > ceiling:
            raise _TooLargeError(f"the API server sent more than {ceiling} bytes")
    return bytes(body)


def _said(read: bytes) -> str:
    """The message of a Status, which may quote what somebody wrote: callers print it by `report.plain`."""
    try:
        message = json.loads(read).get("message", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return f": {message[:300]}" if isinstance(message, str) and message else ""
