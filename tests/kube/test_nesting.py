import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.kube.nesting import MAX_DEPTH, cut, decoded

NESTED = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text('"\\[]{}a\n', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"\\[]{}a', max_size=3), inner, max_size=3),
    max_leaves=20,
)


def deep(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + "1" + closing * depth


@given(NESTED, st.booleans())
def test_what_is_not_nested_too_deep_stays_as_it_is(value: Any, ascii_only: bool) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert cut(written) == written


@given(NESTED, st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"]":', "}]")]), st.integers(100, 3_000))
def test_what_lies_beside_something_too_deep_is_read(value: Any, brackets: tuple[str, str], depth: int) -> None:
    written = f'{{"before": {json.dumps(value)}, "deep": {deep(depth, *brackets)}, "after": {json.dumps(value)}}}'
    found = msgspec.json.decode(cut(written.encode()))
    assert (found["before"], found["after"], list(found)) == (value, value, ["before", "deep", "after"])


@pytest.mark.parametrize("beyond", [0, 1, 2])
def test_exactly_what_is_beyond_the_depth_is_null(beyond: int) -> None:
    inner = "1" if beyond == 0 else "null"
    expected = "[" * MAX_DEPTH + inner + "]" * MAX_DEPTH
    assert cut(deep(MAX_DEPTH + beyond).encode()).decode() == expected


@pytest.mark.parametrize("content", [b"[" * 100_000, b"[" * 2_000 + b'"', b"[" * 2_000 + b"]" * 2_001, b'"'])
def test_what_is_no_json_is_none_however_deep(content: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decoded(content, list[Any])
