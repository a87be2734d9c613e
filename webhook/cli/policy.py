"""`tidewaiter policy`: work on policies themselves."""

import sys
from pathlib import Path

import click

from webhook import policy_files
from webhook.cli.exits import Exit
from webhook.cli.options import FILE_OR_FOLDER
from webhook.policy.documents import FaultsError
from webhook.policy.lint import lint as weaknesses


@click.group()
def policy() -> None:
    """Work on policies."""


@policy.command()
@click.argument("paths", nargs=-1, required=True, type=FILE_OR_FOLDER, metavar="FILE|DIR...")
def lint(paths: tuple[Path, ...]) -> None:
    """Find faults and weaknesses in policies.

    Faults make policies unusable and end with exit code 2. Weaknesses are warnings and do not change the exit code.
    """
    found = policy_files.read(paths)
    for notice in weaknesses(found.policies):
        click.echo(f"{notice} (warning)")
    try:
        book = found.book(", ".join(map(str, paths)))
    except FaultsError as error:
        for fault in error.faults:
            click.echo(f"{fault} (fault)")
        sys.exit(Exit.USAGE)
    count = len(book.policies)
    click.echo(f"{count} {'policy' if count == 1 else 'policies'} can be used")
