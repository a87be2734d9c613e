"""Every denial as a developer reads it; `tests.golden` says where the files come from."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.golden.beside import BESIDE
from tests.golden.engine import FOLDER, SECRET, UID, WHEN, response, scenarios
from webhook.admission.report import MESSAGE_BYTES, SUMMARY_CHARACTERS
from webhook.codes import INCONCLUSIVE, Code

SCENARIOS: Final = scenarios()
EXPECTATION: Final = re.compile(
    r"expected|allowed here|accepted|required|above|condition false:|did you mean|takes the right", re.IGNORECASE
)
WITHOUT_EXPECTATION: Final = INCONCLUSIVE | {
    Code.IMAGE_NOT_FOUND,
    Code.REGISTRY_RESPONSE_INVALID,
    Code.NO_POLICY_MATCHES,
}
"""Nothing that the pod says is to blame: it could not be found out, or what it names is not there."""

EXCEPTIONS: Final = re.compile(r"Traceback|Exception|Error\b|errno|0x[0-9a-f]{6}|line \d+|\.py\b")
WITHOUT_FIX: Final = {Code.POLICY_INVALID, Code.NAMESPACE_LABEL_INVALID}
"""Whoever wrote them is told the field, what was found there and what is expected: the fix is to write that."""

every_code = pytest.mark.parametrize("code", Code)
about_pods = pytest.mark.parametrize("code", [code for code in Code if "guarded" not in SCENARIOS.get(code, {})])


def golden(code: str) -> str:
    return (FOLDER / f"{code}.txt").read_bytes().decode("ascii")


def parts(code: str) -> tuple[str, str, str, str, str]:
    """First line, place, finding, fix ("" if there is none) and request of the message."""
    first, place, finding, *fix, request = golden(code).splitlines()
    return first, place, finding, "".join(fix), request


@every_code
async def test_a_denial_reads_as_it_is_written_down(code: Code) -> None:
    denied = await response(code, SCENARIOS[code])
    assert f"{denied['status']['message']}\n" == golden(code), "if that is meant: python -m tests.golden"


@every_code
async def test_the_causes_tell_programs_the_same(code: Code) -> None:
    denied = await response(code, SCENARIOS[code])
    (cause,) = denied["status"]["details"]["causes"]
    assert (denied["allowed"], cause["reason"]) == (False, code)
    _, place, finding, _, _ = parts(code)
    assert cause["field"].startswith(place.split()[0])
    assert finding.startswith(f"    {code}: ")
    assert cause["message"].startswith(finding.removeprefix(f"    {code}: "))


def test_every_code_has_one_message_and_no_other_file_is_there() -> None:
    assert sorted(SCENARIOS) == sorted(Code)
    assert sorted(each.name for each in FOLDER.iterdir()) == sorted(f"{code}.txt" for code in Code)


def test_nothing_is_prepared_that_no_scenario_asks_for() -> None:
    assert {each for scenario in SCENARIOS.values() for each in scenario.get("beside", ())} == BESIDE.keys()
    assert {scenario["when"] for scenario in SCENARIOS.values() if "when" in scenario} == WHEN.keys()


@every_code
def test_the_first_line_stands_alone(code: Code) -> None:
    first, _, finding, _, _ = parts(code)
    assert len(first) <= SUMMARY_CHARACTERS
    assert re.match(r'(?:1 of 1 (?:images|containers) )?denied(?: by policy "production")?: \S+: ', first)
    assert first.endswith(f": {code} ({finding.removeprefix(f'    {code}: ')})")


@every_code
def test_a_message_says_what_was_found_and_what_is_expected(code: Code) -> None:
    _, place, finding, fix, request = parts(code)
    assert re.fullmatch(r'  \S+(?: "app"(?:  \S+)?)?', place)
    assert len(finding.removeprefix(f"    {code}: ").split()) > 1
    assert bool(EXPECTATION.search(finding + fix)) or code in WITHOUT_EXPECTATION
    assert request == f"request: {UID}"


@every_code
def test_a_message_says_what_to_do(code: Code) -> None:
    """Where only administrators can do something, they are whom to ask."""
    assert bool(re.match(r"    fix: \S+ \S+", parts(code)[3])) is (code not in WITHOUT_FIX)


@every_code
def test_a_message_is_short_plain_text_without_secrets(code: Code) -> None:
    message = golden(code)
    assert len(message) <= MESSAGE_BYTES
    assert message.endswith("\n")
    assert all(line.isprintable() and line == line.rstrip() for line in message.removesuffix("\n").split("\n"))
    assert SECRET not in message
    assert not EXCEPTIONS.search(message)


def warning(scenario: Mapping[str, Any]) -> dict[str, Any]:
    return {**scenario, "policy": {**scenario["policy"], "mode": "Warn"}}


ONLY_DENIED: Final = {Code.OBJECT_INVALID, Code.NO_POLICY_MATCHES, Code.NAMESPACE_UNKNOWN}
"""No policy's mode decides about these; of a Warn policy that may not match it is not known whether one decides."""


@about_pods
async def test_a_policy_that_warns_says_the_same_in_one_line(code: Code) -> None:
    answer = await response(code, warning(SCENARIOS[code]))
    if code in ONLY_DENIED:
        assert not answer["allowed"]
        return
    (cause,) = (await response(code, SCENARIOS[code]))["status"]["details"]["causes"]
    _, _, finding, fix, _ = parts(code)
    assert answer["allowed"]
    assert answer["warnings"] == [f"[production] {cause['field']}: {finding.strip()}; {fix.strip()}"]
