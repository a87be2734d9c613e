"""`tidewaiter check`: manifests judged as the webhook would judge their pods."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from webhook.admission.decide import Decider
from webhook.admission.report import plain
from webhook.cli import manifests, options, output
from webhook.cli.exits import Exit, worst
from webhook.cli.manifests import Resource
from webhook.codes import Code
from webhook.config import EngineConfig
from webhook.kube.namespaces import KnownNamespaces
from webhook.policy_files import PolicyFiles
from webhook.verdict import ImageResult, Mode, Verdict, Violation
from webhook.wiring import engine
from webhook.workload_kinds import workload_kinds

CONCURRENCY = 16
"""How many resources are judged at once; registries see no more than so many questions of ours."""

WAIT_SECONDS = 60.0
"""Nobody's pod waits for a terminal or a CI job."""

FAIL_ON = {"deny": {Mode.ENFORCE}, "warn": {Mode.ENFORCE, Mode.WARN}, "audit": set(Mode)}


class Judged(msgspec.Struct, frozen=True):
    """A resource and what was decided about it."""

    resource: Resource
    verdict: Verdict

    def exit(self, modes: set[Mode]) -> Exit:
        """What the command ends with, were this the only resource; findings of these modes count as denials."""
        findings = [violation for violation in self.verdict.violations if violation.mode in modes]
        if not findings:
            return Exit.ADMITTED
        return Exit.INCONCLUSIVE if all(finding.inconclusive for finding in findings) else Exit.DENIED


@click.command()
@options.policy_option()
@options.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    required=True,
    metavar="FILE|DIR|-",
    help="Manifests to judge. Repeatable.",
)
@options.option(
    "-n", "--namespace", default="default", show_default=True, help="The namespace of manifests that name none."
)
@options.workload_kind_option
@options.no_match_option
@options.option(
    "--pin/--no-pin",
    default=True,
    show_default=True,
    help="Judge each tag as if it were replaced by the digest that it names now.",
)
@options.option(
    "--fail-on",
    type=click.Choice(list(FAIL_ON)),
    default="deny",
    show_default=True,
    help="The weakest finding that makes the exit code 1.",
)
@options.namespace_label_option
@options.pod_security_labels_option
@options.trust_root_option
@options.registry_options
@options.output_option("table", "json", "yaml")
def check(
    *,
    policies: tuple[Path, ...],
    files: tuple[str, ...],
    namespace: str,
    workload_kind: tuple[str, ...],
    no_match: str,
    pin: bool,
    fail_on: str,
    namespace_label: tuple[str, ...],
    pod_security_labels: bool,
    trust_root: tuple[str, ...],
    output_format: str,
    **registry: Any,
) -> None:
    """Judge manifests of every kind that carries a pod, as the webhook would judge their pods.

    Exit code 0 when all are admitted, 1 when one is denied, 2 for usage and configuration, 3 when something could not
    be found out.
    """
    config = options.engine_config(
        policies,
        no_match,
        pinning=pin,
        pod_security_labels=pod_security_labels,
        trust=options.trust_config(trust_root),
        **registry,
    )
    found = manifests.read(files, namespace, workload_kinds(workload_kind))
    labels = options.namespace_labels(namespace_label, found.namespaces)
    judged = asyncio.run(_judge_all(config, labels, found.resources))
    if output_format == "table":
        _print(judged)
    else:
        output.structured(_document(judged), output_format)
    sys.exit(worst(each.exit(FAIL_ON[fail_on]) for each in judged))


async def _judge_all(
    config: EngineConfig, labels: dict[str, dict[str, str]], resources: Sequence[Resource]
) -> list[Judged]:
    policies = PolicyFiles(config.policies, config.trust.names)
    async with engine(config, policies, KnownNamespaces(labels)) as decider:
        turns = asyncio.Semaphore(CONCURRENCY)
        return await asyncio.gather(*(_judge(decider, resource, turns) for resource in resources))


async def _judge(decider: Decider, resource: Resource, turns: asyncio.Semaphore) -> Judged:
    if resource.pod is None:
        violation = Violation(code=Code.OBJECT_INVALID, path="spec", message=resource.fault)
        return Judged(resource, Verdict(violations=(violation,)))
    async with turns:
        return Judged(resource, await decider.decide(resource.pod, resource.namespace, WAIT_SECONDS))


def _document(judged: Sequence[Judged]) -> dict[str, Any]:
    exits = [each.exit({Mode.ENFORCE}) for each in judged]
    return {
        "results": [
            {
                "resource": each.resource.name,
                "source": each.resource.source,
                "allowed": each.verdict.allowed,
                "policies": list(each.verdict.policies),
                "violations": [_violation(violation) for violation in each.verdict.violations],
                "exempted": [_exempted(violation) for violation in each.verdict.exempted],
                "images": [_image(image) for image in each.verdict.images],
            }
            for each in judged
        ],
        "summary": {
            "allowed": exits.count(Exit.ADMITTED),
            "denied": exits.count(Exit.DENIED),
            "errors": exits.count(Exit.INCONCLUSIVE),
        },
    }


def _violation(violation: Violation) -> dict[str, str]:
    return {
        "code": violation.code.value,
        "path": violation.path,
        "container": violation.container,
        "message": violation.message,
        "fix": violation.fix,
        "policy": violation.policy,
        "mode": violation.mode.value,
    }


def _exempted(violation: Violation) -> dict[str, str]:
    return {**_violation(violation), "reason": violation.exemption}


def _image(image: ImageResult) -> dict[str, Any]:
    return {
        "reference": image.reference,
        "digest": image.digest,
        "verified": image.verified,
        "signers": list(image.signers),
    }


def _print(judged: Sequence[Judged]) -> None:
    """A table of what became of each resource, then every finding in full, then the counts."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("RESOURCE", "VERDICT", "FINDINGS"):
        table.add_column(column, overflow="fold")
    for each in judged:
        verdict = Text("admitted", "green") if each.verdict.allowed else Text("denied", "bold red")
        codes = dict.fromkeys(violation.code.value for violation in each.verdict.violations)
        table.add_row(Text(plain(each.resource.name)), verdict, ", ".join(codes))
    Console(highlight=False).print(table)
    for each in judged:
        if each.verdict.violations or each.verdict.exempted:
            click.echo(f"{plain(each.resource.name)} ({plain(each.resource.source)})")
        for violation in each.verdict.violations:
            _print_finding(violation)
        for violation in each.verdict.exempted:
            _print_exempted(violation)
    summary = _document(judged)["summary"]
    click.echo(", ".join(f"{count} {name}" for name, count in summary.items()))


def _print_finding(violation: Violation) -> None:
    mode = "" if violation.denies else f" [{violation.mode.value}]"
    policy = f" (policy {plain(violation.policy)})" if violation.policy else ""
    container = f' "{plain(violation.container)}"' if violation.container else ""
    click.echo(f"  {plain(violation.path)}{container}")
    click.echo(f"    {violation.code.value}{mode}: {plain(violation.message)}{policy}")
    if violation.fix:
        click.echo(f"    fix: {plain(violation.fix)}")


def _print_exempted(violation: Violation) -> None:
    """One line: there is nothing to mend now."""
    where = f"{plain(violation.path)}: {violation.code.value}"
    click.echo(f"  exempt: {where} (policy {plain(violation.policy)}: {plain(violation.exemption)})")
