"""What the controller needs of a cluster."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from webhook.kube.cluster import Kind, Object


class Cluster(Protocol):
    """Objects of a cluster. Every method raises `ClusterError`; see `webhook.kube.cluster.Cluster`, which fills it."""

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        """The object, None where there is none."""
        ...

    def pages(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        size: int = 500,
        metadata_only: bool = False,
    ) -> AsyncIterator[list[Object]]:
        """All objects of the kind in a namespace, or in all, page by page."""
        ...

    async def create(self, kind: Kind, written: Mapping[str, Any]) -> Object:
        """Make an object. Status 409 where there is one of the name already."""
        ...

    async def replace(self, kind: Kind, written: Mapping[str, Any], *, manager: str) -> Object:
        """Write an object anew. Status 409 where it is another by now than the one whose resourceVersion it bears."""
        ...

    async def apply(
        self, kind: Kind, written: Mapping[str, Any], *, manager: str, subresource: str = "", force: bool = False
    ) -> Object:
        """Server-side apply. Status 409 where a field is another manager's, unless `force`."""
        ...

    async def delete(self, kind: Kind, name: str, namespace: str = "", *, uid: str = "") -> None:
        """Delete an object, if it is there; with `uid`, only that very one (else status 409)."""
        ...

    async def served(self, group: str, version: str) -> frozenset[str]:
        """The plurals that the API server serves of a group's version, none where it does not serve that."""
        ...
