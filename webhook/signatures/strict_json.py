"""JSON that can be read in one way only.

Signed documents must mean the same to whoever signed them and to us, so what lenient readers disagree about is refused:
a key that stands twice, NaN and Infinity, a byte order mark, bytes after the value, lone surrogates, numbers that a
float or a 64-bit integer does not hold, other encodings than UTF-8. Size and depth have ceilings.
"""

import json
import math
import re
from itertools import accumulate
from typing import Final, NoReturn, TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]

MAX_DEPTH: Final = 64
"""Objects and arrays within each other: a bundle nests 5 deep, an SBOM about 15; the stack ends at 1,000."""

MAX_VALUES: Final = 10_000
"""Objects, arrays, strings and numbers together: each takes some 100 bytes of memory, and a fraction of a microsecond
in which no other thread runs. A bundle has about 60."""

MAX_INTEGER_DIGITS: Final = 20
"""With the sign: enough for every 64-bit integer, and far from the sizes where parsing one costs quadratic time."""

_WINDOW_BYTES: Final = 1 << 16
"""That are counted at once: other threads wait for each call to end, and these take a millisecond."""

_KINDS: Final[dict[type, str]] = {
    type(None): "absent or null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}
_BEFORE_VALUES = (b",", b"[", b"{")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord(opening): 1 for opening in "[{"} | {ord(closing): -1 for closing in "]}"}


class JsonError(ValueError):
    """The bytes are not JSON that can be read in one way only, or a member is not what it must be."""


def loads(raw: bytes, ceiling: int, values: int = MAX_VALUES) -> JsonValue:
    """What `raw` stands for, of at most `ceiling` bytes and about so many `values`. Raises `JsonError`."""
    if len(raw) > ceiling:
        raise JsonError(f"{len(raw)} bytes are more than the {ceiling} that are read")
    _refuse_shape(raw, values)
    try:
        value: JsonValue = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise JsonError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error.msg} at character {error.pos}") from None
    if _ESCAPED_SURROGATE.search(raw):
        _refuse_lone_surrogates(value)
    return value


def load_object(raw: bytes, ceiling: int, values: int = MAX_VALUES) -> JsonObject:
    """`loads` of a document that must be an object. Raises `JsonError`."""
    value = loads(raw, ceiling, values)
    if not isinstance(value, dict):
        raise JsonError("not a JSON object")
    return value


def member(parent: JsonObject, name: str) -> JsonValue:
    """The member called `name`; None if it is absent or null.

    Raises `JsonError` if another member has the same name but for its case: Go's decoder, which cosign uses, takes
    either for it, so the document would mean one thing to its signer and another here.
    """
    folded = name.casefold()
    if any(key != name and key.casefold() == folded for key in parent):
        raise JsonError(f"the member {name} in another spelling")
    return parent.get(name)


def text(parent: JsonObject, name: str) -> str:
    """The member called `name`, which must be a string. Raises `JsonError`."""
    value = member(parent, name)
    if not isinstance(value, str):
        raise JsonError(f"{name} is {_KINDS[type(value)]}, not a string")
    return value


def child(parent: JsonObject, name: str) -> JsonObject:
    """The member called `name`, which must be an object. Raises `JsonError`."""
    value = member(parent, name)
    if not isinstance(value, dict):
        raise JsonError(f"{name} is {_KINDS[type(value)]}, not an object")
    return value


def optional_child(parent: JsonObject, name: str) -> JsonObject:
    """The member called `name`, which must be an object where it is there; empty if absent. Raises `JsonError`."""
    return {} if member(parent, name) is None else child(parent, name)


def items(parent: JsonObject, name: str, ceiling: int) -> list[JsonValue]:
    """The member called `name`, which must be an array of at most `ceiling` items; [] if absent. Raises `JsonError`."""
    value = member(parent, name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise JsonError(f"{name} is {_KINDS[type(value)]}, not an array")
    if len(value) > ceiling:
        raise JsonError(f"{name} has {len(value)} items, more than the {ceiling} that are read")
    return value


def _refuse_shape(raw: bytes, values: int) -> None:
    """Count before parsing, so that the parser makes no more than so many values and never recurses far.

    Backslashes stand in strings alone, or else the parser stops at the first of them. Once escaped backslashes and
    quotes are gone, every second piece between quotes is outside of strings. Each value but the first follows a comma
    or an opening bracket.
    """
    if sum(map(raw.count, _BEFORE_VALUES)) <= MAX_DEPTH:
        return
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    inside = depth = 0
    ceiling = values
    for start in range(0, len(plain), _WINDOW_BYTES):
        pieces = plain[start : start + _WINDOW_BYTES].split(b'"')
        outside = b"".join(pieces[inside::2])
        inside = (inside + len(pieces) - 1) % 2
        values -= sum(map(outside.count, _BEFORE_VALUES))
        if values < 0:
            raise JsonError(f"more than the {ceiling} values that are read")
        depth = _depth_after(outside.translate(None, _NO_BRACKETS), depth)


def _depth_after(brackets: bytes, depth: int) -> int:
    depths = list(accumulate(map(_STEP.__getitem__, brackets), initial=depth))
    if max(depths) > MAX_DEPTH:
        raise JsonError(f"nested deeper than {MAX_DEPTH}")
    return depths[-1]


def _refuse_lone_surrogates(value: JsonValue) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise JsonError("a lone surrogate in a string") from None


def _object(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonError("a key stands twice in one object")
    return members


def _integer(digits: str) -> int:
    if len(digits) > MAX_INTEGER_DIGITS:
        raise JsonError(f"an integer of more than {MAX_INTEGER_DIGITS} digits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise JsonError("a number that is out of range")
    return number


def _constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant, strict=True
)
