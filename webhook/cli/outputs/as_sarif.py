"""`-o sarif`: SARIF 2.1.0 (OASIS), as code scanning services take it.

One run; each code of the closed table is a rule, each finding a result on the line of its field. What is exempt is a
result that is suppressed, with the exemption's reason.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from typing import Any, Final

import click

from webhook import __version__
from webhook.admission.report import plain
from webhook.cli.manifests import Resource
from webhook.cli.outputs.judged import Report
from webhook.cli.outputs.place import Place, place
from webhook.codes import MEANINGS, Code
from webhook.verdict import Mode, Violation

MAX_RESULTS: Final = 25_000
"""GitHub's code scanning refuses a run with more; that some were left out is told in the run itself."""

LEVELS: Final = {Mode.ENFORCE: "error", Mode.WARN: "warning", Mode.AUDIT: "note"}

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES: Final = {code: index for index, code in enumerate(Code)}


def write(report: Report) -> None:
    """The log on standard output."""
    click.echo(json.dumps(log(report), indent=2))


def log(report: Report) -> dict[str, Any]:
    """The whole log."""
    found = _results(report)
    results = list(islice(found, MAX_RESULTS))
    more = sum(1 for _ in found)
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [_run(results, _invocation(report, more))]}


def _run(results: list[dict[str, Any]], invocation: dict[str, Any]) -> dict[str, Any]:
    driver = {"name": "tidewaiter", "semanticVersion": __version__, "rules": [_rule(code) for code in Code]}
    return {
        "tool": {"driver": driver},
        "invocations": [invocation],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }


def _rule(code: Code) -> dict[str, Any]:
    text = {"text": _text(MEANINGS[code])}
    return {"id": code.value, "shortDescription": text, "fullDescription": text, "help": text}


def _invocation(report: Report, more: int) -> dict[str, Any]:
    """Whether everything could be found out and told."""
    unknown = sum(violation.inconclusive for each in report.judged for violation in each.verdict.violations)
    notices = []
    if unknown:
        notices.append(f"{unknown} of the findings say that something could not be found out")
    if more:
        notices.append(f"{more} findings are left out, after the first {MAX_RESULTS}")
    told = [{"level": "error", "message": {"text": notice}} for notice in notices]
    return {"executionSuccessful": not notices, **({"toolExecutionNotifications": told} if told else {})}


def _results(report: Report) -> Iterator[dict[str, Any]]:
    for each in report.judged:
        for violation in each.verdict.violations:
            yield _result(each.resource, violation, [])
        for violation in each.verdict.exempted:
            accepted = {"kind": "external", "status": "accepted", "justification": plain(violation.exemption)}
            yield _result(each.resource, violation, [accepted])


def _result(resource: Resource, violation: Violation, suppressions: list[dict[str, str]]) -> dict[str, Any]:
    found = place(resource, violation.path)
    return {
        "ruleId": violation.code.value,
        "ruleIndex": _RULES[violation.code],
        "level": LEVELS[violation.mode],
        "message": {"text": _text(_message(resource, violation))},
        "locations": [_location(found, resource, violation)],
        "partialFingerprints": {"tidewaiter/v1": fingerprint(found.uri, resource, violation)},
        "suppressions": suppressions,
    }


def _message(resource: Resource, violation: Violation) -> str:
    policy = f" (policy {plain(violation.policy)})" if violation.policy else ""
    fix = f"; fix: {plain(violation.fix)}" if violation.fix else ""
    return f"{plain(resource.name)} {plain(violation.path)}: {plain(violation.message)}{policy}{fix}"


def _text(text: str) -> str:
    """The text as a message string: no placeholder (3.11.5), and no link (3.11.6) that a name could make."""
    return text.replace("](", "] (").replace("{", "{{").replace("}", "}}")


def _location(found: Place, resource: Resource, violation: Violation) -> dict[str, Any]:
    artifact = {"uri": found.uri, **({"uriBaseId": "%SRCROOT%"} if found.is_relative else {})}
    name = f"{plain(resource.name)}/{plain(violation.path)}"
    return {
        "physicalLocation": {"artifactLocation": artifact, "region": {"startLine": found.line}},
        "logicalLocations": [{"fullyQualifiedName": name}],
    }


def fingerprint(file: str, resource: Resource, violation: Violation) -> str:
    """The same for the same finding wherever its file's lines have moved."""
    entry = (violation.policy, violation.entry, violation.container)
    parts = (file, resource.name, violation.path, violation.code.value, *entry)
    return sha256(json.dumps(parts).encode()).hexdigest()
