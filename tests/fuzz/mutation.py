"""Changed inputs: those that are near to what a parser takes find more than random bytes do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from hypothesis import strategies as st

TOKENS: Final = (
    *(
        b'"',
        b"'",
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"@",
        b"/",
        b"*",
        b"\n",
        b"\r\n",
        b"\t",
        b" ",
        b"#",
        b"&a ",
    ),
    *(
        b"\0",
        b"\xff",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"\xef\xbb\xbf",
        "\u212a".encode(),
        "\u017f".encode(),
        b"%2f",
        b"../",
    ),
    *(b"NaN", b"1e999", b"-0", b"null", b"true", b"9" * 40, b"<<: *a", b"!!python/name:x ", b"---\n", b"\xc2\x85"),
    *(
        b"[" * 2000,
        b'{"a":' * 2000,
        b"sha256:" + b"a" * 64,
        b"stranger.invalid",
        b"evil.example.org",
        b"stranger.invalid/app",
    ),
)
VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    2**63,
    1.5,
    "",
    "x",
    "\ud800",
    "\0",
    [],
    {},
    [[]],
    {"a": {}},
    "ghcr.io/evil/app",
    "A" * 9000,
)
_MOST: Final = 4

Change = Callable[[bytes], bytes]


def mutated(corpus: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Members of a corpus, changed up to four times."""
    changes = st.lists(_changes(corpus), max_size=_MOST)
    return st.builds(_applied, st.sampled_from(corpus), changes)


def _applied(seed: bytes, changes: Sequence[Change]) -> bytes:
    for change in changes:
        seed = change(seed)
    return seed


def _changes(corpus: Sequence[bytes]) -> st.SearchStrategy[Change]:
    places = st.integers(min_value=0, max_value=1 << 16)
    tokens = st.sampled_from(TOKENS) | st.binary(max_size=4)
    return st.one_of(
        st.builds(_inserted, places, tokens),
        st.builds(_overwritten, places, st.binary(min_size=1, max_size=1)),
        st.builds(_cut, places, places),
        st.builds(_repeated, places, places),
        st.builds(_spliced, places, st.sampled_from(corpus)),
        st.builds(_line_dropped, places),
        st.builds(_value_changed, places, st.sampled_from(VALUES)),
        st.builds(_value_moved, places, places),
        st.builds(_key_respelt, places),
        st.builds(_key_twice, places, st.sampled_from(VALUES)),
    )


def _inserted(place: int, token: bytes) -> Change:
    return lambda data: data[: (at := place % (len(data) + 1))] + token + data[at:]


def _overwritten(place: int, byte: bytes) -> Change:
    return lambda data: data[: (at := place % (len(data) + 1))] + byte + data[at + 1 :]


def _cut(one: int, other: int) -> Change:
    def change(data: bytes) -> bytes:
        begin, end = sorted((one % (len(data) + 1), other % (len(data) + 1)))
        return data[:begin] + data[end:]

    return change


def _repeated(one: int, other: int) -> Change:
    def change(data: bytes) -> bytes:
        begin, end = sorted((one % (len(data) + 1), other % (len(data) + 1)))
        return data[:end] + data[begin:end] + data[end:]

    return change


def _spliced(place: int, other: bytes) -> Change:
    return lambda data: data[: place % (len(data) + 1)] + other[place % (len(other) + 1) :]


def _line_dropped(place: int) -> Change:
    def change(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True) or [b""]
        at = place % len(lines)
        return b"".join(lines[:at] + lines[at + 1 :])

    return change


def _of_json(change: Callable[[list[tuple[Any, Any]]], None]) -> Change:
    """A change of the places in a JSON document: containers, and keys in them. Other bytes stay as they are."""

    def changed(data: bytes) -> bytes:
        try:
            document = [json.loads(data)]
        except (ValueError, RecursionError):
            return data
        change([*_places(document)])
        try:
            return json.dumps(document[0]).encode()
        except (ValueError, IndexError):  # it contains itself, or is gone
            return data

    return changed


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def _value_changed(place: int, value: Any) -> Change:
    def change(places: list[tuple[Any, Any]]) -> None:
        container, key = places[place % len(places)]
        container[key] = json.loads(json.dumps(value))

    return _of_json(change)


def _value_moved(one: int, other: int) -> Change:
    def change(places: list[tuple[Any, Any]]) -> None:
        (source, name), (target, key) = places[one % len(places)], places[other % len(places)]
        target[key] = json.loads(json.dumps(source[name]))

    return _of_json(change)


def _key_respelt(place: int) -> Change:
    def change(places: list[tuple[Any, Any]]) -> None:
        container, key = places[place % len(places)]
        if isinstance(container, dict) and isinstance(key, str):
            container[key.swapcase()] = container.pop(key)

    return _of_json(change)


def _key_twice(place: int, value: Any) -> Change:
    """JSON writes no key twice, so the text is changed behind it: the other value comes first."""

    def change(data: bytes) -> bytes:
        begin = data.find(b"{", place % (len(data) + 1))
        end = data.find(b":", begin)
        if begin < 0 or end < 0:
            return data
        return data[: begin + 1] + data[begin + 1 : end + 1] + json.dumps(value).encode() + b"," + data[begin + 1 :]

    return change
