"""The text of a manifest, and where in it the images of its objects stand.

What is inserted goes behind a value that is there, so that comments, order, quotes and anchors stay as they are. The
parser that the manifest was read by says where that is; afterwards the result is read again and compared.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any

import msgspec
import yaml

from webhook.errors import ConfigurationError
from webhook.policy.documents import Document, parse
from webhook.policy.yaml_values import LOADER

_BOM = "\ufeff"
"""Parsers do not agree whether it counts as a character of the text."""

_STEP = re.compile(r"\w+", re.ASCII)


class Place(msgspec.Struct, frozen=True):
    """Where a value stands: the end of its text, its line, and how many fields of the file it stands for.

    It is more than one where an alias names it, or something around it.
    """

    end: int
    line: int
    fields: int


class Change(msgspec.Struct, frozen=True):
    """A field that gets another text: number of the document, path, and the text that it is to have."""

    number: int
    path: str
    text: str


class ManifestText:
    """A file that `webhook.policy.documents.parse` has read without a fault into these documents.

    `loader` is one of PyYAML's, of which only parser and composer are used.
    """

    def __init__(self, source: str, content: bytes, documents: Sequence[Document], loader: Any = LOADER) -> None:
        self.source = source
        self.content = content
        self.documents = documents
        text = content.decode("utf-8")
        self._bom = _BOM if text.startswith(_BOM) else ""
        self._text = text.removeprefix(_BOM)
        roots = list(yaml.compose_all(self._text, Loader=loader))
        self._fields = Counter(id(node) for root in roots for node in _scalars(root))
        self._objects = [each for root in roots for each in _objects(root)]

    def place(self, number: int, path: str) -> Place:
        """Where a field of one of the documents stands, by a path such as `spec.containers[0].image`."""
        node = self._objects[number]
        for step in _STEP.findall(path):
            node = node.value[int(step)] if isinstance(node, yaml.SequenceNode) else _child(node, step)
        return Place(self._end(node), node.start_mark.line + 1, self._fields[id(node)])

    def _end(self, node: yaml.ScalarNode) -> int:
        end: int = node.end_mark.index
        if node.style in {'"', "'"}:
            return end - 1
        while self._text[end - 1].isspace():  # behind a block scalar
            end -= 1
        return end

    def rewritten(self, insertions: Mapping[int, str], changes: Sequence[Change]) -> bytes:
        """The file with texts inserted at the ends of values, and `changes` are what comes of that, all of it.

        The result is read again. Raises `ConfigurationError` where a field has another value than it was to get, or
        anything else has another one than before.
        """
        ends = sorted(insertions)
        pieces = [self._text[start:end] for start, end in pairwise([0, *ends, len(self._text)])]
        inserted = [insertions[end] for end in ends]
        content = "".join([self._bom, *chain.from_iterable(zip(pieces, [*inserted, ""], strict=True))]).encode()
        after = parse(self.source, content)
        if after.faults or len(after.documents) != len(self.documents):
            raise self._misplaced(self._line(changes[0]) if changes else 1)
        for change in changes:
            if _value(after.documents[change.number].value, change.path) != change.text:
                raise self._misplaced(self._line(change))
        for number, (document, before) in enumerate(zip(after.documents, self.documents, strict=True)):
            ours = [each for each in changes if each.number == number]
            for change in ours:
                _put(document.value, change.path, _value(before.value, change.path))
            if document.value != before.value:
                raise self._misplaced(self._line(ours[0]) if ours else before.line)
        return content

    def _line(self, change: Change) -> int:
        return self.documents[change.number].line_of(tuple(map(_step, _STEP.findall(change.path))))

    def _misplaced(self, line: int) -> ConfigurationError:
        return ConfigurationError(f"{self.source}:{line}: cannot be rewritten so that nothing but images changes")


def _objects(node: yaml.Node) -> Iterator[Any]:
    """The objects of a document, lists taken apart, in the order of `parse`."""
    if not isinstance(node, yaml.MappingNode):
        return
    items = _child(node, "items")
    if isinstance(items, yaml.SequenceNode):
        for item in items.value:
            yield from _objects(item)
    else:
        yield node


def _child(mapping: yaml.MappingNode, key: str) -> Any:
    return next((value for name, value in mapping.value if name.value == key), None)


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Every value in a document that is no list or mapping, as often as it stands for a field."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    for part in node.value if isinstance(node, yaml.CollectionNode) else ():
        yield from _scalars(part[1] if isinstance(part, tuple) else part)


def _step(step: str) -> str | int:
    return int(step) if step.isdecimal() else step


def _value(document: Any, path: str) -> Any:
    """What stands at a path, None where it leads nowhere."""
    for step in _STEP.findall(path):
        try:
            document = document[int(step) if isinstance(document, list) else step]
        except (LookupError, TypeError, ValueError):
            return None
    return document


def _put(document: Any, path: str, value: Any) -> None:
    *steps, last = _STEP.findall(path)
    _value(document, ".".join(steps))[last] = value
