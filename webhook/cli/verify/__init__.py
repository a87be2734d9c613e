"""`tidewaiter verify`: one image, with every candidate found beside it and why it passed or failed."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from webhook.admission.ports import Registry
from webhook.admission.report import plain
from webhook.cli import options, output
from webhook.cli.exits import Exit, worst
from webhook.codes import INCONCLUSIVE, Code
from webhook.config import RegistryConfig
from webhook.errors import ConfigurationError, NotFoundOutError
from webhook.images import ImageReference, ImageReferenceError, PinnedImage, parse
from webhook.policy.book import Book
from webhook.policy_files import PolicyFiles
from webhook.signatures.keys import KeyFaultError, PublicKey
from webhook.signatures.verify import KeyAuthority, Outcome, Requirement
from webhook.signatures.verify import verify as verify_evidence
from webhook.wiring import registry_client


class Candidate(msgspec.Struct, frozen=True):
    """One thing found, tried with one authority."""

    source: str
    authority: str
    accepted: bool
    reason: str


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What one requirement, of a key or of a policy's entry, makes of the image. `code` is empty when it holds."""

    policy: str
    entry: str
    verified: bool
    code: str = ""
    message: str
    signers: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One image: verified exactly when there is a judgement and each of them holds."""

    image: str
    digest: str | None = None
    judgements: tuple[Judgement, ...] = ()

    @property
    def exit(self) -> Exit:
        """What the command ends with, were this the only image."""
        if self.judgements and all(judgement.verified for judgement in self.judgements):
            return Exit.ADMITTED
        failed = [judgement for judgement in self.judgements if not judgement.verified]
        return Exit.INCONCLUSIVE if failed and all(each.code in INCONCLUSIVE for each in failed) else Exit.DENIED


class Question(msgspec.Struct, frozen=True):
    """A requirement, and where it comes from."""

    policy: str
    entry: str
    requirement: Requirement


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@options.option(
    "--key",
    "keys",
    type=options.FILE,
    multiple=True,
    help="A public key (PEM) that must have signed. Repeatable: all must.",
)
@options.policy_option(required=False)
@options.registry_options
@options.output_option("table", "json", "yaml")
def verify(
    images: tuple[str, ...], keys: tuple[Path, ...], policies: tuple[Path, ...], output_format: str, **registry: Any
) -> None:
    """Verify the signatures of each IMAGE with a key, or by the verify entries of policies that speak about it.

    Shows every signature found, where it lies, and why it passed or failed. Exit code 0 when every image verifies, 1
    when one does not, 2 for usage and configuration, 3 when it could not be found out.
    """
    if keys and _is_from_environment("policies"):
        policies = ()
    if bool(keys) == bool(policies):
        raise click.UsageError("give either --key or --policy")
    config = options.registry_config(**registry)
    references = [_reference(text) for text in images]
    book = PolicyFiles(policies).current() if policies else None
    questions = [_question(path) for path in keys]
    results = asyncio.run(_verify(config, references, questions, book))
    if output_format == "table":
        for result in results:
            _print(result)
    else:
        output.structured({"results": [_as_document(result) for result in results]}, output_format)
    sys.exit(worst(result.exit for result in results))


def _is_from_environment(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.ENVIRONMENT


def _reference(text: str) -> ImageReference:
    try:
        return parse(text)
    except ImageReferenceError as error:
        raise ConfigurationError(str(error)) from error


def _question(path: Path) -> Question:
    try:
        key = PublicKey.from_pem(path.read_text("ascii", "replace"))
    except (KeyFaultError, OSError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return Question("", f"key {path.name}", Requirement(1, (KeyAuthority(path.name, key),)))


async def _verify(
    config: RegistryConfig, images: Sequence[ImageReference], questions: Sequence[Question], book: Book | None
) -> list[Result]:
    literal = book.literal_registries if book else frozenset(image.registry for image in images)
    async with registry_client(config, literal.__contains__) as registry:
        return [await _verify_image(registry, image, questions, book) for image in images]


async def _verify_image(
    registry: Registry, image: ImageReference, questions: Sequence[Question], book: Book | None
) -> Result:
    refused: list[Judgement] = []
    if book is not None:
        questions, refused = _by_policies(image, book)
    if refused:
        return Result(image=str(image), digest=image.digest, judgements=tuple(refused))
    if not questions:
        message = "no verify entry of these policies speaks about it"
        return Result(
            image=str(image), digest=image.digest, judgements=(_failed("", "", Code.IMAGE_UNMATCHED, message),)
        )
    try:
        pinned = image.pinned() or await registry.resolve(image)
    except NotFoundOutError as error:
        return Result(image=str(image), judgements=(_failed("", "", error.code, str(error)),))
    denied = _by_digest(pinned, book) if book is not None else []
    evidence = await registry.evidence(pinned)
    judged = [
        _judge(question, verify_evidence(evidence, pinned.digest, question.requirement)) for question in questions
    ]
    return Result(image=str(image), digest=str(pinned.digest), judgements=(*denied, *judged))


def _by_policies(image: ImageReference, book: Book) -> tuple[list[Question], list[Judgement]]:
    """What the policies ask of the image, whatever namespaces they match, and what they refuse without asking."""
    questions: list[Question] = []
    refused: list[Judgement] = []
    for policy in book.policies:
        if policy.images is None:
            continue
        judgement = policy.images.judge(image, pinning=True)
        refused += [_failed(policy.name, each.entry, each.code, each.message) for each in judgement.violations]
        questions += [Question(policy.name, entry.name, entry.requirement) for entry in judgement.entries]
    return questions, refused


def _by_digest(pinned: PinnedImage, book: Book) -> list[Judgement]:
    return [
        _failed(policy.name, "", violation.code, violation.message)
        for policy in book.policies
        if policy.images is not None
        for violation in policy.images.judge_digest(pinned)
    ]


def _failed(policy: str, entry: str, code: Code, message: str) -> Judgement:
    return Judgement(policy=policy, entry=entry, verified=False, code=code, message=message)


def _judge(question: Question, outcome: Outcome) -> Judgement:
    return Judgement(
        policy=question.policy,
        entry=question.entry,
        verified=outcome.verified,
        code=outcome.code or "",
        message=outcome.message,
        signers=outcome.signers,
        candidates=tuple(
            Candidate(trial.source, trial.authority, trial.accepted, trial.reason) for trial in outcome.trials
        ),
    )


def _as_document(result: Result) -> dict[str, Any]:
    return {**msgspec.to_builtins(result), "verified": result.exit is Exit.ADMITTED}


def _print(result: Result) -> None:
    verdict = "verified" if result.exit is Exit.ADMITTED else "not verified"
    click.echo(f"{result.image}: {verdict}")
    if result.digest and result.digest not in result.image:
        click.echo(f"  digest {result.digest}")
    for judgement in result.judgements:
        mark = "pass" if judgement.verified else f"fail {judgement.code}"
        origin = " / ".join(part for part in (judgement.policy, judgement.entry) if part)
        click.echo(f"  {mark}: {origin + ': ' if origin else ''}{plain(judgement.message)}")
        for candidate in judgement.candidates:
            accepted = "pass" if candidate.accepted else "fail"
            by = f" [{plain(candidate.authority)}]" if candidate.authority else ""
            click.echo(f"    {accepted}: {plain(candidate.source)}{by}: {plain(candidate.reason)}")
