"""`tidewaiter policy`: work on policies themselves."""

import sys
from pathlib import Path

import click

from webhook import policy_files
from webhook.cli import options
from webhook.cli.exits import Exit
from webhook.policy.book import Book
from webhook.policy.documents import FaultsError
from webhook.policy.lint import lint as weaknesses


@click.group()
def policy() -> None:
    """Work on policies."""


@policy.command()
@click.argument("paths", nargs=-1, required=True, type=options.FILE_OR_FOLDER, metavar="FILE|DIR...")
@options.trust_root_option
def lint(paths: tuple[Path, ...], trust_root: tuple[str, ...]) -> None:
    """Find faults and weaknesses in policies, and faults in the trust roots beside them.

    Faults make policies unusable and end with exit code 2. Weaknesses are warnings and do not change the exit code.
    Policies may name the trust roots that the programs are to get by flag; their files are not read.
    """
    found = policy_files.read(paths, options.trust_config(trust_root).names)
    for notice in weaknesses(found.policies):
        click.echo(f"{notice} (warning)")
    try:
        book = found.book(", ".join(map(str, paths)))
    except FaultsError as error:
        for fault in error.faults:
            click.echo(f"{fault} (fault)")
        sys.exit(Exit.USAGE)
    click.echo(f"{_counted(book)} can be used")


def _counted(book: Book) -> str:
    count, roots = len(book.policies), len(book.trust_roots)
    policies = f"{count} {'policy' if count == 1 else 'policies'}"
    return f"{policies} and {roots} {'trust root' if roots == 1 else 'trust roots'}" if roots else policies
