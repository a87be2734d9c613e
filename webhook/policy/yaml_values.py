"""The events of a YAML parser into plain values and their lines, bounded, and without recursion.

Refused: duplicate keys, merge keys, keys that are not text, and tags other than those of JSON's types. Aliases are
taken, because manifests have them, and count with all that they stand for, so that no few lines grow into gigabytes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from webhook.policy.scalars import ScalarError, resolve

MAX_BYTES = 4 * 1024 * 1024
"""Of one file. The largest bundles of CRDs in use have 3.5 MiB; etcd takes 1.5 MiB an object."""

MAX_DEPTH = 64
"""Of lists and mappings in each other. A pod template needs 12, a CRD's schema up to 40."""

MAX_VALUES = 250_000
"""Of one file, after aliases are written out: the largest bundles of CRDs have 100,000."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TAGS = {
    yaml.ScalarEvent: {"tag:yaml.org,2002:str", "!"},
    yaml.SequenceStartEvent: {"tag:yaml.org,2002:seq", "!"},
    yaml.MappingStartEvent: {"tag:yaml.org,2002:map", "!"},
}
_LONGEST_KEY = 80


@dataclass(frozen=True, slots=True)
class Lines:
    """The line of a value, and of what is in it: by key for a mapping (the key's line), by index for a list."""

    line: int
    children: Mapping[str | int, "Lines"] = field(default_factory=dict)


class CeilingError(Exception):
    """The file is too large to go on with it."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Whole:
    """A value that was read to its end; `size` counts it and all in it, `height` how deep it is nested."""

    value: Any
    lines: Lines
    size: int = 1
    height: int = 0


class _Open:
    """A list or mapping whose end was not read. `key` is that of the value which comes next in a mapping, if any."""

    def __init__(self, event: yaml.CollectionStartEvent) -> None:
        self.line = _line(event)
        self.anchor = event.anchor
        self.value: dict[str, Any] | list[Any] = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        self.key: list[tuple[str, int]] = []
        self._children: dict[str | int, Lines] = {}
        self._size = 1
        self._height = 0

    @property
    def wants_key(self) -> bool:
        return isinstance(self.value, dict) and not self.key

    def put(self, part: Whole) -> None:
        self._size += part.size
        self._height = max(self._height, part.height)
        if isinstance(self.value, list):
            self._children[len(self.value)] = part.lines
            self.value.append(part.value)
        else:
            key, line = self.key.pop()
            self._children[key] = Lines(line, part.lines.children)
            self.value[key] = part.value

    def closed(self) -> Whole:
        return Whole(self.value, Lines(self.line, self._children), self._size, self._height + 1)


class Values:
    """Takes events, and has in `roots` the documents that are sound, in `faults` line and text of what is wrong."""

    def __init__(self) -> None:
        self.roots: list[Whole] = []
        self.faults: list[tuple[int, str]] = []
        self._count = 0
        self._begin()

    def take(self, event: yaml.Event) -> None:
        """The next event. Raises `CeilingError`."""
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._start(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                closing = self._open.pop()
                self._finish(closing.closed(), closing.anchor, closing.line)
            case yaml.DocumentStartEvent():
                self._begin()
            case yaml.DocumentEndEvent() if len(self.faults) == self._faults_before:
                self.roots.append(self._root)

    def _begin(self) -> None:
        self._open: list[_Open] = []
        self._anchors: dict[str, Whole] = {}
        self._root = Whole(None, Lines(0))
        self._faults_before = len(self.faults)

    def _fault(self, line: int, message: str) -> None:
        self.faults.append((line, message))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._grow(1, event)
        self._check_tag(event)
        if self._open and self._open[-1].wants_key:
            self._key(self._open[-1], event)
            return
        value: Any = event.value
        if event.tag is None and event.implicit[0]:
            try:
                value = resolve(event.value)
            except ScalarError as error:
                self._fault(_line(event), str(error))
        self._finish(Whole(value, Lines(_line(event))), event.anchor, _line(event))

    def _key(self, mapping: _Open, event: yaml.ScalarEvent) -> None:
        if event.value == "<<" and event.implicit[0]:
            self._fault(_line(event), "merge keys (<<) are not supported; write the fields out")
        elif event.value in mapping.value:
            self._fault(_line(event), f"duplicate key {json.dumps(event.value[:_LONGEST_KEY])}")
        mapping.key.append((event.value, _line(event)))

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        self._grow(1, event)
        self._check_depth(event, 1)
        self._check_tag(event)
        self._open.append(_Open(event))

    def _alias(self, event: yaml.AliasEvent) -> None:
        anchor = str(event.anchor)
        named = self._anchors.get(anchor)
        if named is None:
            self._fault(_line(event), f"alias *{printable(anchor)} names nothing that is complete before it")
            named = Whole(None, Lines(_line(event)))
        self._grow(named.size, event)
        self._check_depth(event, named.height)
        self._finish(named, None, _line(event))

    def _finish(self, value: Whole, anchor: str | None, line: int) -> None:
        """A value is whole: it goes to what is open around it. `line` is where it stands, an alias by itself."""
        if anchor is not None:
            self._anchors[anchor] = value
        if not self._open:
            self._root = value
        elif self._open[-1].wants_key:
            self._fault(line, "a key is not text")
            self._open[-1].key.append(("", line))
        else:
            self._open[-1].put(value)

    def _grow(self, size: int, event: yaml.Event) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            raise CeilingError(_line(event), f"has more than {MAX_VALUES} values")

    def _check_depth(self, event: yaml.Event, height: int) -> None:
        if len(self._open) + height > MAX_DEPTH:
            raise CeilingError(_line(event), f"is nested deeper than {MAX_DEPTH}")

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None and event.tag not in _TAGS[type(event)]:
            self._fault(_line(event), f"tag {printable(event.tag)} is not supported")


def read(content: bytes, loader: Any = LOADER) -> Values:
    """All documents of a file; never raises. `loader` is one of PyYAML's, of which only its parser is used."""
    values = Values()
    if len(content) > MAX_BYTES:
        values.faults.append((0, f"has more than {MAX_BYTES} bytes"))
        return values
    try:
        for event in yaml.parse(content.decode("utf-8"), Loader=loader):
            values.take(event)
    except CeilingError as error:
        values.faults.append((error.line, str(error)))
    except UnicodeDecodeError as error:
        values.faults.append((content.count(b"\n", 0, error.start) + 1, "is not UTF-8"))
    except (yaml.YAMLError, ValueError) as error:
        values.faults.append(_syntax_fault(error, content))
    return values


def _syntax_fault(error: yaml.YAMLError | ValueError, content: bytes) -> tuple[int, str]:
    """Line and text of what the parser, or the reader of characters below it, cannot take."""
    mark = getattr(error, "problem_mark", None)
    line = mark.line if mark else content.count(b"\n", 0, getattr(error, "position", None) or 0)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it holds a character out of range"
    return line + 1, f"is not YAML: {printable(what)}"


def printable(text: str) -> str:
    """The text in printable ASCII, for messages, its end cut off."""
    return ascii(text[:_LONGEST_KEY])[1:-1]


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
