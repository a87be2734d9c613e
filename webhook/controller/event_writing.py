"""Events in a cluster. One of a name that is there already is counted up instead."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from webhook.audit.events import repeated
from webhook.controller.ports import Cluster
from webhook.controller.report_writing import MANAGER
from webhook.controller.turns import Turns
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind
from webhook.policy.model import API_VERSION, KIND

_GROUP, _, _VERSION = API_VERSION.partition("/")

EVENT: Final = Kind("events.k8s.io", "v1", "Event", "events")
POLICY: Final = Kind(_GROUP, _VERSION, KIND, "clusterpodpolicies")

_CONFLICT = 409


async def policy_uids(cluster: Cluster) -> dict[str, str]:
    """The uids of policies that are resources, by name: none where policies come from files, or cannot be listed."""
    found: dict[str, str] = {}
    try:
        async for page in cluster.pages(POLICY, metadata_only=True):
            found |= {each["metadata"]["name"]: each["metadata"]["uid"] for each in page}
    except ClusterError:
        return {}
    return found


async def write_events(cluster: Cluster, events: Iterable[Mapping[str, Any]], moment: datetime, turns: Turns) -> int:
    """Write Events, each in its turn, and return how many were not."""
    dropped = 0
    for event in events:
        dropped += await turns.take(partial(write_event, cluster, event, moment)) is not None
    return dropped


async def write_event(cluster: Cluster, event: Mapping[str, Any], moment: datetime) -> None:
    """Write one. Raises `ClusterError`."""
    try:
        await cluster.create(EVENT, event)
    except ClusterError as error:
        if error.status != _CONFLICT:
            raise
        there = await cluster.get(EVENT, event["metadata"]["name"], event["metadata"]["namespace"])
        if there is not None:
            await cluster.replace(EVENT, repeated(there, moment), manager=MANAGER)
