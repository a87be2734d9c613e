"""`tidewaiter verify`: one image, with everything found beside it and why it passed or failed."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from webhook.admission.evidence_cache import RememberingRegistry
from webhook.admission.lookup import asked_of
from webhook.admission.ports import Registry
from webhook.admission.proving import Prover
from webhook.cli import options, output
from webhook.cli.exits import worst
from webhook.cli.verify.questions import Question, by_flags, by_policies, denied_digest
from webhook.cli.verify.results import Judgement, Result, as_document, failed, judgement, show
from webhook.clock import SystemClock
from webhook.codes import Code
from webhook.config import RegistryConfig, TrustConfig
from webhook.errors import ConfigurationError, NotFoundOutError
from webhook.images import ImageReference, ImageReferenceError, PinnedImage, parse
from webhook.policy.book import Book
from webhook.policy_files import PolicyFiles
from webhook.signatures.outcome import Outcome
from webhook.wiring import registry_client, trust_roots


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@options.option(
    "--key",
    "keys",
    type=options.FILE,
    multiple=True,
    help="A public key (PEM) that must have signed. Repeatable: all must.",
)
@options.option("--issuer", help="The OIDC issuer (URL) that vouches for the identity that must have signed; exact.")
@options.option("--subject", help="The identity in the signer's certificate; exact. Needs --issuer.")
@options.option("--subject-pattern", help="A regular expression (RE2) that matches the whole identity. Needs --issuer.")
@options.option(
    "--attestation",
    "attestations",
    multiple=True,
    metavar="TYPE",
    help="Wants an attestation of this type instead of a signature. Repeatable: all must be there.",
)
@options.policy_option(required=False)
@options.trust_root_option
@options.registry_options
@options.output_option("table", "json", "yaml")
def verify(
    images: tuple[str, ...],
    keys: tuple[Path, ...],
    issuer: str | None,
    subject: str | None,
    subject_pattern: str | None,
    attestations: tuple[str, ...],
    policies: tuple[Path, ...],
    trust_root: tuple[str, ...],
    output_format: str,
    **registry: Any,
) -> None:
    """Verify the signatures or attestations of each IMAGE: with keys, with an identity, or as policies want it.

    Shows everything found, where it lies, who made it, with which proof, and why it passed or failed. Exit code 0 when
    every image verifies, 1 when one does not, 2 for usage and configuration, 3 when it could not be found out.
    """
    given = bool(keys) or issuer is not None
    if given and _is_from_environment("policies"):
        policies = ()
    if [bool(keys), issuer is not None, bool(policies)].count(True) != 1:
        raise click.UsageError("give one of --key, --issuer and --policy")
    if issuer is None and (subject or subject_pattern):
        raise click.UsageError("--subject and --subject-pattern need --issuer")
    if attestations and policies:
        raise click.UsageError("--attestation goes with --key or --issuer; a policy says itself what it wants")
    trust = options.trust_config(trust_root)
    inquiry = _Inquiry(
        registry=options.registry_config(**registry),
        trust=trust,
        questions=by_flags(keys, issuer, subject, subject_pattern, attestations) if given else [],
        book=PolicyFiles(policies, trust.names).current() if policies else None,
    )
    results = asyncio.run(inquiry.answers([_reference(text) for text in images]))
    if output_format == "table":
        for result in results:
            show(result)
    else:
        output.structured({"results": [as_document(result) for result in results]}, output_format)
    sys.exit(worst(result.exit for result in results))


def _is_from_environment(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.ENVIRONMENT


def _reference(text: str) -> ImageReference:
    try:
        return parse(text)
    except ImageReferenceError as error:
        raise ConfigurationError(str(error)) from error


class _Inquiry(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of every image, and of whom: `questions` of flags, or what the policies of `book` ask."""

    registry: RegistryConfig
    trust: TrustConfig
    questions: Sequence[Question]
    book: Book | None

    async def answers(self, images: Sequence[ImageReference]) -> list[Result]:
        """A result for each image. Raises `ConfigurationError`."""
        literal = self.book.literal_registries if self.book else frozenset(image.registry for image in images)
        needed = {name for question in self.questions for name in question.entry.trust_roots}
        trust = await trust_roots(self.trust, self.registry, self.book, needed)
        async with registry_client(self.registry, literal.__contains__) as client:
            registry = RememberingRegistry(client, SystemClock())
            prover = Prover(registry, trust, SystemClock(), _compute)
            try:
                return [await self._answer(image, registry, prover) for image in images]
            finally:
                await registry.close()

    async def _answer(self, image: ImageReference, registry: Registry, prover: Prover) -> Result:
        questions, refused = by_policies(image, self.book) if self.book else (self.questions, [])
        if refused:
            return Result(image=str(image), digest=image.digest, judgements=tuple(refused))
        if not questions:
            nobody = failed("", "", Code.IMAGE_UNMATCHED, "no verify entry of these policies speaks about it")
            return Result(image=str(image), digest=image.digest, judgements=(nobody,))
        try:
            pinned = image.pinned() or await registry.resolve(image)
        except NotFoundOutError as error:
            return Result(image=str(image), judgements=(failed("", "", error.code, str(error)),))
        denied = denied_digest(pinned, self.book) if self.book else []
        judged = [await _judge(question, image, pinned, prover) for question in questions]
        return Result(image=str(image), digest=str(pinned.digest), judgements=(*denied, *judged))


async def _judge(question: Question, image: ImageReference, pinned: PinnedImage, prover: Prover) -> Judgement:
    entry = question.entry
    try:
        outcome = await prover.outcome(entry, *asked_of(entry, image, pinned)[1:])
    except NotFoundOutError as error:
        return failed(question.policy, entry.name, error.code, str(error))
    return judgement(question.policy, entry.name, outcome)


async def _compute(work: Callable[[], Outcome]) -> Outcome:
    """At once: nobody else waits for this program's event loop."""
    return work()
