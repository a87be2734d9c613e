"""`tidewaiter policy`: work on policies themselves."""

import asyncio
import sys
from pathlib import Path

import click
import yaml

from webhook import policy_files
from webhook.cli import options
from webhook.cli.convert import convert
from webhook.cli.exits import Exit
from webhook.clock import SystemClock
from webhook.errors import ConfigurationError
from webhook.kube.static_policies import NotAppliedError, StaticPolicies
from webhook.policy.book import Book
from webhook.policy.documents import FaultsError
from webhook.policy.lint import lint as weaknesses
from webhook.policy.schema import definitions
from webhook.policy.vap import Generated, generate
from webhook.policy.vap.generation import PREFIX
from webhook.policy.vap.written import as_json, as_yaml, left_out


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
    for notice in weaknesses(found.policies, SystemClock().now()):
        click.echo(f"{notice} (warning)")
    try:
        book = found.book(", ".join(map(str, paths)))
    except FaultsError as error:
        for fault in error.faults:
            click.echo(f"{fault} (fault)")
        sys.exit(Exit.USAGE)
    click.echo(f"{_counted(book)} can be used")


@policy.command()
def schema() -> None:
    """Print the CustomResourceDefinitions of ClusterPodPolicy and TrustRoot, as the chart installs them."""
    click.echo(yaml.safe_dump_all(definitions(), sort_keys=False, width=120), nl=False)


@policy.command()
@options.policy_option()
@options.trust_root_option
@options.option(
    "--exempt-namespace",
    multiple=True,
    default=("kube-system",),
    show_default=True,
    metavar="NAMESPACE",
    help="A namespace whose pods are left alone, by its exact name. Repeatable.",
)
@options.option(
    "--mode",
    type=click.Choice(list(options.RELEASE_MODES)),
    default="policy",
    show_default=True,
    help="audit: nothing is denied, findings go to the API server's audit log; policy: what each policy's mode says.",
)
@options.output_option("yaml", "json")
@click.option("--apply", is_flag=True, help="Put them into the cluster, and take away others of the same owner.")
@click.option(
    "--owner",
    metavar="NAME",
    help="With --apply: the ValidatingWebhookConfiguration that they belong to and go with; names begin with its name.",
)
@options.option("--kubeconfig", type=options.FILE, help="With --apply: the cluster, from outside of it.")
def vap(
    *,
    policies: tuple[Path, ...],
    trust_root: tuple[str, ...],
    exempt_namespace: tuple[str, ...],
    mode: str,
    output_format: str,
    apply: bool,
    owner: str | None,
    kubeconfig: Path | None,
) -> None:
    """Print the static part of policies as ValidatingAdmissionPolicies, for Kubernetes 1.31 and newer.

    The API server judges by them itself, also while nobody answers its webhook calls. What they cannot say of a policy,
    such as who must have signed an image, is told on standard error, and in comments of the YAML.
    """
    if apply is (owner is None):
        raise ConfigurationError("--apply and --owner need each other")
    book = policy_files.load(policies, options.trust_config(trust_root).names)
    generated = generate(book.policies, exempt_namespace, options.RELEASE_MODES[mode], owner or PREFIX)
    for line in left_out(generated):
        click.echo(line, err=True)
    if owner is not None:
        _apply(generated, owner, kubeconfig)
    else:
        click.echo(as_json(generated) if output_format == "json" else as_yaml(generated), nl=False)


policy.add_command(convert)


def _apply(generated: list[Generated], owner: str, kubeconfig: Path | None) -> None:
    objects = [one for each in generated for one in each.objects]
    try:
        done = asyncio.run(StaticPolicies(owner, kubeconfig).replace(objects))
    except NotAppliedError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(Exit.INCONCLUSIVE)
    for line in done:
        click.echo(line)


def _counted(book: Book) -> str:
    count, roots = len(book.policies), len(book.trust_roots)
    policies = f"{count} {'policy' if count == 1 else 'policies'}"
    return f"{policies} and {roots} {'trust root' if roots == 1 else 'trust roots'}" if roots else policies
