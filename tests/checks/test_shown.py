import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.checks.shown import listed, member, name, one_of, or_another, some


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ALL", "ALL"),
        ("app.kubernetes.io/name", "app.kubernetes.io/name"),
        ("8000-8080", "8000-8080"),
        ("a-", "'a-'"),
        (".a", "'.a'"),
        ("", "''"),
        ("x" * 63, "x" * 63),
        ("x" * 64, f"'{'x' * 62}..."),
        ("-" * 63, f"'{'-' * 63}'"),
        ("-" * 64, f"'{'-' * 62}..."),
        ("it's", '"it\'s"'),
        ("a\n", "'a\\n'"),
        ("\x7f", "'\\x7f'"),
        ("\ud800", "'\\ud800'"),
        ("\u0665", "'\\u0665'"),
    ],
)
def test_shows_a_name(text: str, shown: str) -> None:
    assert name(text) == shown


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "[]"),
        (["ALL"], "[ALL]"),
        (["NET_RAW", "SYS_ADMIN", "NET_RAW"], "[NET_RAW, SYS_ADMIN, NET_RAW]"),
        (["a", "b", "c", "d", "e", "f"], "[a, b, c, d, e, f]"),
        (["x" * 63, ""], f"[{'x' * 63}, '']"),
    ],
)
def test_lists_the_names_of_a_policy(names: list[str], text: str) -> None:
    assert listed(names) == text


def test_tells_one_that_is_allowed_from_several() -> None:
    assert (one_of(["Always"]), or_another(["Always"])) == ("Always", "")
    both = ["Always", "IfNotPresent"]
    assert (one_of(both), or_another(both)) == ("one of [Always, IfNotPresent]", " (or another that is allowed)")


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], "[]"),
        (["NET_RAW", "SYS_ADMIN", "NET_RAW"], "[NET_RAW, SYS_ADMIN]"),
        (["a", "b", "c", "d", "e"], "[a, b, c, d, e]"),
        (["a", "b", "c", "d", "e", "e", "f", "g"], "[a, b, c, d, e and 2 more]"),
        (["x" * 32], f"[{'x' * 32}]"),
        (["x" * 33], f"['{'x' * 31}...]"),
        (["-" * 32], f"['{'-' * 32}']"),
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


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("team", "labels.team"),
        ("ephemeral-storage", "labels.ephemeral-storage"),
        ("app.kubernetes.io/name", 'labels["app.kubernetes.io/name"]'),
        ("x" * 64, f"labels.{'x' * 64}"),
        ("x" * 65, f'labels["{"x" * 65}"]'),
        ("x" * 318, f'labels["{"x" * 317}"]'),
        ("", 'labels[""]'),
        ('"\n\u202e', 'labels["\\"\\n\\u202e"]'),
        ("\x7f", 'labels["\\u007f"]'),
    ],
)
def test_writes_the_path_of_a_mapping_s_member(key: str, path: str) -> None:
    assert member("labels", key) == path


@given(st.text(st.characters()))
def test_whatever_the_key_its_path_is_printable_ascii_and_bounded(key: str) -> None:
    path = member("spec", key, 32)
    assert path.isascii()
    assert path.isprintable()
    assert len(path) < 400
