"""A cluster in memory, which answers as the API server does where the controller could tell the difference."""

import copy
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from itertools import count
from typing import Any, NamedTuple

from tests.fakes.applying import merged
from tests.fakes.selecting import selected
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind, Object

Request = tuple[str, str]
"""A method and a path, which is always the object's own, also where it is made; a list's is that of its folder."""


class Write(NamedTuple):
    """A write that was carried out. `manager` is empty where none was named, `body` is None for a deletion."""

    method: str
    path: str
    manager: str
    body: Object | None


class FakeCluster:
    """Fills `webhook.controller.ports.Cluster`.

    `objects` by path may be read and changed by tests, which then play somebody else: nothing of that is recorded.
    Trouble is scripted: `failures` are raised for a request, each time; `before` and `after` are called with every
    request, and may raise `ClusterError` or change objects: `after`, the write has been carried out and only its answer
    is lost. `conflicts` holds the paths where a field that is applied belongs to another manager.
    """

    def __init__(self, served: Iterable[Kind] = ()) -> None:
        self.objects: dict[str, Object] = {}
        self.served_kinds = set(served)
        self.requests: list[Request] = []
        self.writes: list[Write] = []
        self.failures: dict[Request, ClusterError] = {}
        self.before: list[Callable[[str, str], None]] = []
        self.after: list[Callable[[str, str], None]] = []
        self.conflicts: set[str] = set()
        self._kinds: dict[str, Kind] = {}
        self._versions = count(1)
        self._uids = count(1)
        self._names: Counter[str] = Counter()

    def put(self, kind: Kind, written: Mapping[str, Any]) -> Object:
        """Have an object there as it is given, status and all, as somebody else made it."""
        made = copy.deepcopy(dict(written))
        metadata = made.setdefault("metadata", {})
        metadata.setdefault("uid", f"uid-{next(self._uids)}")
        metadata.setdefault("generation", 1)
        made.setdefault("apiVersion", kind.api_version)
        made.setdefault("kind", kind.kind)
        self._kinds[_path(kind, made)] = kind
        return self._store(_path(kind, made), made)

    def remove(self, kind: Kind, name: str, namespace: str = "") -> None:
        """Have an object gone, as somebody else deleted it."""
        del self.objects[kind.path(namespace, name)]

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object | None:
        path = kind.path(namespace, name)
        self._asked("GET", path)
        found = self._copy(path)
        self._answered("GET", path)
        return found

    async def pages(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        labels: str = "",
        fields: str = "",
        size: int = 500,
        metadata_only: bool = False,
    ) -> AsyncIterator[list[Object]]:
        found = [
            each
            for path, each in sorted(self.objects.items())
            if self._kinds[path] == kind
            and namespace in {"", each["metadata"].get("namespace")}
            and selected(each, labels, fields)
        ]
        keys = ("apiVersion", "kind", "metadata")
        for start in range(0, max(len(found), 1), size):
            self._asked("GET", kind.path(namespace))
            page = copy.deepcopy(found[start : start + size])
            yield [{key: each[key] for key in keys} for each in page] if metadata_only else page

    async def create(self, kind: Kind, written: Mapping[str, Any]) -> Object:
        made = copy.deepcopy(dict(written))
        self._name(made["metadata"])
        path = _path(kind, made)
        self._asked("POST", path)
        if path in self.objects:
            raise ClusterError(f"the API server answered 409: {kind.plural} already exists", 409)
        made.pop("status", None)
        made["metadata"] |= {"uid": f"uid-{next(self._uids)}", "generation": 1}
        self._kinds[path] = kind
        return self._written("POST", path, "", written, made)

    async def replace(self, kind: Kind, written: Mapping[str, Any], *, manager: str) -> Object:
        path = _path(kind, written)
        self._asked("PUT", path)
        old = self._copy(path)
        if old is None:
            raise ClusterError(f"the API server answered 404: {kind.plural} not found", 404)
        self._check(path, written)
        new = copy.deepcopy(dict(written))
        for kept in ("uid", "generation"):
            new["metadata"][kept] = old["metadata"][kept]
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
        return self._written("PUT", path, manager, written, new)

    async def apply(
        self, kind: Kind, written: Mapping[str, Any], *, manager: str, subresource: str = "", force: bool = False
    ) -> Object:
        metadata = written["metadata"]
        path = _path(kind, written)
        self._asked("PATCH", kind.path(metadata.get("namespace") or "", metadata["name"], subresource))
        self._check(path, written)
        if path in self.conflicts and not force:
            raise ClusterError("the API server answered 409: Apply failed with 1 conflict", 409)
        if path not in self.objects:
            if subresource:
                raise ClusterError(f"the API server answered 404: {kind.plural} not found", 404)
            self._kinds[path] = kind
        part = {"status"} if subresource else written.keys() - {"status"}
        there = self.objects.get(path) or {"metadata": {"uid": f"uid-{next(self._uids)}", "generation": 1}}
        new = merged(there, {key: value for key, value in written.items() if key in part})
        self.conflicts.discard(path)
        return self._written("PATCH", path, manager, written, new, subresource)

    async def delete(self, kind: Kind, name: str, namespace: str = "", *, uid: str = "") -> None:
        path = kind.path(namespace, name)
        self._asked("DELETE", path)
        if path not in self.objects:
            return
        if uid and uid != self.objects[path]["metadata"]["uid"]:
            raise ClusterError("the API server answered 409: the UID in the precondition is another", 409)
        del self.objects[path]
        self.writes.append(Write("DELETE", path, "", None))
        self._answered("DELETE", path)

    async def served(self, group: str, version: str) -> frozenset[str]:
        self._asked("GET", f"/apis/{group}/{version}" if group else f"/api/{version}")
        kinds = self.served_kinds | {self._kinds[path] for path in self.objects}
        return frozenset(kind.plural for kind in kinds if (kind.group, kind.version) == (group, version))

    def _asked(self, method: str, path: str) -> None:
        self.requests.append((method, path))
        for call in self.before:
            call(method, path)
        if (method, path) in self.failures:
            raise self.failures[method, path]

    def _answered(self, method: str, path: str) -> None:
        for call in self.after:
            call(method, path)

    def _name(self, metadata: dict[str, Any]) -> None:
        if "name" not in metadata:
            prefix = metadata["generateName"]
            self._names[prefix] += 1
            metadata["name"] = f"{prefix}{self._names[prefix]:05}"

    def _check(self, path: str, written: Mapping[str, Any]) -> None:
        """Whoever names a uid means that very object; a resourceVersion alone does not forbid a new one."""
        there = self.objects.get(path)
        for key in ("uid", "resourceVersion") if there else ("uid",):
            meant = written["metadata"].get(key)
            if meant and meant != (there or {"metadata": {}})["metadata"].get(key):
                raise ClusterError(f"the API server answered 409: the object's {key} is another", 409)

    def _copy(self, path: str) -> Object | None:
        return copy.deepcopy(self.objects.get(path))

    def _written(
        self, method: str, path: str, manager: str, written: Mapping[str, Any], new: Object, subresource: str = ""
    ) -> Object:
        asked = f"{path}/{subresource}" if subresource else path
        self.writes.append(Write(method, asked, manager, copy.deepcopy(dict(written))))
        old = self.objects.get(path)
        if old is not None and _content(old) != _content(new):
            new["metadata"]["generation"] = old["metadata"]["generation"] + 1
        stored = self._store(path, new)
        self._answered(method, asked)
        return stored

    def _store(self, path: str, new: Object) -> Object:
        """What changes nothing makes no new version."""
        old = self.objects.get(path)
        if old is not None:
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if old != new:
            new["metadata"]["resourceVersion"] = str(next(self._versions))
            self.objects[path] = new
        return copy.deepcopy(new)


def _path(kind: Kind, written: Mapping[str, Any]) -> str:
    return kind.path(written["metadata"].get("namespace") or "", written["metadata"]["name"])


def _content(written: Mapping[str, Any]) -> Object:
    """What a generation counts the changes of."""
    return {key: value for key, value in written.items() if key not in {"metadata", "status"}}
