"""YAML and JSON text into plain values with the line of every field; faults instead of exceptions, and all of them.

Policies and manifests are read by this one reader: what kubectl would apply is what is judged.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from webhook.errors import ConfigurationError
from webhook.policy.yaml_values import Lines, read

FieldPath = tuple[str | int, ...]
"""Where a field lies in its document: `("spec", "images", "allow", 0)`."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_LONGEST_KEY = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a file: where, and what. `line` 0 means the whole file, `path` "" the whole document."""

    source: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        """`policies/prod.yaml:12: spec.images.allow[0]: message`, as compilers write it."""
        line = f":{self.line}" if self.line else ""
        path = f"{self.path}: " if self.path else ""
        return f"{self.source}{line}: {path}{self.message}"


class FaultsError(ConfigurationError):
    """All faults of what was read, one line for each."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Document:
    """One object out of a file. `line` is where it begins."""

    source: str
    line: int
    value: dict[str, Any]
    lines: Lines

    def line_of(self, path: FieldPath) -> int:
        """The line of a field, or of the innermost thing around it that is there."""
        found = self.lines
        for step in path:
            if step not in found.children:
                break
            found = found.children[step]
        return found.line

    def fault(self, path: FieldPath, message: str) -> Fault:
        """A fault of one of its fields."""
        return Fault(self.source, self.line_of(path), path_text(path), message)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What is in a file: the documents that could be read, and the faults of the others."""

    documents: tuple[Document, ...]
    faults: tuple[Fault, ...]


def load(source: str, content: bytes) -> tuple[Document, ...]:
    """All documents of a file. Raises `FaultsError` with everything that is wrong."""
    parsed = parse(source, content)
    if parsed.faults:
        raise FaultsError(parsed.faults)
    return parsed.documents


def parse(source: str, content: bytes) -> Parsed:
    """The documents of a file, `kind: List` taken apart and empty ones left out; never raises.

    `source` is what messages call the file.
    """
    documents: list[Document] = []
    values = read(content)
    faults = list(values.faults)
    for root in values.roots:
        for value, lines in _objects(root.value, root.lines):
            if isinstance(value, dict):
                documents.append(Document(source, lines.line, value, lines))
            else:
                faults.append((lines.line, value))
    faults.sort(key=lambda fault: fault[0])
    return Parsed(tuple(documents), tuple(Fault(source, line, "", message) for line, message in faults))


def _objects(value: Any, lines: Lines) -> Iterator[tuple[dict[str, Any] | str, Lines]]:
    """The object, or those of a list, which may hold lists again; a message in place of what is no object.

    A list is what kubectl takes for one: whatever has `items` (k8s.io/apimachinery, `unstructured/helpers.go`). Where
    the kind does not say so, that is a fault, since a reader would take it for one object.
    """
    if value is None:
        return
    if not isinstance(value, dict):
        yield "is not a mapping", lines
        return
    kind, items = value.get("kind"), value.get("items")
    is_list = isinstance(kind, str) and kind.endswith("List")
    if isinstance(items, list) and not is_list:
        yield "has items, of which kubectl makes objects of their own: expected kind List", lines
    elif isinstance(items, list):
        for index, item in enumerate(items):
            yield from _objects(_item(item, value), lines.children["items"].children[index])
    elif (value.get("apiVersion"), kind) == ("v1", "List"):
        yield "kind List has no list of items", lines
    else:
        yield value, lines


def _item(item: Any, of: dict[str, Any]) -> Any:
    """An item of a list of one kind may leave its own kind out."""
    if not isinstance(item, dict) or "kind" in item or of["kind"] == "List":
        return item
    return {"apiVersion": of.get("apiVersion"), "kind": of["kind"].removesuffix("List"), **item}


def path_text(path: FieldPath) -> str:
    """`spec.images.allow[0]`; a key that is no plain word stands in brackets, as `metadata.labels["a/b"]`."""
    text = ""
    for step in path:
        if isinstance(step, str) and _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{step if isinstance(step, int) else json.dumps(step[:_LONGEST_KEY])}]"
    return text
