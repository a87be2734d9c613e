"""What runs in the cluster, and whose it is: pods with their topmost controllers, and the labels of their namespaces.

Labels and owners are listed once, in pages, before the pods: no pod costs a request of its own, but for what came to be
in between. Whoever writes a pod names its owners as he likes: a ReplicaSet or a Job counts where there is one.
"""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from webhook.errors import ClusterError, ConfigurationError
from webhook.kube.cluster import Cluster, Kind
from webhook.kube.running_pods import Owner, RunningPod, RunningPods
from webhook.pods import Pod

MIRROR = "kubernetes.io/config.mirror"
NODE = "Node"

NAMESPACES = Kind("", "v1", "Namespace", "namespaces")
BETWEEN = (Kind("apps", "v1", "ReplicaSet", "replicasets"), Kind("batch", "v1", "Job", "jobs"))
"""Kinds whose objects mostly are another object's: those of Deployments, and of CronJobs."""

MAX_ASKED = 1_000
"""Objects that are asked for one by one in a pass, since they were in no list."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
_API_VERSION = re.compile(r"(?:[a-z0-9.-]{1,253}/)?[a-z0-9]{1,63}", re.ASCII)
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}", re.ASCII)
_UID = re.compile(r"[0-9a-z](?:[0-9a-z-]{0,62}[0-9a-z])?", re.ASCII)
_MAY_NOT = 403

Labels = Mapping[str, str]


class Workload(NamedTuple):
    """Fills `webhook.audit.ports.Workload`."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    pod: Pod | None
    static: bool = False


class ClusterWorkloads:
    """Fills `webhook.audit.ports.Workloads`, and `webhook.admission.ports.Namespaces` for what is listed.

    Those of `namespaces` alone, where some are given, and never those of `exempt`. The connection is made when somebody
    lists.
    """

    def __init__(
        self, kubeconfig: Path | None = None, *, namespaces: Collection[str] = (), exempt: Collection[str] = ()
    ) -> None:
        self._cluster = Cluster(kubeconfig)
        self._running = RunningPods(kubeconfig)
        self._within = tuple(dict.fromkeys(namespaces)) or ("",)
        self._exempt = frozenset(exempt)
        self._start()

    def _start(self) -> None:
        self.notes: list[str] = []
        self._labels: dict[str, Labels | None] = {}
        self._controllers: dict[tuple[str, str], Owner | None] = {}
        self._unlisted: set[Kind] = set()
        self._missing: list[str] = []
        self._asked = 0

    async def connect(self) -> None:
        """Ask the API server for something. Raises `ConfigurationError` where there is none."""
        try:
            await self._cluster.served("", "v1")
        except ClusterError as error:
            raise ConfigurationError(f"there is no cluster to audit: {error}") from error

    async def pages(self) -> AsyncIterator[list[Workload]]:
        """All pods that have not ended. Raises a `TidewaiterError`, in the end also where a namespace is not there.

        What may not be listed beside them is said in `notes`.
        """
        self._start()
        for namespace in self._within:
            await self._list_labels(namespace)
            for kind in BETWEEN:
                await self._list_controllers(kind, namespace)
        for namespace in self._within:
            async for page in self._running.listed(namespace):
                yield [await self._workload(each) for each in page if each.namespace not in self._exempt]
        if self._missing:
            raise ClusterError(f"there is no namespace {', '.join(self._missing)}")

    async def labels(self, namespace: str, wait: float) -> Labels | None:  # noqa: ARG002 - as long as it takes
        """The labels of a namespace; None where they are not known."""
        if namespace not in self._labels:
            try:
                found = await self._ask(NAMESPACES, namespace)
            except ClusterError:
                found = None
            self._labels[namespace] = None if found is None else _labels(found)
        return self._labels[namespace]

    async def _list_labels(self, namespace: str) -> None:
        if namespace:
            await self._find(namespace)
            return
        try:
            async for page in self._cluster.pages(NAMESPACES, metadata_only=True):
                self._labels.update({str(each["metadata"]["name"]): _labels(each) for each in page})
        except ClusterError as error:
            self.notes.append(f"Labels of namespaces could not be listed: {error}.")

    async def _find(self, namespace: str) -> None:
        """Where it is not there, that no pods are listed in it says nothing."""
        try:
            found = await self._ask(NAMESPACES, namespace)
        except ClusterError as error:
            self.notes.append(f"Namespace {namespace} cannot be read: {error}.")
            self._labels[namespace] = None
            return
        if found is None:
            self._missing.append(namespace)
        self._labels[namespace] = None if found is None else _labels(found)

    async def _list_controllers(self, kind: Kind, namespace: str) -> None:
        try:
            async for page in self._cluster.pages(kind, namespace, metadata_only=True):
                for each in page:
                    metadata = each["metadata"]
                    self._controllers[str(metadata.get("namespace")), str(metadata["uid"])] = _controller(each)
        except ClusterError as error:
            if kind not in self._unlisted:
                why = "may not be listed" if error.status == _MAY_NOT else f"could not be listed ({error})"
                self.notes.append(f"{kind.kind}s {why}: what belongs to them is told by their names.")
            self._unlisted.add(kind)

    async def _workload(self, running: RunningPod) -> Workload:
        pod = running.pod
        static = pod is not None and MIRROR in pod.annotations and _of_node(running.owner)
        direct = None if static else _believed(running.owner)
        owner = None if direct is None else await self._top(direct, running.namespace)
        if owner is None:
            return Workload("v1", "Pod", running.namespace, running.name, running.uid, pod, static)
        return Workload(owner.api_version, owner.kind, running.namespace, owner.name, owner.uid, pod)

    async def _top(self, owner: Owner, namespace: str) -> Owner | None:
        """What controls the owner, or it where nothing does; None where it is not there."""
        kind = next(
            (each for each in BETWEEN if each.kind == owner.kind and each.api_version == owner.api_version), None
        )
        if kind is None or kind in self._unlisted:
            return owner
        key = namespace, owner.uid
        if key not in self._controllers:
            try:
                found = await self._ask(kind, owner.name, namespace)
            except ClusterError:
                return owner
            if found is None or found["metadata"].get("uid") != owner.uid:
                return None
            self._controllers[key] = _controller(found)
        return self._controllers[key] or owner

    async def _ask(self, kind: Kind, name: str, namespace: str = "") -> dict[str, Any] | None:
        """An object that was in no list; None where there is none. Raises `ClusterError`."""
        if not _NAME.fullmatch(name):
            return None
        if self._asked >= MAX_ASKED:
            raise ClusterError(f"more than {MAX_ASKED} objects are in no list")
        self._asked += 1
        return await self._cluster.get(kind, name, namespace)

    async def close(self) -> None:
        """Close the connections."""
        await self._cluster.close()
        await self._running.close()


def _labels(written: Mapping[str, Any]) -> Labels:
    return dict(written["metadata"].get("labels") or {})


def _controller(written: Mapping[str, Any]) -> Owner | None:
    references = written["metadata"].get("ownerReferences") or ()
    return _believed(next((msgspec.convert(each, Owner) for each in references if each.get("controller")), None))


def _believed(owner: Owner | None) -> Owner | None:
    """The owner where it could be one: the API server takes any text for its kind, its name and its uid."""
    if owner is None:
        return None
    parts = (_API_VERSION, owner.api_version), (_KIND, owner.kind), (_NAME, owner.name), (_UID, owner.uid)
    return owner if all(pattern.fullmatch(text) for pattern, text in parts) else None


def _of_node(owner: Owner | None) -> bool:
    """Who writes this of a pod that no node's file is behind gets none: kubelet deletes it (`pkg/kubelet/pod`)."""
    return owner is not None and owner.kind == NODE
