"""Policies, and trust roots beside them, from files and folders: read with ceilings, and again when they change.

A folder is looked at without its subfolders: `*.yaml`, `*.yml` and `*.json`, in the order of their names, without names
that begin with a dot. A `trusted_root.json` that a document names may lie among them. A mounted ConfigMap keeps its
files behind a link `..data` that kubelet swaps as a whole; it is followed once for each reading, so that no reading
mixes two versions.
"""

import asyncio
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath

from webhook.policy.book import Book
from webhook.policy.collection import Collection
from webhook.policy.documents import Fault, FaultsError
from webhook.policy.model import KIND
from webhook.policy.yaml_values import MAX_BYTES

SUFFIXES = frozenset({".yaml", ".yml", ".json"})

MAX_FILES = 10_000
"""Of a folder."""

MAX_NAMED_BYTES = 1024 * 1024
"""Of a file that a document names: a key, or a trust root, of which Sigstore's own has 7 KB."""


@dataclass(frozen=True, slots=True)
class Reload:
    """What became of files that changed: the book that is now in force, or the faults that keep the one before."""

    book: Book | None
    faults: tuple[Fault, ...] = ()


class PolicyFiles:
    """The policies of files and folders, as a port of the decision. Reads them at once; raises `FaultsError`.

    `trust_roots` are names that policies may use beside those of files, such as those of flags.
    """

    def __init__(self, paths: Sequence[Path], trust_roots: Iterable[str] = ()) -> None:
        self._paths = tuple(paths)
        self._trust_roots = frozenset(trust_roots)
        self._seen = _Sight()
        self._book = self._read(_files(self._paths))

    def current(self) -> Book:
        """The last set of policies that had no fault."""
        return self._book

    async def watch(self, interval: float, on_reload: Callable[[Reload], None]) -> None:
        """Look every `interval` seconds, for ever; `on_reload` is told of each change, for better or worse."""
        while True:
            await asyncio.sleep(interval)
            try:
                reload = await asyncio.to_thread(self.look)
            except Exception as error:  # noqa: BLE001 - an unforeseen fault must not be the last thing that is seen
                reload = Reload(None, (Fault(_where(self._paths), 0, "", f"failed ({type(error).__name__})"),))
            if reload is not None:
                on_reload(reload)

    def look(self) -> Reload | None:
        """Read what changed; None when the files, and those that they name, are as they were at the last look."""
        files = _files(self._paths)
        if _Sight(files, {path: _content(path, MAX_NAMED_BYTES) for path in self._seen.named}) == self._seen:
            return None
        try:
            self._book = self._read(files)
        except FaultsError as error:
            return Reload(None, error.faults)
        return Reload(self._book)

    def _read(self, files: tuple["_File", ...]) -> Book:
        self._seen = _Sight(files)
        return _collection(self._seen, self._trust_roots).book(_where(self._paths))


def load(paths: Sequence[Path], trust_roots: Iterable[str] = ()) -> Book:
    """The policies of files and folders. Raises `FaultsError` with all that is wrong, and when there are none."""
    return read(paths, trust_roots).book(_where(paths))


def read(paths: Sequence[Path], trust_roots: Iterable[str] = ()) -> Collection:
    """The same, with where each policy was written, and with the faults beside what is sound; never raises."""
    return _collection(_Sight(_files(paths)), trust_roots)


@dataclass(frozen=True, slots=True)
class _File:
    """A file of policies as it was found: its content, or the text of a fault. Messages call it `source`."""

    source: str
    path: Path
    content: bytes | str


@dataclass(slots=True)
class _Sight:
    """All that was seen at one look; the files that documents name are known only once those were read."""

    files: tuple[_File, ...] = ()
    named: dict[Path, bytes | str] = field(default_factory=dict)


def _collection(sight: _Sight, trust_roots: Iterable[str]) -> Collection:
    """What the files say; notes in `sight` the files that they name."""
    collection = Collection(trust_roots)
    for file in sight.files:
        if isinstance(file.content, str):
            collection.faults.append(Fault(file.source, 0, "", file.content))
        else:
            collection.add(file.source, file.content, partial(_named, sight, file.path.parent))
    for file in sight.files:
        if file.path in sight.named:
            collection.pass_over(file.source)
    return collection


def _named(sight: _Sight, folder: Path, name: str) -> bytes:
    """The content of a file that a document in `folder` names. Raises `OSError`."""
    path = folder / name
    content = sight.named[path] = _content(path, MAX_NAMED_BYTES)
    if isinstance(content, str):
        raise OSError(0, content)
    if len(content) > MAX_NAMED_BYTES:
        raise OSError(0, f"has more than {MAX_NAMED_BYTES} bytes")
    return content


def _where(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths))


def _files(paths: Sequence[Path]) -> tuple[_File, ...]:
    return tuple(file for path in paths for file in (_folder(path) if _is_folder(path) else (_file(str(path), path),)))


def _is_folder(path: Path) -> bool:
    """False also where nobody can tell; opening it as a file then says what is wrong with it."""
    with suppress(OSError):
        return path.is_dir()
    return False


def _folder(folder: Path) -> Iterator[_File]:
    """The files of a folder. One without any is a fault: it may be a volume that was not mounted."""
    data = folder / "..data"
    try:
        inside = folder / data.readlink() if data.is_symlink() else folder
        names = sorted(path.name for path in inside.iterdir() if _is_policy(path.name))
    except OSError as error:
        yield _File(str(folder), folder, f"cannot be read: {error.strerror}")
        return
    if not 0 < len(names) <= MAX_FILES:
        yield _File(str(folder), folder, f"more than {MAX_FILES} files" if names else f"no {KIND} found in {folder}")
        return
    for name in names:
        yield _file(str(folder / name), inside / name)


def _is_policy(name: str) -> bool:
    return not name.startswith(".") and PurePath(name).suffix in SUFFIXES


def _file(source: str, path: Path) -> _File:
    content = _content(path, MAX_BYTES)
    return _File(source, path, f"cannot be read: {content}" if isinstance(content, str) else content)


def _content(path: Path, limit: int) -> bytes | str:
    """The content, one byte more than `limit` at most, or why there is none. Never waits, as on a pipe."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return "not a regular file"
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(limit + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or "its name is not one of a file"
