"""Text into values: what is read, with which lines, and what is refused."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.policy.writing import of_match
from webhook.errors import ConfigurationError
from webhook.policy.documents import Document, FaultsError, load, parse, path_text
from webhook.policy.yaml_values import MAX_BYTES, MAX_DEPTH, MAX_VALUES, read

SOURCE = "f.yaml"


def one(text: str) -> Document:
    (document,) = load(SOURCE, text.encode())
    return document


def faults(content: str | bytes) -> list[str]:
    return [str(fault) for fault in parse(SOURCE, content if isinstance(content, bytes) else content.encode()).faults]


SCALARS: list[tuple[str, Any]] = [
    ("text", "text"),
    ("'5'", "5"),
    ('"true"', "true"),
    ("!!str 5", "5"),
    ("! 5", "5"),
    ("|\n  a\n  b\n", "a\nb\n"),
    ("true", True),
    ("Yes", True),
    ("y", True),
    ("on", True),
    ("False", False),
    ("off", False),
    ("N", False),
    ("~", None),
    ("null", None),
    ("", None),
    ("0", 0),
    ("-7", -7),
    ("+7", 7),
    ("1_000", 1000),
    ("0x1F", 31),
    ("-0x1F", -31),
    ("0b101", 5),
    ("0o17", 15),
    ("017", 15),
    ("08", 8),
    ("18446744073709551615", 2**64 - 1),
    ("-9223372036854775808", -(2**63)),
    ("1.5", 1.5),
    (".5", 0.5),
    ("1e3", 1000),
    ("1.0", 1),
    ("-2.50e-1", -0.25),
    ("1e300", 1e300),
    ("0x", "0x"),
    ("1.2.3", "1.2.3"),
    ("--", "--"),
    (".", "."),
    ("...a", "...a"),
    ("._5", "._5"),
    ("22:22", "22:22"),
    ("2027-01-01", "2027-01-01"),
    ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
    ("\N{ARABIC-INDIC DIGIT ONE}", "\N{ARABIC-INDIC DIGIT ONE}"),
    ("<<", "<<"),
    ("=", "="),
]


@pytest.mark.parametrize(("written", "value"), SCALARS)
def test_a_scalar_means_what_kubectl_makes_of_it(written: str, value: Any) -> None:
    read = one(f"a: {written}").value["a"]
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (".inf", ".inf is not a number that JSON has"),
        ("-.INF", "-.INF is not a number that JSON has"),
        (".NaN", ".NaN is not a number that JSON has"),
        ("18446744073709551616", "a number does not fit into 64 bits; if it is text, put it into quotes"),
        ("-9223372036854775809", "a number does not fit into 64 bits; if it is text, put it into quotes"),
        ("9" * 5000, "a number does not fit into 64 bits; if it is text, put it into quotes"),
        ("1e999", "a number is too large; if it is text, put it into quotes"),
        ("!!int 5", "tag tag:yaml.org,2002:int is not supported"),
        ("!!python/name:os.system x", "tag tag:yaml.org,2002:python/name:os.system is not supported"),
        ("!!binary aGk=", "tag tag:yaml.org,2002:binary is not supported"),
        ("!%C3%A9 x", "tag !\\xe9 is not supported"),
        ("!!set {a}", "tag tag:yaml.org,2002:set is not supported"),
        ("!!omap [a]", "tag tag:yaml.org,2002:omap is not supported"),
    ],
)
def test_what_json_cannot_carry_is_a_fault(written: str, message: str) -> None:
    assert faults(f"b: 1\na: {written}") == [f"f.yaml:2: {message}"]


def test_explicit_tags_of_json_types_are_taken() -> None:
    assert one("!!map {a: !!seq [!!str 1]}").value == {"a": ["1"]}


def test_every_field_knows_its_line() -> None:
    document = one("# comment\na:\n  b:\n  - 1\n  -\n    c: 2\n  d: {e: [5,\n    6]}\n")
    lines = {
        (): 2,
        ("a",): 2,
        ("a", "b"): 3,
        ("a", "b", 0): 4,
        ("a", "b", 1): 6,
        ("a", "b", 1, "c"): 6,
        ("a", "d", "e"): 7,
        ("a", "d", "e", 1): 8,
    }
    assert {path: document.line_of(path) for path in lines} == lines
    assert document.line == 2


def test_a_field_that_is_not_there_has_the_line_of_what_is_around_it() -> None:
    document = one("a:\n  b:\n  - 1\n")
    assert document.line_of(("a", "b", 7)) == 2
    assert document.line_of(("a", "x", "y")) == 1
    assert document.line_of(("x",)) == 1


def test_a_fault_is_told_as_compilers_tell_it() -> None:
    document = one("a:\n- b: 1\n")
    assert str(document.fault(("a", 0, "b"), "is wrong")) == "f.yaml:2: a[0].b: is wrong"
    assert str(document.fault((), "is wrong")) == "f.yaml:1: is wrong"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("spec", "images", "allow", 0), "spec.images.allow[0]"),
        (("metadata", "labels", "example.com/a b"), 'metadata.labels["example.com/a b"]'),
        (("a", "\n"), 'a["\\n"]'),
        (("ключ",), '["\\u043a\\u043b\\u044e\\u0447"]'),
        ((0, 1), "[0][1]"),
        (("x" * 100,), f'["{"x" * 80}"]'),
    ],
)
def test_a_path_is_written_as_kubernetes_writes_it(path: tuple[str | int, ...], text: str) -> None:
    assert path_text(path) == text


def test_a_file_holds_many_documents_and_empty_ones_are_left_out() -> None:
    documents = load(SOURCE, b"---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n")
    assert [(document.line, document.value) for document in documents] == [(2, {"a": 1}), (7, {"b": 2})]


def test_nothing_is_no_document_and_no_fault() -> None:
    assert load(SOURCE, b"") == ()
    assert load(SOURCE, b"# only a comment\n") == ()


def test_a_byte_order_mark_is_taken() -> None:
    assert load(SOURCE, b"\xef\xbb\xbfa: 1")[0].value == {"a": 1}


def test_json_is_yaml() -> None:
    value: dict[str, Any] = {"a": [1, 2.5, True, None, 'tab\tquote"', {"b": {}}], "é": "/"}
    assert one(json.dumps(value, indent=1).replace("\n ", "\n\t")).value == value


def test_a_list_is_taken_apart_with_the_lines_of_its_items() -> None:
    documents = load(
        SOURCE,
        b"apiVersion: v1\nkind: List\nitems:\n- kind: A\n  x: 1\n- apiVersion: v1\n  kind: List\n"
        b"  items:\n  - kind: B\n    y: 2\n- null\n",
    )
    assert [document.value["kind"] for document in documents] == ["A", "B"]
    assert [document.line for document in documents] == [4, 9]
    assert str(documents[1].fault(("y",), "is wrong")) == "f.yaml:10: y: is wrong"


def test_an_empty_list_is_no_document() -> None:
    assert load(SOURCE, b"{apiVersion: v1, kind: List, items: []}") == ()


def test_a_list_of_another_api_is_an_object_like_any_other() -> None:
    assert one("{apiVersion: example.com/v1, kind: List}").value["kind"] == "List"


def test_an_alias_stands_for_what_its_anchor_marks() -> None:
    document = one("a: &labels {app: web}\nb: *labels\nc: [&x 1, *x]\n")
    assert document.value == {"a": {"app": "web"}, "b": {"app": "web"}, "c": [1, 1]}
    assert document.line_of(("b",)) == 2


DUPLICATE = ['f.yaml:2: duplicate key "a"']
FAULTS = [
    ("a: 1\nb: 2\na: 3", ['f.yaml:3: duplicate key "a"']),
    ("{a: {b: 1, b: 2}}", ['f.yaml:1: duplicate key "b"']),
    ('{"a": 1, "a": 2}', ['f.yaml:1: duplicate key "a"']),
    ("a: 1\n'a': 2", ['f.yaml:2: duplicate key "a"']),
    (f"{{{'k' * 90}: 1, {'k' * 90}: 2}}", [f'f.yaml:1: duplicate key "{"k" * 80}"']),
    ("a: &a {x: 1}\nb:\n  <<: *a", ["f.yaml:3: merge keys (<<) are not supported; write the fields out"]),
    ("? [a]\n: 1", ["f.yaml:1: a key is not text"]),
    ("a: &a b\n*a : 1", ["f.yaml:2: a key is not text"]),
    ("a: *b", ["f.yaml:1: alias *b names nothing that is complete before it"]),
    ("a: &a [*a]", ["f.yaml:1: alias *a names nothing that is complete before it"]),
    ("a: &a 1\n---\nb: *a", ["f.yaml:3: alias *a names nothing that is complete before it"]),
    ("- a", ["f.yaml:1: is not a mapping"]),
    ("text", ["f.yaml:1: is not a mapping"]),
    ("{apiVersion: v1, kind: List}", ["f.yaml:1: kind List has no list of items"]),
    ("{apiVersion: v1, kind: List, items: {}}", ["f.yaml:1: kind List has no list of items"]),
    ("apiVersion: v1\nkind: List\nitems:\n- a\n- 3", ["f.yaml:4: is not a mapping", "f.yaml:5: is not a mapping"]),
    ("a: [1", ["f.yaml:2: is not YAML: did not find expected ',' or ']'"]),
    ("a: 1\n\tb: 2", ["f.yaml:2: is not YAML: found a tab character that violates indentation"]),
    ("a: b: c", ["f.yaml:1: is not YAML: mapping values are not allowed in this context"]),
    ("a: 'é\x07'", ["f.yaml:1: is not YAML: control characters are not allowed"]),
    ("ä: 1\nb: \x00", ["f.yaml:2: is not YAML: control characters are not allowed"]),
    (b"a: 1\nb: \xff", ["f.yaml:2: is not UTF-8"]),
    ("a: 1".encode("utf-16"), ["f.yaml:1: is not UTF-8"]),
    ("a: 1\na: 2\n---\n- }", [*DUPLICATE, "f.yaml:4: is not YAML: did not find expected node content"]),
    ("[" * 65, [f"f.yaml:1: is nested deeper than {MAX_DEPTH}"]),
    ("[" * 1_000_000, [f"f.yaml:1: is nested deeper than {MAX_DEPTH}"]),
    ("- " * 100_000, [f"f.yaml:1: is nested deeper than {MAX_DEPTH}"]),
    (f"a: &a {'[' * 40}{']' * 40}\nb: {'[' * 30}*a{']' * 30}", [f"f.yaml:2: is nested deeper than {MAX_DEPTH}"]),
    (f"[{'a,' * MAX_VALUES}a]", [f"f.yaml:1: has more than {MAX_VALUES} values"]),
    (b"#" * (MAX_BYTES + 1), [f"f.yaml: has more than {MAX_BYTES} bytes"]),
]  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), FAULTS, ids=lambda value: ascii(value)[:40])
def test_what_cannot_be_read_without_doubt_is_a_fault(content: str | bytes, expected: list[str]) -> None:
    assert faults(content) == expected


def test_faults_stand_in_the_order_of_lines_whatever_found_them() -> None:
    assert faults("- a\n---\nb: 1\nb: 2\n---\n- c") == [
        "f.yaml:1: is not a mapping",
        'f.yaml:4: duplicate key "b"',
        "f.yaml:6: is not a mapping",
    ]


def test_aliases_of_aliases_do_not_grow_without_bound() -> None:
    nine = "".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10))
    assert faults(f"a0: &a0 [x, x, x, x, x, x, x, x, x]\n{nine}") == [f"f.yaml:6: has more than {MAX_VALUES} values"]


def test_a_document_at_the_ceilings_is_read() -> None:
    assert one(f"a: {'[' * (MAX_DEPTH - 1)}{']' * (MAX_DEPTH - 1)}").value["a"]
    assert len(one(f"a: [{'b,' * (MAX_VALUES - 3)}]").value["a"]) == MAX_VALUES - 3


def test_sound_documents_of_a_file_with_faults_are_still_read() -> None:
    parsed = parse(SOURCE, b"a: 1\n---\nb: 1\nb: 2\n---\nc: 1\n")
    assert [document.value for document in parsed.documents] == [{"a": 1}, {"c": 1}]
    assert [str(fault) for fault in parsed.faults] == ['f.yaml:4: duplicate key "b"']


def test_loading_a_file_with_faults_raises_all_of_them_as_one_configuration_error() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(SOURCE, b"a: 1\na: 2\na: 3")
    assert str(caught.value) == 'f.yaml:2: duplicate key "a"\nf.yaml:3: duplicate key "a"'


def reads_or_refuses(content: bytes) -> None:
    parsed = parse(SOURCE, content)
    json.dumps([document.value for document in parsed.documents], allow_nan=False)
    assert all(str(fault).isascii() for fault in parsed.faults)
    if parsed.faults:
        with pytest.raises(FaultsError):
            load(SOURCE, content)
    else:
        assert load(SOURCE, content) == parsed.documents


YAML_PIECES = (
    *("a", "b: ", "- ", "? ", ": ", "[", "]", "{", "}", ", ", "&x ", "*x", "!t ", "!!str ", "|\n", ">-\n", "'", '"'),
    *("\n", "\n  ", "---\n", "...\n", "%YAML 1.1\n", "<<: ", "# c\n", "0x1", ".inf", "1e9", "~", "\\u0041", "\t", "é"),
)
YAML_LIKE = st.lists(st.sampled_from(YAML_PIECES), max_size=40).map("".join)


@settings(deadline=None)
@given(st.text() | YAML_LIKE)
@example("\\U00110000")
@example('"\\ud83d"')
@example("%YAML 9.9\n--- a")
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    reads_or_refuses(text.encode())


@settings(deadline=None)
@given(st.binary())
def test_arbitrary_bytes_are_read_or_refused(content: bytes) -> None:
    reads_or_refuses(content)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(exclude_categories=["C", "Z"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", min_size=1), inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_what_json_writes_is_read_back(value: object) -> None:
    assert one(json.dumps({"a": value}, ensure_ascii=False)).value == {"a": value}


@settings(deadline=None)
@given(st.text() | YAML_LIKE)
@example('"\\U00110000"')
@example("%YAML 9.9\n--- a")
@example("a: \x00")
def test_the_parser_that_is_there_without_libyaml_refuses_in_the_same_way(text: str) -> None:
    values = read(text.encode(), yaml.SafeLoader)
    assert all(line > 0 and message.isascii() for line, message in values.faults)
    json.dumps([root.value for root in values.roots], allow_nan=False)


def test_a_policy_has_the_line_of_its_document() -> None:
    documents = load(SOURCE, f"{of_match('a')}---\n{of_match('b')}".encode())
    assert [document.line for document in documents] == [1, 8]


def test_the_items_of_a_list_of_one_kind_may_leave_their_kind_out() -> None:
    text = "{apiVersion: v1, kind: PodList, items: [{metadata: {name: a}}, {apiVersion: apps/v1, kind: Deployment}]}"
    found = [document.value for document in load(SOURCE, text.encode())]
    assert [(each["apiVersion"], each["kind"]) for each in found] == [("v1", "Pod"), ("apps/v1", "Deployment")]


def test_an_object_that_hides_others_in_items_is_a_fault() -> None:
    with pytest.raises(FaultsError) as error:
        load(SOURCE, b"{apiVersion: apps/v1, kind: Deployment, items: [{apiVersion: v1, kind: Pod}]}")
    message = "has items, of which kubectl makes objects of their own: expected kind List"
    assert str(error.value) == f"{SOURCE}:1: {message}"
