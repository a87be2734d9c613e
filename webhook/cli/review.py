"""`tidewaiter review`: an AdmissionReview in, the server's answer out."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from webhook.admission.decide import Decider
from webhook.admission.patch import Pins
from webhook.admission.ports import Namespaces
from webhook.admission.review import Answer, ReviewError
from webhook.admission.reviewer import Reviewer
from webhook.cli import options
from webhook.cli.exits import Exit
from webhook.config import EngineConfig
from webhook.errors import ConfigurationError
from webhook.kube.namespaces import KnownNamespaces
from webhook.policy_files import PolicyFiles
from webhook.verdict import Mode
from webhook.wiring import engine
from webhook.workload_kinds import WorkloadKind, workload_kinds


@click.command()
@options.policy_option()
@options.no_match_option
@options.workloads_option
@options.workload_kind_option
@options.namespace_label_option
@options.pod_security_labels_option
@options.trust_root_option
@options.registry_options
@options.option(
    "--endpoint",
    type=click.Choice(["validate", "pin"]),
    default="validate",
    show_default=True,
    help="Answer as /validate does, or as /pin: with the digests of tags as a JSON patch, and never with a denial.",
)
@click.argument("file", type=click.File("rb"))
def review(
    *,
    file: Any,
    policies: tuple[Path, ...],
    no_match: str,
    workloads: str,
    workload_kind: tuple[str, ...],
    namespace_label: tuple[str, ...],
    pod_security_labels: bool,
    trust_root: tuple[str, ...],
    endpoint: str,
    **registry: Any,
) -> None:
    """Answer one AdmissionReview of FILE (- for standard input) exactly as the server does.

    Prints the AdmissionReview that the API server would get. Exit code 0 when it allows, 1 when it denies, 2 for usage
    and configuration, 3 when it denies because something could not be found out.
    """
    trust = options.trust_config(trust_root)
    config = options.engine_config(policies, no_match, pod_security_labels=pod_security_labels, trust=trust, **registry)
    namespaces = KnownNamespaces(options.namespace_labels(namespace_label))
    answering = _pins if endpoint == "pin" else _reviewer(options.WORKLOADS[workloads], workload_kinds(workload_kind))
    try:
        answer = asyncio.run(_answer(config, namespaces, answering, file.read(options.MAX_INPUT_BYTES)))
    except ReviewError as error:
        raise ConfigurationError(str(error)) from error
    click.echo(answer.body.decode())
    sys.exit(_exit(answer))


Answering = Callable[[Decider], Reviewer | Pins]
"""Who answers, made of whoever decides."""


def _reviewer(workloads: Mode | None, kinds: Iterable[WorkloadKind]) -> Answering:
    return lambda decider: Reviewer(decider, workloads, kinds=kinds)


def _pins(decider: Decider) -> Pins:
    return Pins(decider.pinner())


async def _answer(config: EngineConfig, namespaces: Namespaces, answering: Answering, body: bytes) -> Answer:
    policies = PolicyFiles(config.policies, config.trust.names)
    async with engine(config, policies, namespaces) as decider:
        return await answering(decider).review(body)


def _exit(answer: Answer) -> Exit:
    return {"deny": Exit.DENIED, "error": Exit.INCONCLUSIVE}.get(answer.record.decision, Exit.ADMITTED)
