"""How `tidewaiter audit` tells what a scan found: a table, or a document whose keys stay."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from webhook.admission.report import plain
from webhook.audit.results import Audited, Scan
from webhook.audit.summary import ByPolicy, Count, Counts, Mend, Summary
from webhook.cli import output
from webhook.cli.exits import Exit, worst
from webhook.cli.outputs.as_document import exempted_of, image_of, violation_of
from webhook.verdict import Mode

TOLD_SUBJECTS = 500
"""Of those that are in order; all that have findings are told."""

TOLD_MENDS = 10


def exit_code(scan: Scan, modes: set[Mode]) -> Exit:
    """What the command ends with; findings of these modes count as denials."""
    exits = [_exit(each, modes) for each in scan.audited]
    return worst([*exits, Exit.INCONCLUSIVE if scan.fault else Exit.ADMITTED])


def _exit(audited: Audited, modes: set[Mode]) -> Exit:
    findings = [finding for finding in audited.findings if finding.mode in modes]
    if not findings:
        return Exit.ADMITTED
    return Exit.INCONCLUSIVE if all(finding.inconclusive for finding in findings) else Exit.DENIED


def document(scan: Scan, summary: Summary) -> None:
    """Print all of it as JSON."""
    output.structured(
        {
            "began": scan.began.isoformat(),
            "ended": scan.ended.isoformat(),
            "generation": scan.generation,
            "pods": scan.pods,
            "fault": scan.fault,
            "notes": list(scan.notes),
            "results": [_result(each) for each in scan.audited],
            "summary": {**_counts(summary.counts), "exempted": _count(summary.exempted)},
            "policies": [
                {"policy": each.name, "mode": each.mode and each.mode.value, **_counts(each.counts), **_codes(each)}
                for each in summary.policies
            ],
            "namespaces": [
                {"namespace": each.name, **_counts(each.counts), **_codes(each)} for each in summary.namespaces
            ],
            "images": [
                {"image": each.name, "verified": each.verified, **_counts(each.counts), **_codes(each)}
                for each in summary.images
            ],
            "first": [_mend(each) for each in summary.first],
        },
        "json",
    )


def _result(audited: Audited) -> dict[str, Any]:
    would_deny = set(audited.would_deny)
    return {
        "resource": audited.subject.title,
        "api_version": audited.subject.api_version,
        "uid": audited.subject.uid,
        "pods": audited.pods,
        "allowed": not audited.denied,
        "would_be_denied": audited.would_be_denied,
        "policies": list(audited.policies),
        "violations": [{**violation_of(each), "would_deny": each in would_deny} for each in audited.findings],
        "left_out": audited.left_out,
        "exempted": [exempted_of(each) for each in audited.exempted],
        "images": [image_of(each) for each in audited.images],
    }


def _counts(counts: Counts) -> dict[str, dict[str, int]]:
    return {
        "all": _count(counts.all),
        "allowed": _count(counts.clear),
        "denied": _count(counts.denied),
        "would_be_denied": _count(counts.would_be_denied),
        "errors": _count(counts.undecided),
    }


def _count(count: Count) -> dict[str, int]:
    return {"subjects": count.subjects, "pods": count.pods}


def _codes(group: Any) -> dict[str, dict[str, dict[str, int]]]:
    return {"codes": {each.code.value: _count(each.counts.all) for each in group.codes}}


def _mend(mend: Mend) -> dict[str, Any]:
    return {
        "code": mend.code.value,
        "image": mend.image,
        "policy": mend.policy,
        "message": mend.message,
        "fix": mend.fix,
        "example": mend.example,
        "namespaces": list(mend.namespaces),
        "denies": mend.denies,
        "concerns": _count(mend.counts),
        "frees": _count(mend.frees),
    }


def table(scan: Scan, summary: Summary) -> None:
    """Print what became of each subject, what each policy found, what to do first, and the counts."""
    console = Console(highlight=False)
    told = list(_told(scan.audited))
    console.print(_rows(("SUBJECT", "PODS", "VERDICT", "FINDINGS"), map(_subject, told)))
    if len(told) < len(scan.audited):
        click.echo(f"and {len(scan.audited) - len(told)} more without findings")
    if summary.policies:
        columns = ("POLICY", "MODE", "DENIED", "WOULD BE DENIED", "UNDECIDED", "FINDINGS")
        console.print(_rows(columns, map(_policy, summary.policies)))
    _print_mends(summary.first)
    for note in scan.notes:
        click.echo(f"note: {plain(note)}", err=True)
    if summary.says_nothing:
        click.echo("no policy judges these pods: that they are admitted says nothing", err=True)
    if scan.fault:
        click.echo(f"not everything was looked at: {plain(scan.fault)}", err=True)
    click.echo(_in_words(scan, summary))


def _told(audited: Sequence[Audited]) -> Iterator[Audited]:
    """The worst first."""
    order = sorted(audited, key=lambda each: (not each.denied, not each.would_be_denied, not each.findings))
    clear = 0
    for each in order:
        clear += not each.findings
        if clear > TOLD_SUBJECTS:
            return
        yield each


def _rows(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made


def _subject(audited: Audited) -> Sequence[str | Text]:
    codes = dict.fromkeys(finding.code.value for finding in audited.findings)
    more = f" and {audited.left_out} more findings" if audited.left_out else ""
    return Text(plain(audited.subject.title)), str(audited.pods), _verdict(audited), f"{', '.join(codes)}{more}"


def _verdict(audited: Audited) -> Text:
    if audited.undecided:
        return Text("undecided", "yellow")
    if audited.denied:
        return Text("denied", "bold red")
    return Text("would be denied", "yellow") if audited.would_be_denied else Text("admitted", "green")


def _policy(policy: ByPolicy) -> Sequence[str | Text]:
    counts = policy.counts
    codes = ", ".join(f"{each.code.value} {each.counts.all.pods}" for each in policy.codes)
    return (
        Text(plain(policy.name) or "(none)"),
        policy.mode.value if policy.mode else "",
        str(counts.denied.pods),
        str(counts.would_be_denied.pods),
        str(counts.undecided.pods),
        codes,
    )


def _print_mends(mends: Sequence[Mend]) -> None:
    if not mends:
        return
    click.echo("What to do first:")
    for number, mend in enumerate(mends[:TOLD_MENDS], 1):
        what = mend.image or (f"policy {mend.policy}" if mend.policy else "no policy")
        frees = f", and frees {mend.frees.pods} of them" if mend.frees.pods else ""
        click.echo(f"{number:3}. {mend.code.value} ({plain(what)}): concerns {mend.counts.pods} pods{frees}")
        click.echo(f"     {plain(mend.message)} ({plain(mend.example)})")
        if mend.fix:
            click.echo(f"     fix: {plain(mend.fix)}")


def _in_words(scan: Scan, summary: Summary) -> str:
    counts = summary.counts
    told = (
        f"{counts.clear.pods} admitted",
        f"{counts.denied.pods} denied",
        f"{counts.would_be_denied.pods} would be denied once their policies enforce",
        f"{counts.undecided.pods} undecided",
    )
    return f"{scan.pods} pods of {len(scan.audited)} owners: {', '.join(told)}"
