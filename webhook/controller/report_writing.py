"""Reports of one release in a cluster: which are there, and how they become those of a scan.

What is there is listed by the release's labels, and only that is replaced or deleted, and only as it was listed: what
changed meanwhile is a conflict, and its turn comes after the next scan.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from webhook.audit.reports import APIS, CONTENT, Api, Release
from webhook.controller.ports import Cluster
from webhook.controller.turns import Dropped, Turns
from webhook.kube.cluster import Kind, Object

MANAGER: Final = "tidewaiter-controller"


class Place(NamedTuple):
    """Where a report lies."""

    kind: Kind
    namespace: str
    name: str


class Stored(NamedTuple):
    """A report that is there, as it was listed. `content` is the hash of what it says."""

    uid: str
    version: str
    content: str


async def served_kinds(cluster: Cluster, api: Api) -> dict[str, Kind]:
    """The kinds of an API that the cluster serves, by the names that documents give them. Raises `ClusterError`."""
    plurals = await cluster.served(api.group, api.version)
    both = ((api.kind, api.plural), (api.cluster_kind, api.cluster_plural))
    return {kind: Kind(api.group, api.version, kind, plural) for kind, plural in both if plural in plurals}


async def served_apis(cluster: Cluster) -> dict[Api, dict[str, Kind]]:
    """The APIs of reports that the cluster serves now, the better one first. Raises `ClusterError`."""
    return {api: kinds for api in APIS if (kinds := await served_kinds(cluster, api))}


async def stored_reports(cluster: Cluster, kinds: Iterable[Kind], release: Release) -> dict[Place, Stored]:
    """Every report of the release. Raises `ClusterError` where they cannot be listed."""
    found: dict[Place, Stored] = {}
    for kind in kinds:
        async for page in cluster.pages(kind, labels=release.selector, metadata_only=True):
            found |= {_place(kind, each): _stored(each) for each in page}
    return found


def _place(kind: Kind, report: Mapping[str, Any]) -> Place:
    metadata = report["metadata"]
    return Place(kind, metadata.get("namespace") or "", metadata["name"])


def _stored(report: Object) -> Stored:
    metadata = report["metadata"]
    content = (metadata.get("annotations") or {}).get(CONTENT, "")
    return Stored(metadata["uid"], metadata["resourceVersion"], content)


class Writing:
    """Makes the reports that are there those of a scan, each in its turn; counts what it did."""

    def __init__(self, cluster: Cluster, stored: Mapping[Place, Stored], turns: Turns) -> None:
        self._cluster = cluster
        self._stored = stored
        self._turns = turns
        self._wanted: set[Place] = set()
        self.written = 0
        self.dropped: Counter[Dropped] = Counter()

    async def write(self, reports: Iterable[Object], kinds: Mapping[str, Kind]) -> None:
        """Write those that are new or say something else than what is there."""
        for report in reports:
            await asyncio.sleep(0)  # making all of a large cluster takes seconds, and most are not written
            if kind := kinds.get(report["kind"]):
                await self._write(_place(kind, report), report)

    async def delete_others(self) -> None:
        """Delete those that nobody wanted to be written."""
        for place in sorted(self._stored.keys() - self._wanted):
            uid = self._stored[place].uid
            self._count(await self._turns.take(partial(self._cluster.delete, *place_of(place), uid=uid)))

    async def _write(self, place: Place, report: Object) -> None:
        self._wanted.add(place)
        there = self._stored.get(place)
        if there is None:
            dropped = await self._turns.take(partial(self._cluster.create, place.kind, report))
        elif there.content == report["metadata"]["annotations"][CONTENT]:
            return
        else:
            report["metadata"]["resourceVersion"] = there.version
            replace = partial(self._cluster.replace, place.kind, report, manager=MANAGER)
            dropped = await self._turns.take(replace)
        self.written += dropped is None
        self._count(dropped)

    def _count(self, dropped: Dropped | None) -> None:
        if dropped is not None:
            self.dropped[dropped] += 1


def place_of(place: Place) -> tuple[Kind, str, str]:
    """A place as the arguments that name an object."""
    return place.kind, place.name, place.namespace
