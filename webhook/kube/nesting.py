"""JSON that is nested deeper than can be read.

The API server stores what is nested 10,000 deep (Go's `encoding/json`), Python's readers give up at about 1,000, even
where they only skip it. One such object must not hide the others.
"""

import re
from typing import TypeVar

import msgspec

MAX_DEPTH = 64
"""No field that is known lies so deep, so that what is cut off was a fault before, and is one after."""

_T = TypeVar("_T")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]}]', re.DOTALL)


def decoded(content: bytes | msgspec.Raw, type_: type[_T]) -> _T:
    """What is written, with null for what is nested too deep, if it cannot be read whole.

    Raises `msgspec.DecodeError` where it is something else, or no JSON.
    """
    try:
        return msgspec.json.decode(content, type=type_)
    except RecursionError:
        return msgspec.json.decode(cut(bytes(content)), type=type_)


def cut(content: bytes) -> bytes:
    """The JSON with null in place of each array and object that is nested deeper than `MAX_DEPTH`."""
    kept: list[bytes] = []
    depth = begin = 0
    for token in _TOKEN.finditer(content):
        match content[token.start()]:
            case 0x5B | 0x7B:
                depth += 1
                if depth == MAX_DEPTH + 1:
                    kept += content[begin : token.start()], b"null"
            case 0x5D | 0x7D:
                depth -= 1
                if depth == MAX_DEPTH:
                    begin = token.end()
    return b"".join(kept) + (content[begin:] if depth <= MAX_DEPTH else b"")
