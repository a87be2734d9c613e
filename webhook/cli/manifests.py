"""Manifests as a developer keeps them: files, folders or standard input, read into what carries a pod."""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from webhook.cli.options import MAX_INPUT_BYTES
from webhook.errors import ConfigurationError
from webhook.objects import BY_KIND, Kind
from webhook.pods import Pod
from webhook.policy.documents import Document, Fault, FaultsError, FieldPath, parse
from webhook.workload_kinds import WorkloadKind, plural, pods_of

SUFFIXES = {".yaml", ".yml", ".json"}

STDIN = "<stdin>"
"""What the source of standard input is called."""

_STEP = re.compile(r'\.?(?P<key>[A-Za-z0-9_-]+)|\[(?P<index>[0-9]{1,9})\]|\[(?P<quoted>"(?:[^"\\]|\\.)*")\]', re.ASCII)


class Resource(msgspec.Struct, frozen=True):
    """One pod that an object carries. `pod` is None where it could not be read; then `fault` says why."""

    name: str
    namespace: str
    source: str
    pod: Pod | None
    fault: str = ""
    document: Document | None = None

    def line_of(self, path: str) -> int:
        """The line of a field, or of the innermost thing around it that the manifest has; 0 where it is not known."""
        return 0 if self.document is None else self.document.line_of(field_path(path))


class Manifests(msgspec.Struct, frozen=True):
    """All that was read: what carries a pod, and the labels of namespaces that the documents declare."""

    resources: tuple[Resource, ...]
    namespaces: dict[str, dict[str, str]]


def read(paths: Sequence[str], namespace: str, kinds: Sequence[WorkloadKind] = ()) -> Manifests:
    """The manifests at `paths` (`-` is standard input); `namespace` is that of objects which name none.

    Objects of kinds that carry no pod are passed over. Raises `FaultsError` with all that cannot be read, and
    `ConfigurationError` where there is nothing at all.
    """
    documents: list[Document] = []
    faults: list[Fault] = []
    for source, content in contents(paths):
        parsed = parse(source, content)
        documents += parsed.documents
        faults += parsed.faults
    if faults:
        raise FaultsError(tuple(faults))
    if not documents:
        raise ConfigurationError(f"no manifests in {', '.join(paths)}")
    resources = [resource for document in documents for resource in resources_of(document, namespace, kinds)]
    return Manifests(tuple(resources), dict(namespace_labels(documents)))


def contents(paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Every file at `paths`, by its name. Raises `ConfigurationError`."""
    for text in paths:
        if text == "-":
            yield STDIN, sys.stdin.buffer.read(MAX_INPUT_BYTES)
            continue
        path = Path(text)
        files = (
            sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())
            if path.is_dir()
            else [path]
        )
        for file in files:
            yield str(file), _bytes(file)


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from error


def resources_of(document: Document, default_namespace: str, kinds: Iterable[WorkloadKind] = ()) -> Iterator[Resource]:
    """Each pod that the document carries, if any; `kinds` are known beside those that are built in."""
    value = document.value
    kind = _kind(value, kinds)
    if kind is None:
        return
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    namespace = _text(metadata.get("namespace")) or default_namespace
    name = _text(metadata.get("name")) or _text(metadata.get("generateName")) or "?"
    source = f"{document.source}:{document.line}"
    label = f"{_text(value.get('kind'))}/{namespace}/{name}"
    try:
        subjects = pods_of(kind, msgspec.convert(value, kind.struct))
    except msgspec.ValidationError as error:
        yield Resource(label, namespace, source, None, str(error), document)
        return
    for subject in subjects:
        if kind.is_pod and not subject.containers:
            yield Resource(label, namespace, source, None, f"has no containers in {subject.path}", document)
        else:
            yield Resource(label, namespace, source, subject, "", document)


def field_path(text: str) -> FieldPath:
    """The steps of a path as findings write it, `spec.containers[0].image`, as far as they can be read."""
    steps: list[str | int] = []
    at = 0
    while step := _STEP.match(text, at):
        at = step.end()
        key, index, quoted = step["key"], step["index"], step["quoted"]
        steps.append(key or (int(index) if index else _unquoted(quoted)))
    return tuple(steps)


def _unquoted(text: str) -> str:
    try:
        return _text(json.loads(text))
    except ValueError:
        return ""


def _kind(value: dict[str, Any], kinds: Iterable[WorkloadKind]) -> Kind | WorkloadKind | None:
    group = _text(value.get("apiVersion")).rpartition("/")[0]
    name = _text(value.get("kind"))
    further = (kind for kind in kinds if (kind.group, kind.resource) == (group, plural(name)))
    return BY_KIND.get((group, name)) or next(further, None)


def namespace_labels(documents: Iterable[Document]) -> Iterator[tuple[str, dict[str, str]]]:
    """The labels of each namespace that the documents declare."""
    for document in documents:
        value = document.value
        metadata = value.get("metadata")
        if value.get("apiVersion") != "v1" or value.get("kind") != "Namespace" or not isinstance(metadata, dict):
            continue
        labels = metadata.get("labels") or {}
        if isinstance(labels, dict):
            yield _text(metadata.get("name")), {_text(key): _text(label) for key, label in labels.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
