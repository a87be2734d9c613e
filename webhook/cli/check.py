"""`tidewaiter check`: manifests judged as the webhook would judge their pods."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from webhook.admission.decide import Decider
from webhook.cli import manifests, options
from webhook.cli.exits import worst
from webhook.cli.manifests import Resource
from webhook.cli.outputs import FORMATS
from webhook.cli.outputs.judged import Judged, Report
from webhook.codes import Code
from webhook.config import EngineConfig
from webhook.kube.namespaces import KnownNamespaces
from webhook.policy_files import PolicyFiles
from webhook.verdict import Mode, Verdict, Violation
from webhook.wiring import engine
from webhook.workload_kinds import workload_kinds

CONCURRENCY = 16
"""How many resources are judged at once; registries see no more than so many questions of ours."""

WAIT_SECONDS = 60.0
"""Nobody's pod waits for a terminal or a CI job."""

FAIL_ON = {"deny": {Mode.ENFORCE}, "warn": {Mode.ENFORCE, Mode.WARN}, "audit": set(Mode)}


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
@options.output_option(*FORMATS)
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
    report = Report(tuple(judged), frozenset(FAIL_ON[fail_on]))
    FORMATS[output_format](report)
    sys.exit(worst(each.exit(report.failing) for each in judged))


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
