import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import document, run
from tests.cli.reports import MANIFEST, finding, one_of_each_mode, report, resource
from webhook.cli.outputs.as_sarif import fingerprint, log
from webhook.cli.outputs.judged import Report
from webhook.cli.outputs.place import Place
from webhook.codes import Code

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
RESULT = {
    "type": "object",
    "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints", "suppressions"],
    "properties": {
        "ruleId": {"enum": [code.value for code in Code]},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": TEXT,
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "suppressions": {
            "items": {
                "required": ["kind"],
                "properties": {
                    "kind": {"enum": ["inSource", "external"]},
                    "status": {"enum": ["accepted", "underReview", "rejected"]},
                    "justification": {"type": "string"},
                },
                "additionalProperties": False,
            }
        },
        "locations": {
            "minItems": 1,
            "items": {
                "required": ["physicalLocation"],
                "properties": {
                    "physicalLocation": {
                        "required": ["artifactLocation"],
                        "properties": {
                            "artifactLocation": {
                                "required": ["uri"],
                                "properties": {"uri": {"pattern": r"^[A-Za-z0-9%/:._~@!$&'()*+,;=-]+$"}},
                            },
                            "region": {"properties": {"startLine": {"type": "integer", "minimum": 1}}},
                        },
                    }
                },
            },
        },
    },
    "additionalProperties": False,
}
RULE = {
    "required": ["id", "shortDescription", "fullDescription", "help"],
    "properties": {"id": {"type": "string"}, "shortDescription": TEXT, "fullDescription": TEXT, "help": TEXT},
    "additionalProperties": False,
}
RUN = {
    "required": ["tool", "results"],
    "properties": {
        "tool": {
            "required": ["driver"],
            "properties": {
                "driver": {
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string"},
                        "semanticVersion": {"type": "string"},
                        "rules": {"items": RULE, "uniqueItems": True},
                    },
                    "additionalProperties": False,
                }
            },
        },
        "invocations": {"items": {"required": ["executionSuccessful"]}},
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "results": {"items": RESULT},
    },
    "additionalProperties": False,
}
ESSENTIALS = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"minItems": 1, "maxItems": 1, "items": RUN},
    },
    "additionalProperties": False,
}


def results(shown: Report) -> list[dict[str, Any]]:
    made = log(shown)
    jsonschema.validate(made, ESSENTIALS)
    found: list[dict[str, Any]] = made["runs"][0]["results"]
    return found


def line_of(result: dict[str, Any]) -> int:
    line: int = result["locations"][0]["physicalLocation"]["region"]["startLine"]
    return line


def artifact(source: str) -> dict[str, str]:
    [found] = results(report(finding(), source=source))
    where: dict[str, str] = found["locations"][0]["physicalLocation"]["artifactLocation"]
    return where


def test_levels_follow_modes_and_exempt_findings_are_suppressed_with_their_reason() -> None:
    found = [(each["ruleId"], each["level"], each["suppressions"]) for each in results(one_of_each_mode())]
    accepted = {"kind": "external", "status": "accepted", "justification": "OPS-17"}
    assert found == [
        ("NOT_SIGNED", "error", []),
        ("LATEST_TAG", "warning", []),
        ("READ_ONLY_ROOT_FILESYSTEM", "note", []),
        ("RUN_AS_NON_ROOT", "error", [accepted]),
    ]


def test_results_stand_on_the_line_of_their_field_or_of_what_is_around_it() -> None:
    assert [line_of(each) for each in results(one_of_each_mode())] == [10, 12, 11, 9]


def test_each_result_names_the_rule_at_its_index() -> None:
    made = log(one_of_each_mode())["runs"][0]
    rules = [rule["id"] for rule in made["tool"]["driver"]["rules"]]
    assert rules == [code.value for code in Code]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in made["results"])


def test_the_message_says_what_is_wrong_where_and_how_to_mend_it() -> None:
    text = "Pod/prod/web spec.containers[0].image: no signature (policy production); fix: sign it"
    assert results(report(finding()))[0]["message"] == {"text": text}


def test_no_name_makes_a_link_or_a_placeholder() -> None:
    [found] = results(report(finding(message="[click](https://evil.example) {0}")))
    assert "[click] (https://evil.example) {{0}}" in found["message"]["text"]


def test_what_could_not_be_found_out_makes_the_run_unsuccessful() -> None:
    whole = log(report(finding()))["runs"][0]["invocations"]
    assert whole == [{"executionSuccessful": True}]
    [unknown] = log(report(finding(code=Code.REGISTRY_UNAVAILABLE)))["runs"][0]["invocations"]
    assert unknown["executionSuccessful"] is False
    [notice] = unknown["toolExecutionNotifications"]
    assert notice["message"]["text"] == "1 of the findings say that something could not be found out"


def test_findings_beyond_the_ceiling_are_counted() -> None:
    made = log(report(*([finding()] * 25_003)))["runs"][0]
    assert len(made["results"]) == 25_000
    [notice] = made["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"] == "3 findings are left out, after the first 25000"


def test_files_below_the_working_folder_are_relative_and_percent_encoded() -> None:
    assert artifact("a folder/ä:b?.yaml") == {"uri": "a%20folder/%C3%A4%3Ab%3F.yaml", "uriBaseId": "%SRCROOT%"}
    assert artifact(str(Path.cwd() / "deep/../pod.yaml")) == {"uri": "pod.yaml", "uriBaseId": "%SRCROOT%"}


def test_files_elsewhere_and_standard_input_have_uris_too() -> None:
    assert artifact("/elsewhere/a b.yaml") == {"uri": "file:///elsewhere/a%20b.yaml"}
    assert artifact("<stdin>") == {"uri": "%3Cstdin%3E", "uriBaseId": "%SRCROOT%"}


@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_name_of_a_file_comes_back_out_of_its_uri(name: str) -> None:
    place = Place(f"sub/x{name}", 1)
    assert place.uri.isascii()
    assert urlsplit(place.uri)[:2] == ("", "")
    assert unquote(place.uri) == f"sub/x{name}"


def test_a_fingerprint_outlives_moved_lines_and_tells_findings_apart() -> None:
    moved = resource(content="# a comment\n\n" + MANIFEST)
    assert fingerprint("a.yaml", moved, finding()) == fingerprint("a.yaml", resource(), finding())
    others = [finding(code=Code.LATEST_TAG), finding(path="spec"), finding(policy="b"), finding(entry="e")]
    assert len({fingerprint("a.yaml", resource(), each) for each in [finding(), *others]}) == 5


@pytest.mark.parametrize(("path", "line"), [('metadata.labels["a/b"]', 4), ("spec.none[7]", 3), ("", 1), ("[", 1)])
def test_a_path_leads_to_its_line(path: str, line: int) -> None:
    pod = 'kind: Pod\nmetadata:\n  name: a\n  labels: {"a/b": x}\nspec: {containers: [{name: a, image: b}]}\n'
    written = resource(content="apiVersion: v1\n" + pod)
    assert written.line_of(path) == {4: 5, 3: 6, 1: 1}[line]


def test_check_writes_it_for_a_file_and_for_standard_input(policies: str, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(MANIFEST)
    result = run("check", "-p", policies, "-f", str(file), "--no-match", "deny", "-o", "sarif")
    made = document(result)
    jsonschema.validate(made, ESSENTIALS)
    assert made["runs"][0]["results"]
    piped = run("check", "-p", policies, "-f", "-", "-o", "sarif", stdin=yaml.safe_dump(yaml.safe_load(MANIFEST)))
    assert "%3Cstdin%3E" in piped.stdout
    assert (result.exit_code, piped.exit_code) == (1, 1)
    assert json.loads(piped.stdout)["version"] == "2.1.0"
