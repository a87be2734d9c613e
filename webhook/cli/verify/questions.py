"""What is asked of an image: by keys and identities of flags, or by the verify entries of policies."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from webhook.cli.verify.results import Judgement, failed
from webhook.errors import ConfigurationError
from webhook.images import ImageReference, PinnedImage
from webhook.policy.book import Book
from webhook.policy.part import did_you_mean
from webhook.policy.rules import VerifyEntry
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import Authority, KeyAuthority, KeylessAuthority, Requirement
from webhook.signatures.identities import Identity, IdentityError
from webhook.signatures.keys import KeyFaultError, PublicKey
from webhook.signatures.predicate_types import PREDICATE_TYPES, predicate_types


class Question(msgspec.Struct, frozen=True):
    """A requirement, and the policy that it comes from, "" for flags."""

    policy: str
    entry: VerifyEntry


def by_flags(
    keys: Sequence[Path], issuer: str | None, subject: str | None, pattern: str | None, attestations: Sequence[str]
) -> list[Question]:
    """One question for each key, or one for the identity: a signature, or attestations where types are given."""
    if issuer is None:
        authorities = [(f"key {path.name}", KeyAuthority(path.name, _key(path))) for path in keys]
        return [_question(name, authority, attestations) for name, authority in authorities]
    if (subject is None) is (pattern is None):
        raise click.UsageError("give one of --subject and --subject-pattern with --issuer")
    try:
        identity = Identity(issuer, subject or "", pattern or "")
    except IdentityError as error:
        raise ConfigurationError(str(error)) from error
    name = subject or pattern or ""
    return [_question(f"identity {name}", KeylessAuthority(name, identity), attestations)]


def by_policies(image: ImageReference, book: Book) -> tuple[list[Question], list[Judgement]]:
    """What the policies ask of the image, whatever namespaces they match, and what they refuse without asking."""
    questions: list[Question] = []
    refused: list[Judgement] = []
    for policy in book.policies:
        if policy.images is None:
            continue
        judgement = policy.images.judge(image, pinning=True)
        refused += [failed(policy.name, each.entry, each.code, each.message) for each in judgement.violations]
        questions += [Question(policy.name, entry) for entry in judgement.entries]
    return questions, refused


def denied_digest(pinned: PinnedImage, book: Book) -> list[Judgement]:
    """What policies say of the digest alone."""
    return [
        failed(policy.name, "", violation.code, violation.message)
        for policy in book.policies
        if policy.images is not None
        for violation in policy.images.judge_digest(pinned)
    ]


def _key(path: Path) -> PublicKey:
    try:
        return PublicKey.from_pem(path.read_text("ascii", "replace"))
    except (KeyFaultError, OSError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _types(written: str) -> frozenset[str]:
    if written not in PREDICATE_TYPES and ":" not in written:
        expected = f"{', '.join(PREDICATE_TYPES)} or the URI of a predicate type"
        near = did_you_mean(written, PREDICATE_TYPES)
        raise ConfigurationError(f"--attestation: expected {expected}, found {written!a}{near}")
    return predicate_types(written)


def _question(name: str, authority: Authority, attestations: Sequence[str]) -> Question:
    requirement = Requirement(1, (authority,))
    rules = tuple(AttestationRule(written, _types(written), requirement) for written in attestations)
    signatures = None if attestations else requirement
    return Question("", VerifyEntry(name=name, key="", requirement=signatures, attestations=rules))
