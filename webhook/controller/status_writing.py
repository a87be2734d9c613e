"""Statuses on their way to the API server: those first that somebody waits for, and not against a wall."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Final, NamedTuple, Protocol

from webhook.admission.report import plain
from webhook.clock import Clock
from webhook.controller.ports import Cluster
from webhook.controller.status import Status, written
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind, Object

MANAGER: Final = "tidewaiter-controller"

PASS_SECONDS: Final = 30.0
"""Of writing, before what there is to write is looked at afresh: the counts of thousands of policies take longer."""

FAILURES: Final = 5
"""In a row, after which nothing more is tried for now."""

_NOT_FOUND, _CONFLICT = 404, 409

_log = logging.getLogger(__name__)


class Observer(Protocol):
    """Is told what becomes of statuses, for metrics."""

    def status_written(self, result: str) -> None:
        """A status was written: "success", or "failure"."""
        ...


class Due(NamedTuple):
    """A resource as it was listed, and what its status should be."""

    kind: Kind
    resource: Object
    status: Status

    @property
    def name(self) -> tuple[str, str]:
        """The resource's, with its kind."""
        return self.kind.kind, self.resource["metadata"]["name"]

    @property
    def is_told(self) -> bool:
        """Whether only counts differ."""
        return bool(written(self.resource).get("conditions") == self.status["conditions"])


class StatusWriting:
    """Writes statuses one after the other, `pause` seconds apart. `left` is how many the last pass did not come to."""

    def __init__(self, cluster: Cluster, clock: Clock, observer: Observer, pause: float) -> None:
        self.left = 0
        self._cluster = cluster
        self._clock = clock
        self._observer = observer
        self._pause = pause
        self._refused: set[tuple[str, str]] = set()
        self._told: set[int] = set()

    async def write(self, every: Iterable[Due]) -> bool:
        """Write them, for a bounded time; False where one was refused, which comes last the next time."""
        due = sorted(every, key=lambda each: (each.name in self._refused, each.is_told))
        end = self._clock.monotonic() + PASS_SECONDS
        refused: set[tuple[str, str]] = set()
        self.left, in_a_row = len(due), 0
        for each in due:
            if in_a_row >= FAILURES or self._clock.monotonic() >= end:
                break
            self.left -= 1
            if await self._write(each):
                in_a_row = 0
            else:
                in_a_row += 1
                refused.add(each.name)
            await asyncio.sleep(self._pause)
        self._refused = refused
        if not refused:
            self._told.clear()
        return not refused

    async def _write(self, due: Due) -> bool:
        """Whether it is done: a resource that is gone by now needs no status."""
        kind, resource, status = due
        metadata = {key: resource["metadata"][key] for key in ("name", "uid")}
        document = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": status}
        try:
            await self._cluster.apply(kind, document, manager=MANAGER, subresource="status", force=True)
        except ClusterError as error:
            if error.status == _NOT_FOUND:
                return True
            self._observer.status_written("failure")
            self._tell(due, error)
            return False
        self._observer.status_written("success")
        return True

    def _tell(self, due: Due, error: ClusterError) -> None:
        """Once for each answer until all is written again, for however many resources it is the answer."""
        if error.status == _CONFLICT or error.status in self._told:
            return
        self._told.add(error.status)
        _log.warning("the status of %s %s could not be written: %s", *due.name, plain(str(error)))
