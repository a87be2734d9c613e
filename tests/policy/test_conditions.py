"""Conditions in CEL: what is compiled, what holds, and what keeps an evaluation short."""

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.policy.conditions import MAX_BYTES, CelCondition, ConditionError, explained
from webhook.signatures.strict_json import JsonValue

IMAGE = {
    "registry": "registry.example.com",
    "repository": "team/app",
    "digest": f"sha256:{'a1' * 32}",
    "name": "registry.example.com/team/app",
}
PREDICATE: dict[str, Any] = {
    "scanner": {"uri": "pkg:github/aquasecurity/trivy@0.74.0", "version": "0.74.0"},
    "metadata": {"scanFinishedOn": "2026-01-09T12:00:00.123456789Z"},
    "count": 1,
    "ratio": 1.0,
    "large": 2**63,
    "nothing": None,
    "flag": True,
    "materials": [{"uri": "git+https://github.com/acme/app"}, {"uri": "pkg:docker/debian"}],
    "password": "hunter2" * 1000,
}


def refusal(text: str, predicate: object = PREDICATE) -> str | None:
    variables: Any = {
        "predicate": predicate,
        "statement": {"predicateType": "t", "predicate": predicate},
        "image": IMAGE,
    }
    return CelCondition.compile(text).refusal(variables)


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "predicate.scanner.uri.startsWith('pkg:github/aquasecurity/trivy')",
        "predicate.scanner.version.matches('^0[.][0-9]+[.]0$')",
        "predicate['scanner'].version == '0.74.0'",
        "predicate.count == 1",
        "predicate.count == 1.0",
        "predicate.ratio == 1",
        "predicate.count + 1 == 2",
        "predicate.large > 1",
        "predicate.nothing == null",
        "predicate.flag",
        "has(predicate.scanner) && !has(predicate.other)",
        "size(predicate.materials) == 2",
        "predicate.materials.all(one, has(one.uri))",
        "predicate.materials.exists(one, one.uri.startsWith('git+'))",
        "predicate.materials.exists_one(one, one.uri.contains('debian'))",
        "timestamp(predicate.metadata.scanFinishedOn) > timestamp('2026-01-01T00:00:00Z')",
        "timestamp(predicate.metadata.scanFinishedOn) + duration('24h') > timestamp('2026-01-10T00:00:00Z')",
        "statement.predicateType == 't' && statement.predicate.count == predicate.count",
        "image.registry == 'registry.example.com' && image.name == image.registry + '/' + image.repository",
        "image.digest.startsWith('sha256:')",
        "predicate.scanner.version in ['0.73.0', '0.74.0']",
        "true // with a comment\n",
    ],
)
def test_conditions_that_hold(text: str) -> None:
    assert refusal(text) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("false", ""),
        ("predicate.count == 2", ""),
        ("predicate.other == 1", ': Key not found in map : "other"'),
        ("image.tag == 'latest'", ': Key not found in map : "tag"'),
        ("predicate.scanner", ": the result is of type map<dyn, dyn>, not a boolean"),
        ("predicate.count", ": the result is of type int, not a boolean"),
        ("predicate.nothing", ": the result is of type null, not a boolean"),
        ("predicate.count / 0 == 1", ": divide by zero"),
        ("predicate.ratio + 1 > 1", ": No matching overloads found : _+_(double, int64)"),
        ("predicate.scanner.uri.matches('(')", ": invalid regular expression: missing ): ("),
        (
            "timestamp(predicate.scanner.uri) > timestamp('2026-01-01T00:00:00Z')",
            ": String to Timestamp conversion failed",
        ),
    ],
)
def test_conditions_that_do_not_hold_say_why(text: str, why: str) -> None:
    how = "could not be evaluated" if why else "false"
    assert refusal(text) == f"condition {how}: {text}{why}"


@pytest.mark.parametrize("predicate", [None, [], "text", 1, {}, {"scanner": None}])
def test_a_document_of_another_shape_does_not_hold(predicate: object) -> None:
    reason = refusal("predicate.scanner.uri == 'x'", predicate)
    assert reason is not None
    assert reason.startswith("condition could not be evaluated: predicate.scanner.uri == 'x': ")


def test_numbers_that_no_number_of_the_language_holds_make_it_false() -> None:
    assert "out of range" in (refusal("predicate.x > 0", {"x": 2**64}) or "")


def test_a_reason_does_not_quote_the_document() -> None:
    for text in ("predicate.password", "predicate.password == 1", "timestamp(predicate.password) > timestamp('x')"):
        assert "hunter2" not in (refusal(text) or "hunter2")
    quoting = refusal("predicate[predicate.password] == 1") or ""
    assert quoting.count("hunter2") <= 13  # a name that is missing is told, as far as a line has room


def test_a_missing_variable_makes_it_false() -> None:
    reason = CelCondition.compile("predicate.x == 1").refusal({})
    assert (
        reason
        == 'condition could not be evaluated: predicate.x == 1: No value with name "predicate" found in Activation'
    )


def test_text_that_cannot_be_converted_makes_it_false() -> None:
    reason = refusal("predicate.x == 'a'", {"x": "\ud800"}) or ""
    assert reason.startswith("condition could not be evaluated: predicate.x == 'a': ")


class Unreadable(Mapping[str, JsonValue]):
    """Variables that cannot be had."""

    def __getitem__(self, name: str) -> JsonValue:
        raise KeyError

    def __iter__(self) -> Iterator[str]:
        raise KeyError

    def __len__(self) -> int:
        return 0


def test_an_error_without_a_message_makes_it_false_as_well() -> None:
    reason = CelCondition.compile("true").refusal(Unreadable())
    assert reason == "condition could not be evaluated: true: no reason is given"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cve == 1", "line 1, column 1: undeclared reference to 'cve'"),
        ("predicate.x ==\n  cve", "line 2, column 3: undeclared reference to 'cve'"),
        ("predicate.x.sum() == 1", "line 1, column 16: undeclared reference to 'sum'"),
        ("image.registry == 1", "line 1, column 16: found no matching overload for '_==_' applied to '(string, int)'"),
        ("1 + 1", "the result is of type int; expected a boolean"),
        ("image.registry", "the result is of type string; expected a boolean"),
        ("image", "the result is of type map<string, string>; expected a boolean"),
        ("['a']", "the result is of type list<string>; expected a boolean"),
        ("predicate.map(x, x) == []", "map and filter are not offered; expected all, exists or exists_one"),
        ("size(predicate.filter(x, x)) == 0", "map and filter are not offered; expected all, exists or exists_one"),
        ("(" * 40 + "true" + ")" * 40, "nested too deep; expected at most 32 levels"),
        ("predicate" + ".x" * 40 + " == 1", "nested too deep; expected at most 32 levels"),
        ("'a' == '\ud800'", "a lone surrogate is not text"),
        ("'" + "\u00e9" * (MAX_BYTES // 2) + "' == ''", f"{MAX_BYTES + 8} bytes are more than the {MAX_BYTES}"),
    ],
)
def test_what_is_no_condition_is_told_when_it_is_compiled(text: str, message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        CelCondition.compile(text)
    assert str(caught.value).startswith(message)


def test_a_condition_may_be_as_long_as_the_ceiling() -> None:
    assert refusal(f"true{' ' * (MAX_BYTES - 4)}") is None


@pytest.mark.parametrize("text", ["", " ", "(", "'", "a b", "\0", "==", "predicate.", "&&", "1 == 'a'"])
def test_every_fault_has_a_place(text: str) -> None:
    with pytest.raises(ConditionError, match=r"^line [0-9]+, column [0-9]+: "):
        CelCondition.compile(text)


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["predicate", ".", "x", "(", ")", "==", "1", "'", "!", " ", "["])).map("".join)
)
def test_any_text_is_a_condition_or_says_why_it_is_none(text: str) -> None:
    try:
        said = CelCondition.compile(text).refusal({"predicate": {}, "statement": {}, "image": {}}) or ""
    except ConditionError as error:
        said = str(error)
    assert said.isascii()
    assert not said or said.isprintable()


def test_a_message_that_the_compiler_does_not_place_is_told_as_it_is() -> None:
    assert explained("INTERNAL: out of order [INTERNAL]") == "out of order"


def test_conditions_are_equal_by_their_text() -> None:
    one, same, other = (CelCondition.compile(text) for text in ("true", "true", "!false"))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other


def loops(depth: int) -> str:
    """Loops within each other over the same list."""
    names = [f"x{n}" for n in range(depth)]
    opening = "".join(f"predicate.list.all({name}, " for name in names)
    return f"{opening}{' + '.join(names)} >= 0{')' * depth}"


@pytest.mark.parametrize("depth", [2, 3, 8])
def test_loops_within_loops_end_quickly(depth: int) -> None:
    reason = refusal(loops(depth), {"list": list(range(1000))})
    assert reason is not None
    assert reason.endswith(": Iteration budget exceeded")


def test_a_loop_over_a_long_list_ends_as_well() -> None:
    assert refusal("predicate.all(x, x >= 0)", list(range(9_999))) is None
    assert (refusal("predicate.all(x, x >= 0)", list(range(1_000_000))) or "").endswith("Iteration budget exceeded")


def test_patterns_take_linear_time() -> None:
    assert refusal("predicate.matches('^(a+)+$')", "a" * 100_000 + "b") is not None


@contextmanager
def hasty(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that take turns all the time.

    Each has begun before the next one is started, and all before they get hasty: CPython 3.11 lets no thread begin
    while another one does that under a tracer ("Cannot install a trace function while another trace function is being
    installed").
    """
    begun = Barrier(2)
    all_begun = Barrier(threads + 1)

    def begin() -> None:
        begun.wait()
        all_begun.wait()

    interval = sys.getswitchinterval()
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(begin)
            begun.wait()
        all_begun.wait()
        sys.setswitchinterval(1e-5)
        try:
            yield pool
        finally:
            sys.setswitchinterval(interval)


def test_conditions_are_evaluated_and_compiled_by_several_threads_at_once() -> None:
    shared = [CelCondition.compile(f"predicate.list.exists(x, x == {n}) && predicate.text == 'x{n}'") for n in range(8)]

    def right(number: int) -> bool:
        n, holds = number % 8, number % 3 != 0
        document: Any = {"predicate": {"list": list(range(8)) if holds else [99], "text": f"x{n}"}}
        own = CelCondition.compile(f"predicate.text == 'x{n}'")
        return (shared[n].refusal(document) is None) == holds and own.refusal(document) is None

    with hasty(4) as pool:
        assert all(pool.map(right, range(4_000)))
