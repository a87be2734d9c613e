from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from webhook.cli.manifest_text import Change, ManifestText
from webhook.errors import ConfigurationError
from webhook.policy.documents import load, parse
from webhook.policy.yaml_values import MAX_BYTES

LOADERS = [yaml.CSafeLoader, yaml.SafeLoader]
every_loader = pytest.mark.parametrize("loader", LOADERS)


def manifest(text: str, loader: Any = yaml.CSafeLoader) -> ManifestText:
    content = text.encode()
    return ManifestText("file.yaml", content, load("file.yaml", content), loader)


def changed(text: str, path: str, loader: Any = yaml.CSafeLoader) -> str:
    """The text with `+new` behind the value at a path of its first document, which is `old`."""
    found = manifest(text, loader)
    return found.rewritten({found.place(0, path).end: "+new"}, [Change(0, path, "old+new")]).decode()


@every_loader
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("before", ["", "\ufeff", "# \u00e9\U0001d4b3\n", "---\n", "%YAML 1.1\n---\n"])
@pytest.mark.parametrize(
    "value",
    [
        "old+",
        "old+   # comment",
        "'old+'",
        '"old+" # comment',
        '"o\\u006cd+"',
        "!!str old+",
        "&name old+",
        "&name !!str 'old+'",
        ">-\n  old+\n\n\n# comment",
        "|-\n    old+",
        ">2-\n  old+",
        "\n  old+",
        "\n  'old+'  # comment",
    ],
)
def test_a_text_is_added_right_behind_a_value_of_any_style(value: str, before: str, end: str, loader: Any) -> None:
    text = f"{before}first: 1\na:\n- b\n- {{c: 2}}\nimage: {value}\nlast: [x]\n".replace("\n", end)
    assert changed(text.replace("+", ""), "image", loader) == text.replace("+", "+new")


@every_loader
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{a: {b: [{image: old+}]}}", "a.b[0].image"),
        ('{"a": {"b": [{"x": 1}, {"image": "old+"}]}}\n', "a.b[1].image"),
        ("a:\n- image: old+", "a[0].image"),
        ("a: &all [{image: old+}]\nb: *all", "b[0].image"),
    ],
)
def test_a_field_is_found_by_its_path(text: str, path: str, loader: Any) -> None:
    found = manifest(text.replace("+", ""), loader)
    paths = {path, path.replace("b[0]", "a[0]")} if "&" in text else {path}
    changes = [Change(0, each, "old+new") for each in paths]
    assert found.rewritten({found.place(0, path).end: "+new"}, changes).decode() == text.replace("+", "+new")


def test_a_place_knows_its_line_and_how_often_its_value_is_used() -> None:
    found = manifest("a: {image: old}\nb: &b {image: &image old}\nc: *b\nd: *image\n---\nimage: old\n")
    assert [(found.place(0, path).line, found.place(0, path).fields) for path in ("a.image", "b.image", "d")] == [
        (1, 1),
        (2, 3),
        (2, 3),
    ]
    assert (found.place(1, "image").line, found.place(1, "image").fields) == (6, 1)


def test_objects_are_numbered_as_the_reader_of_manifests_numbers_them() -> None:
    found = manifest(
        "---\n---\nline: '3'\n---\nkind: List\nitems:\n- {line: '7'}\n-\n- kind: BList\n  items: [{line: '10'}]\n"
        "---\nkind: PodList\nitems:\nline: '14'\n"
    )
    lines = [found.place(number, "line").line for number in range(len(found.documents))]
    assert lines == [int(document.value["line"]) for document in found.documents] == [3, 7, 10, 14]


@pytest.mark.parametrize(
    ("insertions", "changes", "line"),
    [
        pytest.param([("a", "+new")], [], 2, id="a field that nobody wants changed"),
        pytest.param([("a", "+new")], [Change(0, "b", "other+new")], 3, id="another field"),
        pytest.param([("a", "+new")], [Change(0, "a", "old+ne")], 2, id="another text"),
        pytest.param([("a", " +new")], [Change(0, "a", "old+new")], 2, id="something between the two"),
        pytest.param([("a", " #+new")], [Change(0, "a", "old #+new")], 2, id="a comment"),
        pytest.param([("c[0]", ", +new")], [Change(0, "c[0]", "x, +new")], 4, id="a further item"),
        pytest.param([("c[0]", ": +new")], [Change(0, "c[0].x", "+new")], 4, id="a mapping in a text's stead"),
        pytest.param([("b", "+new")], [Change(0, "b", "other+new"), Change(0, "d.e", "x")], 5, id="a path to nowhere"),
        pytest.param([("b", "\n---\nf: g")], [Change(0, "b", "other")], 3, id="a further document"),
        pytest.param([("a", ": x: y")], [Change(0, "a", "old: x: y")], 2, id="what cannot be read any more"),
    ],
)
def test_what_would_not_read_as_it_is_meant_to_is_not_written(
    insertions: list[tuple[str, str]], changes: list[Change], line: int
) -> None:
    found = manifest("# no more\na: old\nb: other\nc: [x]\nd: {}\n")
    at = {found.place(0, path).end: text for path, text in insertions}
    expected = f"file.yaml:{line}: cannot be rewritten so that nothing but images changes"
    with pytest.raises(ConfigurationError) as error:
        found.rewritten(at, changes)
    assert str(error.value) == expected


def test_a_change_that_lands_in_another_document_is_not_written() -> None:
    found = manifest("a: old\n---\na: old\n")
    with pytest.raises(ConfigurationError, match=r"file\.yaml:3: cannot be rewritten"):
        found.rewritten({found.place(0, "a").end: "+new"}, [Change(1, "a", "old+new")])
    with pytest.raises(ConfigurationError, match=r"file\.yaml:3: cannot be rewritten"):
        found.rewritten({found.place(1, "a").end: "+new"}, [])


def test_a_file_does_not_grow_beyond_what_is_read_of_one() -> None:
    text = "image: old\n"
    found = manifest(text + "#" * (MAX_BYTES - len(text)))
    with pytest.raises(ConfigurationError, match="cannot be rewritten"):
        found.rewritten({found.place(0, "image").end: "+new"}, [Change(0, "image", "old+new")])


@given(
    st.recursive(st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=8),
    st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.booleans(),
    st.sampled_from([20, 80]),
)
def test_any_document_that_is_read_keeps_all_else(
    beside: Any, further: dict[str, str], style: str | None, flow: bool, width: int
) -> None:
    document = {"a": beside, "m": {**further, "image": "old"}, "z": further}
    text = yaml.safe_dump(document, default_style=style, default_flow_style=flow, width=width, allow_unicode=True)
    if parse("file.yaml", text.encode()).faults:
        return
    assert load("f", changed(text, "m.image").encode())[0].value["m"]["image"] == "old+new"
