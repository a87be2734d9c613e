"""What kubelet does for the volumes of a pod, since there is none here: objects of the API as files on the disk."""

import base64
import itertools
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.system.controlplane import ControlPlane


class Mounts:
    """The volumes of a pod's only container, each as a folder below `folder`; `paths` are where they are mounted.

    Files lie behind a link `..data` that is swapped as a whole, as kubelet's AtomicWriter does
    (`k8s.io/kubernetes/pkg/volume/util/atomic_writer.go`).
    """

    def __init__(self, cluster: ControlPlane, namespace: str, pod: Mapping[str, Any], folder: Path) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._volumes: list[dict[str, Any]] = pod["volumes"]
        (container,) = pod["containers"]
        self.paths = {mount["mountPath"]: folder / mount["name"] for mount in container["volumeMounts"]}
        self._folder = folder
        self._versions = itertools.count(1)

    def sync(self) -> None:
        """Bring the files of all volumes up to the objects that are in the cluster now."""
        for volume in self._volumes:
            folder = self._folder / volume["name"]
            folder.mkdir(exist_ok=True)
            self._write(folder, dict(self._files(volume)))

    def local(self, argument: str) -> str:
        """The argument with the path of a mount replaced by that of its folder."""
        for path, folder in self.paths.items():
            argument = argument.replace(f"={path}", f"={folder}")
        return argument

    def _files(self, volume: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
        match volume:
            case {"configMap": source}:
                yield from self._items("configmap", source["name"], source)
            case {"secret": source}:
                yield from self._items("secret", source["secretName"], source)
            case {"projected": {"sources": sources}}:
                for source in sources:
                    yield from self._items("configmap", source["configMap"]["name"], source["configMap"])
            case _:
                raise NotImplementedError(volume)

    def _items(self, kind: str, name: str, source: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
        done = self._cluster.kubectl("get", kind, name, "-n", self._namespace, "-o", "json")
        data: dict[str, str] = json.loads(done.stdout)["data"]
        items = source.get("items") or [{"key": key, "path": key} for key in data]
        for item in items:
            text = data[item["key"]]
            yield item["path"], base64.b64decode(text) if kind == "secret" else text.encode()

    def _write(self, folder: Path, files: Mapping[str, bytes]) -> None:
        data = folder / "..data"
        before = data.resolve() if data.is_symlink() else None
        if before and _content(before) == files:
            return
        version = folder / f"..version-{next(self._versions)}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_bytes(content)
        link = folder / "..data_tmp"
        link.symlink_to(version.name)
        link.rename(data)
        _show(folder, files)
        if before:
            shutil.rmtree(before)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _show(folder: Path, names: Iterable[str]) -> None:
    """A link for each file, and none for what is gone."""
    shown = {path.name for path in folder.iterdir() if not path.name.startswith("..")}
    for name in shown - set(names):
        (folder / name).unlink()
    for name in set(names) - shown:
        (folder / name).symlink_to(Path("..data") / name)
