"""JSON that lenient readers disagree about is refused."""

import json

import pytest

from webhook.signatures import strict_json
from webhook.signatures.strict_json import JsonError, JsonObject

CEILING = 1 << 20

REFUSED = {
    "SIG-04 duplicate key": (b'{"a":1,"a":2}', "a key stands twice in one object"),
    "SIG-04 duplicate key that is written differently": (b'{"a":1,"\\u0061":1}', "a key stands twice in one object"),
    "SIG-04 duplicate key far inside": (b'[{"b":{"a":1,"a":1}}]', "a key stands twice in one object"),
    "SIG-04 NaN": (b'{"a":NaN}', "NaN is not JSON"),
    "SIG-04 Infinity": (b"[Infinity]", "Infinity is not JSON"),
    "SIG-04 minus Infinity": (b"[-Infinity]", "-Infinity is not JSON"),
    "SIG-04 number beyond a float": (b"[1e400]", "a number that is out of range"),
    "SIG-04 byte order mark": (b"\xef\xbb\xbf{}", "not JSON: Expecting value at character 0"),
    "SIG-04 trailing bytes": (b"{}x", "not JSON: Extra data at character 2"),
    "SIG-04 second value": (b"{} {}", "not JSON: Extra data at character 3"),
    "SIG-04 trailing NUL": (b"{}\x00", "not JSON: Extra data at character 2"),
    "PY-07 lone high surrogate": (b'["\\ud800"]', "a lone surrogate in a string"),
    "PY-07 lone low surrogate": (b'{"\\uDC00":1}', "a lone surrogate in a string"),
    "PY-07 surrogate encoded as UTF-8": (b'["\xed\xa0\x80"]', "not UTF-8"),
    "PY-07 integer of 21 digits": (b"[123456789012345678901]", "an integer of more than 20 digits"),
    "PY-07 integer of 5000 digits": (b"9" * 5000, "an integer of more than 20 digits"),
    "PY-03 digits that are not ASCII": ("[\u0661]".encode(), "not JSON: Expecting value at character 1"),
    "PY-03 digits with an underscore": (b"[1_0]", "not JSON: Expecting ',' delimiter at character 2"),
    "UTF-16": ("{}".encode("utf-16"), "not UTF-8"),
    "UTF-16 without a mark": (
        "{}".encode("utf-16-le"),
        "not JSON: Expecting property name enclosed in double quotes at character 1",
    ),
    "control character in a string": (b'["\n"]', "not JSON: Invalid control character at at character 2"),
    "empty": (b"", "not JSON: Expecting value at character 0"),
    "comment": (b"{}//", "not JSON: Extra data at character 2"),
    "single quotes": (b"{'a':1}", "not JSON: Expecting property name enclosed in double quotes at character 1"),
    "too deep": (b"[" * 65 + b"]" * 65, "nested deeper than 64"),
    "too deep in both kinds": (
        b'[{"a":' * 33 + b"0" + b"}]" * 33,
        "nested deeper than 64",
    ),
    "much too deep": (b"[" * 9_000, "nested deeper than 64"),
    "too many values": (b"[" + b"1," * 10_000 + b"1]", "more than the 10000 values that are read"),
    "too many strings": (b"[" + b'"",' * 10_001 + b'""]', "more than the 10000 values that are read"),
    "many commas in a string": (b'["' + b"," * 20_000 + b'"' + b"[" * 65, "nested deeper than 64"),
    "deep behind a string that spans what is counted at once": (
        b'["' + b"," * 70_000 + b'",' + b"[" * 65,
        "nested deeper than 64",
    ),
    "many brackets that do not match": (b"[]" * 65 + b"]", "not JSON: Extra data at character 2"),
    "deep behind a backslash outside of strings": (b'\\"' + b"[" * 65, "nested deeper than 64"),
    "deep behind a string that ends in a backslash": (b'["\\\\",' + b"[" * 65, "nested deeper than 64"),
    "brackets of other kinds that seem to match": (
        b"[" + b"[]," * 64 + b"{]]",
        "not JSON: Expecting property name enclosed in double quotes at character 194",
    ),
    "too large": (b" " * (CEILING + 1), "1048577 bytes are more than the 1048576 that are read"),
}

TAKEN = {
    "object": (b' {"a": [1, 2.5, true, null, "x"]}\n', {"a": [1, 2.5, True, None, "x"]}),
    "surrogate pair": (b'["\\ud83d\\ude00"]', ["\U0001f600"]),
    "backslash before what looks like a surrogate": (b'["\\\\ud800"]', ["\\ud800"]),
    "same key in two objects": (b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}]),
    "keys that differ in case": (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    "largest integer of 64 bits": (b"[18446744073709551615]", [18446744073709551615]),
    "as deep as may be": (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
    "as deep as may be, with siblings": (b"[" * 63 + b"[],[]" + b"]" * 63, json.loads("[" * 63 + "[],[]" + "]" * 63)),
    "brackets in strings": (b'["' + b"[{" * 100 + b'"]', ["[{" * 100]),
    "escaped quotes before brackets": (b'["' + b'\\"[' * 100 + b'"]', ['"[' * 100]),
    "as large as may be": (b"1" + b" " * (CEILING - 1), 1),
}


@pytest.mark.parametrize(("raw", "reason"), REFUSED.values(), ids=REFUSED)
def test_json_that_can_be_read_in_two_ways_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(JsonError) as refused:
        strict_json.loads(raw, CEILING)
    assert str(refused.value) == reason


@pytest.mark.parametrize(("raw", "value"), TAKEN.values(), ids=TAKEN)
def test_other_json_is_read(raw: bytes, value: object) -> None:
    assert strict_json.loads(raw, CEILING) == value


@pytest.mark.parametrize("raw", [b'"\\', b'"' + b'\\"' * (CEILING // 2), b"[" * CEILING, b'["' * (CEILING // 2)])
def test_hostile_bytes_up_to_the_ceiling_are_refused_in_linear_time(raw: bytes) -> None:
    """Quadratic time would be hours."""
    with pytest.raises(JsonError):
        strict_json.loads(raw[:CEILING], CEILING)


@pytest.mark.parametrize(("raw", "kind"), [(b"[]", "array"), (b"1", "number"), (b'"{}"', "string"), (b"null", "null")])
def test_a_document_that_is_no_object_is_refused_where_one_is_wanted(raw: bytes, kind: str) -> None:
    with pytest.raises(JsonError, match="not a JSON object"):
        strict_json.load_object(raw, CEILING)


@pytest.mark.parametrize("name", ["Type", "TYPE", "t\u0079pE"])
def test_a_member_with_a_second_spelling_is_refused(name: str) -> None:
    with pytest.raises(JsonError, match="the member type in another spelling"):
        strict_json.text({"type": "x", name: "x"}, "type")
    with pytest.raises(JsonError, match="the member type in another spelling"):
        strict_json.text({name: "x"}, "type")


@pytest.mark.parametrize(("spelling", "name"), [("\u212aey", "key"), ("\u017fubject", "subject")])
def test_letters_that_fold_to_ascii_are_a_second_spelling_too(spelling: str, name: str) -> None:
    """PY-04: Go's decoder folds the Kelvin sign and the long s."""
    with pytest.raises(JsonError, match=f"the member {name} in another spelling"):
        strict_json.member({spelling: 1}, name)


KINDS: dict[str, tuple[JsonObject, str]] = {
    "absent": ({}, "absent or null"),
    "null": ({"a": None}, "absent or null"),
    "boolean": ({"a": True}, "a boolean"),
    "integer": ({"a": 1}, "a number"),
    "float": ({"a": 1.5}, "a number"),
    "string": ({"a": "x"}, "a string"),
    "array": ({"a": []}, "an array"),
    "object": ({"a": {}}, "an object"),
}


@pytest.mark.parametrize(("parent", "kind"), KINDS.values(), ids=KINDS)
def test_a_member_of_another_kind_is_named_with_the_kind_found(parent: JsonObject, kind: str) -> None:
    if kind != "a string":
        with pytest.raises(JsonError, match=f"^a is {kind}, not a string$"):
            strict_json.text(parent, "a")
    if kind != "an object":
        with pytest.raises(JsonError, match=f"^a is {kind}, not an object$"):
            strict_json.child(parent, "a")
    if kind not in {"an array", "absent or null"}:
        with pytest.raises(JsonError, match=f"^a is {kind}, not an array$"):
            strict_json.items(parent, "a", 1)


def test_members_that_may_be_absent_read_as_empty() -> None:
    assert strict_json.optional_child({}, "a") == {}
    assert strict_json.optional_child({"a": {"b": 1}}, "a") == {"b": 1}
    assert strict_json.items({"a": None}, "a", 0) == []
    assert strict_json.items({"a": [1]}, "a", 1) == [1]


def test_an_array_over_its_ceiling_is_refused() -> None:
    with pytest.raises(JsonError, match=r"^a has 2 items, more than the 1 that are read$"):
        strict_json.items({"a": [1, 2]}, "a", 1)
