"""`-o junit`: JUnit XML, as CI services read test results.

One test case for each resource. A finding that denies is a `failure`, one that says that something could not be found
out an `error`; weaker and exempt ones are text that the case printed.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import click

from webhook.admission import report as wording
from webhook.cli.exits import Exit
from webhook.cli.outputs.judged import Judged, Report
from webhook.cli.outputs.place import place
from webhook.verdict import Mode, Violation

NAME: Final = "tidewaiter check"

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What is no Char of XML 1.0 (section 2.2) may not even be written as a reference."""


def write(report: Report) -> None:
    """The document on standard output."""
    click.echo(document(report), nl=False)


def document(report: Report) -> str:
    """The whole document. Each case counts once, as a failure if one of its findings denies."""
    exits = [each.exit(report.failing) for each in report.judged]
    counts = {
        "tests": str(len(exits)),
        "failures": str(exits.count(Exit.DENIED)),
        "errors": str(exits.count(Exit.INCONCLUSIVE)),
    }
    root = Element("testsuites", {"name": NAME, **counts})
    suite = SubElement(root, "testsuite", {"name": NAME, **counts, "skipped": "0"})
    for each in report.judged:
        _case(suite, each, report.failing)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}\n'


def _case(suite: Element, each: Judged, failing: frozenset[Mode]) -> None:
    found = place(each.resource, "")
    where = {"classname": xml_text(found.shown), "file": xml_text(found.shown), "line": str(found.line)}
    case = SubElement(suite, "testcase", {"name": wording.plain(each.resource.name), **where})
    for violation in each.failures(failing):
        _finding(case, each, violation)
    if told := "\n".join(_told(each, failing)):
        SubElement(case, "system-out").text = xml_text(told)


def _finding(case: Element, each: Judged, violation: Violation) -> None:
    tag = "error" if violation.inconclusive else "failure"
    said = {"message": xml_text(wording.plain(violation.message)), "type": violation.code.value}
    found = place(each.resource, violation.path)
    SubElement(case, tag, said).text = xml_text(f"{found.shown}:{found.line}: {wording.line(violation)}")


def _told(each: Judged, failing: frozenset[Mode]) -> Iterator[str]:
    for violation in each.verdict.violations:
        if violation.mode not in failing:
            yield f"{violation.mode.value}: {wording.line(violation)}"
    for violation in each.verdict.exempted:
        yield f"exempt ({wording.plain(violation.exemption)}): {wording.line(violation)}"


def xml_text(text: str) -> str:
    """The text without the characters that XML 1.0 cannot hold."""
    return _NOT_XML.sub("", text)
