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

    def rewritten(self, insertions: Mapping[int, str], paths: Sequence[tuple[int, str, str]]) -> bytes:
        """The file with texts inserted at the ends of values.

        `paths` are the fields that this changes: number of the document, path, and the value as it was. Raises
        `ConfigurationError` where the result would not read as before but for these.
        """
        ends = sorted(insertions)
        pieces = [self._text[start:end] for start, end in pairwise([0, *ends, len(self._text)])]
        inserted = [insertions[end] for end in ends]
        content = "".join([self._bom, *chain.from_iterable(zip(pieces, [*inserted, ""], strict=True))]).encode()
        after = parse(self.source, content)
        for number, path, before in paths if not after.faults else ():
            _put(after.documents[number].value, path, before)
        if after.faults or [each.value for each in after.documents] != [each.value for each in self.documents]:
            raise ConfigurationError(f"{self.source}: cannot be rewritten so that nothing but images changes")
        return content


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


def _put(value: Any, path: str, text: str) -> None:
    *steps, last = _STEP.findall(path)
    for step in steps:
        value = value[int(step) if isinstance(value, list) else step]
    value[last] = text
