"""Hashes of what compiled values say: equal exactly where the values are, and the same in every process."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any


def content_hash(value: object) -> str:
    """The hash of frozen dataclasses, what they are made of, and plain values; 64 hexadecimal digits.

    Of a dataclass it covers the fields by which it is compared, so that a field that is added is covered too.
    Raises `TypeError` for anything that it does not know.
    """
    return sha256(_text(value).encode()).hexdigest()


def _text(value: object) -> str:
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    """The value in JSON's types. Whatever is not one of them keeps its kind, so that no two are confused."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        compared = {field.name: _plain(getattr(value, field.name)) for field in fields(value) if field.compare}
        return {type(value).__name__: compared}
    for kind, written in _WRITTEN:
        if isinstance(value, kind):
            return {kind.__name__: written(value)}
    raise TypeError(f"cannot hash a {type(value).__name__}")


_WRITTEN: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (bytes, lambda value: value.hex()),
    (datetime, datetime.timestamp),
    (timedelta, timedelta.total_seconds),
    (frozenset, lambda value: sorted(map(_text, value))),
    (Mapping, lambda value: [[key, _plain(item)] for key, item in sorted(value.items())]),
)
