"""Hashes of what compiled values say."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.policy.content import content_hash
from webhook.signatures.reports.vulnerabilities import Severity


@dataclass(frozen=True)
class One:
    value: Any
    program: Any = field(default=None, compare=False)


@dataclass(frozen=True)
class Other:
    value: Any


MIDNIGHT = datetime(2027, 1, 1, tzinfo=UTC)
SAME: list[tuple[Any, Any]] = [
    (One(1, object()), One(1, object())),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({"a": 1}, MappingProxyType({"a": 1})),
    (frozenset({"a", "b"}), frozenset({"b", "a"})),
    (MIDNIGHT, MIDNIGHT.astimezone(timezone(timedelta(hours=1)))),
    (timedelta(hours=1), timedelta(minutes=60)),
    (Severity.HIGH, "high"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_is_equal_has_one_hash(one: Any, other: Any) -> None:
    assert content_hash(one) == content_hash(other)


DIFFERENT = [
    None,
    True,
    False,
    1,
    0,
    "1",
    "",
    b"1",
    b"",
    (),
    (1,),
    ("1",),
    (1, 2),
    (2, 1),
    ((1,), 2),
    {},
    {"1": 1},
    {"1": 2},
    frozenset[str](),
    frozenset({1}),
    frozenset({"1"}),
    MIDNIGHT,
    MIDNIGHT + timedelta(microseconds=1),
    timedelta(seconds=1),
    timedelta(seconds=2),
    One(1),
    One(2),
    Other(1),
    (One(1),),
]


def test_what_differs_has_different_hashes() -> None:
    hashes = [content_hash(value) for value in DIFFERENT]
    assert len(set(hashes)) == len(hashes)


def test_a_hash_is_64_hexadecimal_digits_and_the_same_in_every_process() -> None:
    expected = "80e3ef5f08b7333a9f8b4a9797877cbe7a5e77c37d6dd01d21a38e63617472dc"
    assert content_hash((One("a"), frozenset({"x", "y"}), {"b": b"c"})) == expected


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(TypeError, match="cannot hash a float"):
        content_hash((1.5,))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, VALUES)
def test_hashes_are_equal_exactly_where_values_are(one: Any, other: Any) -> None:
    assert (content_hash(one) == content_hash(other)) is (typed(one) == typed(other))


def typed(value: Any) -> Any:
    """The value with its types, since True is 1 for Python."""
    if isinstance(value, tuple):
        return [typed(item) for item in value]
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    return type(value), value
