import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.checks.capability_names import listed, some


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "[]"),
        (["ALL"], "[ALL]"),
        (["NET_RAW", "SYS_ADMIN", "NET_RAW"], "[NET_RAW, SYS_ADMIN, NET_RAW]"),
        (["a", "b", "c", "d", "e", "f"], "[a, b, c, d, e, f]"),
        (["x" * 32], f"[{'x' * 32}]"),
        (["x" * 33], f"['{'x' * 31}...]"),
        (["-" * 32], f"['{'-' * 32}']"),
        (["it's"], '["it\'s"]'),
        (["\x7f"], "['\\x7f']"),
        (["\ud800"], "['\\ud800']"),
        (["\u0665"], "['\\u0665']"),
    ],
)
def test_lists_the_names_of_a_policy(names: list[str], text: str) -> None:
    assert listed(names) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "[]"),
        (["NET_RAW", "SYS_ADMIN", "NET_RAW"], "[NET_RAW, SYS_ADMIN]"),
        (["a", "b", "c", "d", "e"], "[a, b, c, d, e]"),
        (["a", "b", "c", "d", "e", "e", "f", "g"], "[a, b, c, d, e and 2 more]"),
    ],
)
def test_lists_some_of_the_names_of_a_pod(names: list[str], text: str) -> None:
    assert some(names) == text


@given(st.lists(st.text(st.characters())))
def test_whatever_a_pod_names_the_message_is_printable_ascii_and_bounded(names: list[str]) -> None:
    text = some(names)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) < 250
