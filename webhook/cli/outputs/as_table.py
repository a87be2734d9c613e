"""`-o table`: for people at a terminal."""

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from webhook.admission.report import plain
from webhook.cli.outputs.as_document import counts
from webhook.cli.outputs.judged import Judged, Report
from webhook.verdict import Violation


def write(report: Report) -> None:
    """A table of what became of each resource, then every finding in full, then the counts."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("RESOURCE", "VERDICT", "FINDINGS"):
        table.add_column(column, overflow="fold")
    for each in report.judged:
        verdict = Text("admitted", "green") if each.verdict.allowed else Text("denied", "bold red")
        codes = dict.fromkeys(violation.code.value for violation in each.verdict.violations)
        table.add_row(Text(plain(each.resource.name)), verdict, ", ".join(codes))
    Console(highlight=False).print(table)
    for each in report.judged:
        _findings(each)
    click.echo(", ".join(f"{count} {name}" for name, count in counts(report).items()))


def _findings(each: Judged) -> None:
    if each.verdict.violations or each.verdict.exempted:
        click.echo(f"{plain(each.resource.name)} ({plain(each.resource.source)})")
    for violation in each.verdict.violations:
        _finding(violation)
    for violation in each.verdict.exempted:
        _exempted(violation)


def _finding(violation: Violation) -> None:
    mode = "" if violation.denies else f" [{violation.mode.value}]"
    policy = f" (policy {plain(violation.policy)})" if violation.policy else ""
    container = f' "{plain(violation.container)}"' if violation.container else ""
    click.echo(f"  {plain(violation.path)}{container}")
    click.echo(f"    {violation.code.value}{mode}: {plain(violation.message)}{policy}")
    if violation.fix:
        click.echo(f"    fix: {plain(violation.fix)}")


def _exempted(violation: Violation) -> None:
    """One line: there is nothing to mend now."""
    where = f"{plain(violation.path)}: {violation.code.value}"
    click.echo(f"  exempt: {where} (policy {plain(violation.policy)}: {plain(violation.exemption)})")
