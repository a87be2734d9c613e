"""`-o github`: workflow commands of GitHub Actions, which annotate the lines of a pull request.

Escapes are those of the runner (actions/runner, `ActionCommand.cs`). A command is one line that begins with `::`, so
no name of an image or a file can begin another one. Services show ten annotations of a kind for each step.
"""

from collections.abc import Mapping
from typing import Final

import click

from webhook.admission.report import plain
from webhook.cli.outputs.as_document import counts
from webhook.cli.outputs.judged import Judged, Report
from webhook.cli.outputs.place import place
from webhook.verdict import Mode, Violation

COMMANDS: Final = {Mode.ENFORCE: "error", Mode.WARN: "warning", Mode.AUDIT: "notice"}

_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def write(report: Report) -> None:
    """One command for each finding, then the counts in a line of our own."""
    for each in report.judged:
        for violation in each.verdict.violations:
            click.echo(_finding(each, violation))
        for violation in each.verdict.exempted:
            click.echo(_exempted(each, violation))
    click.echo(", ".join(f"{count} {name}" for name, count in counts(report).items()))


def _finding(each: Judged, violation: Violation) -> str:
    policy = f" (policy {plain(violation.policy)})" if violation.policy else ""
    fix = f"\nfix: {plain(violation.fix)}" if violation.fix else ""
    return _annotation(COMMANDS[violation.mode], each, violation, f"{plain(violation.message)}{policy}{fix}")


def _exempted(each: Judged, violation: Violation) -> str:
    return _annotation("debug", each, violation, f"exempt: {plain(violation.exemption)}")


def _annotation(name: str, each: Judged, violation: Violation, message: str) -> str:
    found = place(each.resource, violation.path)
    text = f"{plain(each.resource.name)} {plain(violation.path)}: {message}"
    if name == "debug":
        return command(name, {}, f"{violation.code.value}: {text}")
    return command(name, {"file": found.shown, "line": str(found.line), "title": violation.code.value}, text)


def command(name: str, properties: Mapping[str, str], data: str) -> str:
    """One workflow command, in one line."""
    written = ",".join(f"{key}={value.translate(_PROPERTY)}" for key, value in properties.items())
    return f"::{name}{' ' if written else ''}{written}::{data.translate(_DATA)}"
