from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import run
from tests.cli.reports import MANIFEST, finding, one_of_each_mode, report
from webhook.cli.outputs.as_junit import document, xml_text
from webhook.cli.outputs.judged import Judged, Report
from webhook.codes import Code
from webhook.verdict import Mode

WHOLE = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="tidewaiter check" tests="1" failures="1" errors="0">
  <testsuite name="tidewaiter check" tests="1" failures="1" errors="0" skipped="0">
    <testcase name="Pod/prod/web" classname="pod.yaml" file="pod.yaml" line="1">
      <failure message="no signature" type="NOT_SIGNED">pod.yaml:10: [production] spec.containers[0].image: \
NOT_SIGNED: no signature; fix: sign it</failure>
      <system-out>Warn: [production] spec.containers[1].image: LATEST_TAG: no signature; fix: sign it
Audit: [production] spec.containers[1].securityContext: READ_ONLY_ROOT_FILESYSTEM: no signature; fix: sign it
exempt (OPS-17): [production] spec.containers[0].securityContext: RUN_AS_NON_ROOT: no signature; fix: sign it\
</system-out>
    </testcase>
  </testsuite>
</testsuites>
"""


def tree(shown: Report) -> ET.Element:
    return ET.fromstring(document(shown))  # noqa: S314 - our own text


def test_findings_that_deny_are_failures_and_others_are_printed() -> None:
    assert document(one_of_each_mode()) == WHOLE


def test_what_could_not_be_found_out_is_an_error() -> None:
    suite = tree(report(finding(code=Code.REGISTRY_UNAVAILABLE)))[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "1")
    assert [each.tag for each in suite[0]] == ["error"]


def test_a_case_with_both_counts_once_as_a_failure() -> None:
    suite = tree(report(finding(), finding(code=Code.REGISTRY_UNAVAILABLE)))[0]
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    assert [each.tag for each in suite[0]] == ["failure", "error"]


def test_what_fails_follows_the_modes_that_fail_the_command() -> None:
    warned = report(finding(mode=Mode.WARN))
    assert tree(warned)[0].get("failures") == "0"
    assert tree(Report(warned.judged, frozenset({Mode.ENFORCE, Mode.WARN})))[0].get("failures") == "1"


def test_an_admitted_resource_is_a_case_without_content() -> None:
    assert list(tree(report())[0][0]) == []


@given(st.text())
def test_any_text_makes_xml_that_can_be_read(text: str) -> None:
    [each] = report(finding(message=text, fix=text, policy=text, path=text)).judged
    changed = Judged(each.resource, each.verdict)
    assert tree(Report((changed,), frozenset({Mode.ENFORCE})))[0][0].find("failure") is not None


@given(st.text())
def test_only_characters_that_xml_has_are_left(text: str) -> None:
    element = ET.Element("a")
    element.text = xml_text(text)
    read = ET.fromstring(ET.tostring(element, encoding="unicode"))  # noqa: S314 - our own text
    assert (read.text or "") == xml_text(text).replace("\r\n", "\n").replace("\r", "\n")


def test_control_characters_and_surrogates_are_removed() -> None:
    assert xml_text("a\x00\x1b\ufffe\ud800b\t\n") == "ab\t\n"


def test_check_writes_it(policies: str, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(MANIFEST)
    result = run("check", "-p", policies, "-f", str(file), "-o", "junit")
    assert result.exit_code == 1
    assert ET.fromstring(result.stdout)[0].get("failures") == "1"  # noqa: S314 - our own text
