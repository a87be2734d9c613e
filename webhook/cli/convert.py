"""`tidewaiter policy convert`: policies of other tools into ours."""

import sys

import click

from webhook.cli import manifests, options
from webhook.cli.exits import Exit
from webhook.errors import ConfigurationError
from webhook.policy.convert import convert as converted_from
from webhook.policy.convert.written import as_yaml, not_converted
from webhook.policy.documents import load

FORMATS = {"yaml": as_yaml}


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE|-...")
@options.output_option(*FORMATS)
def convert(files: tuple[str, ...], output_format: str) -> None:
    """Convert policies of Kyverno, Sigstore policy-controller and Connaisseur.

    What is made never admits an image that the policy refuses. What cannot be said exactly is said more strictly or
    left out, and told on standard error and in comments. Exit code 0 when all was converted, 1 when something was not,
    2 when a file cannot be read.
    """
    documents = [document for source, content in manifests.contents(files) for document in load(source, content)]
    if not documents:
        raise ConfigurationError(f"no policies in {', '.join(files)}")
    converted = converted_from(documents)
    for line in not_converted(converted):
        click.echo(line, err=True)
    click.echo(FORMATS[output_format](converted), nl=False)
    sys.exit(Exit.DENIED if converted.losses else Exit.ADMITTED)
