"""The configurations that the chart rendered, from the files of a mounted ConfigMap: strictly, or not at all.

A folder without files, a configuration without webhooks, a webhook without rules: each would mean that nothing is
wanted, and so that nothing is ever missing. They are refused.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from webhook.controller.configurations.webhooks import API_VERSION, KINDS, STAMP, Configuration, parse, written
from webhook.errors import ConfigurationError
from webhook.policy import documents
from webhook.policy.documents import Document, FieldPath

MAX_FILES: Final = 16
"""Of the folder; the chart renders up to three."""

MAX_BYTES: Final = 1024 * 1024
"""Of one file: a ConfigMap as a whole has no more."""

_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_STAMP: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FREE: Final = frozenset({("metadata", "labels"), ("metadata", "annotations")})


def read(folder: Path) -> tuple[Configuration, ...]:
    """All configurations of the folder's files. Raises `ConfigurationError` that says where what is wrong."""
    found = {}
    for source, content in _files(folder):
        for document in documents.load(source, content):
            one = _configuration(document)
            if one.title in found:
                raise _fault(document, ("metadata", "name"), f"{one.title} stands there twice")
            found[one.title] = one
    if not found:
        raise ConfigurationError(f"{folder}: no webhook configuration in it")
    return tuple(found.values())


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files by what messages call them; kubelet swaps the link `..data` as a whole, so it is followed once."""
    try:
        data = folder / "..data"
        inside = folder / data.readlink() if data.is_symlink() else folder
        names = sorted(
            path.name
            for path in inside.iterdir()
            if path.suffix in _SUFFIXES and not path.name.startswith(".") and path.is_file()
        )
        if len(names) > MAX_FILES:
            raise ConfigurationError(f"{folder}: more than {MAX_FILES} files")
        for name in names:
            yield str(folder / name), _content(inside / name)
    except OSError as error:
        raise ConfigurationError(f"{folder}: cannot be read: {error.strerror}") from None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"{path}: more than {MAX_BYTES} bytes")
    return content


def _configuration(document: Document) -> Configuration:
    try:
        one = parse(document.value)
    except ConfigurationError as error:
        raise _fault(document, (), str(error)) from None
    for path, message in _faults(document.value, one):
        raise _fault(document, path, message)
    return one


def _faults(value: dict[str, Any], one: Configuration) -> Iterator[tuple[FieldPath, str]]:
    if one.api_version != API_VERSION or one.kind not in KINDS:
        yield ("kind",), f"expected one of {', '.join(KINDS)} of {API_VERSION}"
    for path in _unknown(value, written(one), ()):
        yield path, "is not known"
    if not _STAMP.fullmatch(one.stamp):
        yield ("metadata", "annotations"), f"{STAMP} is not a SHA-256 in hexadecimal digits"
    if not one.webhooks:
        yield ("webhooks",), "is empty"
    if len({each.name for each in one.webhooks}) < len(one.webhooks):
        yield ("webhooks",), "two have one name"
    for index, each in enumerate(one.webhooks):
        if not each.rules:
            yield ("webhooks", index, "rules"), "is empty: it would never be asked"


def _unknown(value: Any, known: Any, path: FieldPath) -> Iterator[FieldPath]:
    """Where fields are that reading has skipped."""
    if path in _FREE:
        return
    if isinstance(value, dict):
        for key, each in value.items():
            if key in known:
                yield from _unknown(each, known[key], (*path, key))
            else:
                yield (*path, key)
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _unknown(each, known[index], (*path, index))


def _fault(document: Document, path: FieldPath, message: str) -> ConfigurationError:
    return ConfigurationError(str(document.fault(path, message)))
