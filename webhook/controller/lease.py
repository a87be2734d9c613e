"""The Lease by which one controller works: read and written as `kubernetes.aio.leaderelection` asks its lock to.

That library counts in wall time and waits for an answer for ever. Here all is bounded in monotonic time: a Lease of
somebody else is taken over only when it was seen unchanged for its whole duration, whatever the wall clock did, and
`lost` says at any moment whether ours may be somebody else's by now.
"""

import asyncio
import importlib
import logging
from datetime import UTC
from typing import Any

from webhook.admission.report import plain
from webhook.clock import Clock
from webhook.controller.ports import Cluster
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind, Object

LEASE = Kind("coordination.k8s.io", "v1", "Lease", "leases")
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
MANAGER = "tidewaiter-controller"

_LATE = "no answer in time"
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_CONFLICT = 409

_log = logging.getLogger(__name__)


class _Unread:
    """What the library is told instead of a record."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class LeaseLock:
    """A Lease in a namespace, for whoever bears `identity`, which nobody else may.

    `duration` is how long others leave it alone after each renewal, `deadline` (shorter) how long we may count on it,
    both in seconds. `labels` are those of the Lease where it has to be made; `owner` is the Deployment of its namespace
    with which it is then deleted, if that is there.
    """

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        name: str,
        identity: str,
        clock: Clock,
        *,
        duration: float,
        deadline: float,
        labels: dict[str, str] | None = None,
        owner: str = "",
    ) -> None:
        self.name = name
        self.namespace = namespace
        self.identity = identity
        self.lost = ""
        self._cluster = cluster
        self._clock = clock
        self._duration = duration
        self._deadline = deadline
        self._labels = labels or {}
        self._owner = owner
        self._lease: Object | None = None
        self._seen: tuple[Any, float] = (None, 0.0)
        self._renewed: float | None = None
        self._told = ""

    @property
    def left(self) -> float:
        """Seconds until nothing says any more that the Lease is ours, 0 where it is not."""
        if self._renewed is None or self.lost:
            return 0.0
        return max(0.0, self._renewed + self._deadline - self._clock.monotonic())

    async def get(self, _name: str, _namespace: str) -> tuple[bool, Any]:
        """The record of the Lease, an empty one where there is no Lease, and whether it could be read."""
        try:
            async with asyncio.timeout(self._deadline / 2):
                self._lease = await self._cluster.get(LEASE, self.name, self.namespace)
        except (ClusterError, TimeoutError) as error:
            self._tell("read", error)
            return False, _Unread(str(error) or _LATE)
        spec = _spec(self._lease)
        if spec != self._seen[0]:
            self._seen = spec, self._clock.monotonic()
        holder = spec.get("holderIdentity")
        if self._renewed is not None and holder != self.identity:
            self.lost = f"it is held by {holder!a} now" if holder else "it was taken away"
        return True, _record(spec)

    async def create(self, _name: str, _namespace: str, _record: Any) -> bool:
        """Never called: what is not there yet is an empty record, which `update` writes."""
        return False

    async def update(self, _name: str, _namespace: str, _record: Any) -> bool:
        """Make it ours for another while, and say whether it is."""
        if self.lost or self._is_anothers():
            return False
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._deadline / 2):
                self._lease = await self._write(self._ours())
        except (ClusterError, TimeoutError) as error:
            self._tell("written", error)
            return False
        self._told = ""
        self._renewed, self._seen = began, (_spec(self._lease), began)
        return True

    async def release(self) -> None:
        """Let others have it at once, if it is ours. Raises `ClusterError`."""
        if self._renewed is None or self.lost:
            return
        self.lost = "it was released"
        self._lease = await self._cluster.get(LEASE, self.name, self.namespace)
        spec = _spec(self._lease)
        if spec.get("holderIdentity") == self.identity:
            now = self._clock.now().strftime(_TIME)
            await self._write({**spec, "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": now})

    def _tell(self, what: str, error: Exception) -> None:
        """Once for each reason, until it is ours again: it is tried every few seconds. Who was first is no reason."""
        if getattr(error, "status", 0) == _CONFLICT:
            return
        reason = f"{what}: {plain(str(error) or _LATE)}"
        if reason != self._told:
            self._told = reason
            _log.warning("the Lease %s/%s cannot be %s", self.namespace, self.name, reason)

    def _is_anothers(self) -> bool:
        """Whether somebody else may still count on it."""
        spec, since = self._seen
        if not spec.get("holderIdentity") or spec["holderIdentity"] == self.identity:
            return False
        theirs = spec.get("leaseDurationSeconds")
        duration = max(self._duration, theirs if isinstance(theirs, int) else 0)
        return self._clock.monotonic() < since + duration

    def _ours(self) -> Object:
        now = self._clock.now().astimezone(UTC).strftime(_TIME)
        spec = _spec(self._lease)
        same = spec.get("holderIdentity") == self.identity
        changes = spec.get("leaseTransitions")
        return {
            **spec,
            "holderIdentity": self.identity,
            "leaseDurationSeconds": round(self._duration),
            "acquireTime": spec.get("acquireTime") or now if same else now,
            "leaseTransitions": (changes if isinstance(changes, int) else 0) + (not same),
            "renewTime": now,
        }

    async def _write(self, spec: Object) -> Object:
        """The Lease as we read it, with this spec: whoever wrote it meanwhile has it. Raises `ClusterError`."""
        if self._lease is not None:
            return await self._cluster.replace(LEASE, {**self._lease, "spec": spec}, manager=MANAGER)
        metadata: Object = {"name": self.name, "namespace": self.namespace, "labels": self._labels}
        owner = self._owner and await self._cluster.get(DEPLOYMENT, self._owner, self.namespace)
        if owner:
            uid, kind = owner["metadata"]["uid"], DEPLOYMENT
            reference = {"apiVersion": kind.api_version, "kind": kind.kind, "name": self._owner, "uid": uid}
            metadata["ownerReferences"] = [reference]
        return await self._cluster.create(
            LEASE, {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
        )


def _spec(lease: Object | None) -> Object:
    spec = (lease or {}).get("spec")
    return spec if isinstance(spec, dict) else {}


def _record(spec: Object) -> Any:
    """As the library wants it; it compares records, and reads the holder only."""
    record = importlib.import_module("kubernetes.aio.leaderelection.leaderelectionrecord").LeaderElectionRecord
    duration = spec.get("leaseDurationSeconds")
    return record(
        spec.get("holderIdentity") or None,
        str(duration) if duration else None,
        spec.get("acquireTime"),
        spec.get("renewTime"),
    )
