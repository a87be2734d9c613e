"""`tidewaiter pin`: the digests of tags, written into manifests."""

import asyncio
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import click
import msgspec

from webhook.admission.pin import Pin, Pinner
from webhook.admission.ports import Policies
from webhook.admission.report import plain
from webhook.cli import manifests, options
from webhook.cli.check import CONCURRENCY, WAIT_SECONDS
from webhook.cli.exits import Exit, worst
from webhook.cli.manifest_text import Change, ManifestText, Place
from webhook.cli.manifests import Resource
from webhook.codes import Code
from webhook.config import EngineConfig
from webhook.errors import ConfigurationError
from webhook.kube.namespaces import KnownNamespaces
from webhook.policy.book import Book, Policy
from webhook.policy.documents import Fault, FaultsError, parse
from webhook.policy.rules import ImageRules
from webhook.policy_files import PolicyFiles
from webhook.verdict import Violation
from webhook.wiring import engine
from webhook.workload_kinds import WorkloadKind, workload_kinds


class EveryTag:
    """Fills `webhook.admission.ports.Policies` where there are none: every image is judged, none is refused."""

    def __init__(self) -> None:
        self._book = Book((Policy(name="every tag", images=ImageRules()),))

    def current(self) -> Book:
        """The one policy."""
        return self._book


class Subject(msgspec.Struct, frozen=True):
    """One object that carries a pod: the file that it stands in, and which of its documents it is."""

    file: ManifestText
    number: int
    resource: Resource

    def place(self, path: str) -> Place:
        """Where a field of it stands."""
        return self.file.place(self.number, path)


class Trouble(msgspec.Struct, frozen=True):
    """Why something was not pinned, as a line of text, and what the command ends with."""

    text: str
    exit: Exit


@click.command()
@options.policy_option(required=False)
@options.option(
    "-f",
    "--filename",
    "files",
    multiple=True,
    required=True,
    metavar="FILE|DIR|-",
    help="Manifests to pin. Repeatable.",
)
@options.option("-i", "--in-place", is_flag=True, help="Rewrite the files; without it, what comes of them is printed.")
@options.option(
    "-n", "--namespace", default="default", show_default=True, help="The namespace of manifests that name none."
)
@options.namespace_label_option
@options.workload_kind_option
@options.trust_root_option
@options.registry_options
def pin(
    *,
    policies: tuple[Path, ...],
    files: tuple[str, ...],
    in_place: bool,
    namespace: str,
    namespace_label: tuple[str, ...],
    workload_kind: tuple[str, ...],
    trust_root: tuple[str, ...],
    **registry: Any,
) -> None:
    """Write behind each tag in manifests the digest that it names now: image:tag becomes image:tag@sha256:….

    With policies, those that an Enforce or Warn policy judges and does not refuse; without, all. Nothing else in the
    text is touched. Exit code 0 when all are pinned, 1 when one cannot be, 2 for usage and configuration, 3 when
    something could not be found out.
    """
    if in_place and "-" in files:
        raise click.UsageError("standard input cannot be rewritten in place")
    config = options.engine_config(policies, "deny", trust=options.trust_config(trust_root), **registry)
    texts = _read(files)
    labels = options.namespace_labels(
        namespace_label, dict(manifests.namespace_labels(document for text in texts for document in text.documents))
    )
    subjects = list(_subjects(texts, namespace, workload_kinds(workload_kind)))
    pins = asyncio.run(_pin_all(config, labels, subjects))
    troubles = [trouble for subject, found in zip(subjects, pins, strict=True) for trouble in _troubles(subject, found)]
    contents = []
    for text in texts:
        content, shared = _pinned(text, [each for each in zip(subjects, pins, strict=True) if each[0].file is text])
        contents.append(content)
        troubles += shared
    _hand_out(texts, contents, in_place=in_place)
    for trouble in troubles:
        click.echo(trouble.text, err=True)
    sys.exit(worst(trouble.exit for trouble in troubles))


def _read(files: Sequence[str]) -> list[ManifestText]:
    texts: list[ManifestText] = []
    faults: list[Fault] = []
    for source, content in manifests.contents(files):
        parsed = parse(source, content)
        faults += parsed.faults
        if not parsed.faults:
            texts.append(ManifestText(source, content, parsed.documents))
    if faults:
        raise FaultsError(tuple(faults))
    if not any(text.documents for text in texts):
        raise ConfigurationError(f"no manifests in {', '.join(files)}")
    return texts


def _subjects(texts: Sequence[ManifestText], namespace: str, kinds: Sequence[WorkloadKind]) -> Iterator[Subject]:
    for text in texts:
        for number, document in enumerate(text.documents):
            for resource in manifests.resources_of(document, namespace, kinds):
                yield Subject(text, number, resource)


async def _pin_all(
    config: EngineConfig, labels: dict[str, dict[str, str]], subjects: Sequence[Subject]
) -> list[tuple[Pin, ...]]:
    policies: Policies = PolicyFiles(config.policies, config.trust.names) if config.policies else EveryTag()
    async with engine(config, policies, KnownNamespaces(labels)) as decider:
        pinner, turns = decider.pinner(), asyncio.Semaphore(CONCURRENCY)
        return await asyncio.gather(*(_pin(pinner, subject.resource, turns) for subject in subjects))


async def _pin(pinner: Pinner, resource: Resource, turns: asyncio.Semaphore) -> tuple[Pin, ...]:
    if resource.pod is None:
        return ()
    async with turns:
        return await pinner.pins(resource.pod, resource.namespace, WAIT_SECONDS)


def _troubles(subject: Subject, pins: Sequence[Pin]) -> Iterator[Trouble]:
    resource = subject.resource
    if resource.pod is None:
        yield _trouble(resource.source, Violation(code=Code.OBJECT_INVALID, path="spec", message=resource.fault))
    for each in pins:
        if isinstance(each.found, Violation):
            yield _trouble(f"{subject.file.source}:{subject.place(each.use.path).line}", each.found)


def _trouble(source: str, why: Violation) -> Trouble:
    fix = f"; fix: {why.fix}" if why.fix else ""
    text = f"{source}: {why.path}: {why.code.value}: {why.message}{fix}"
    return Trouble(plain(text), Exit.INCONCLUSIVE if why.inconclusive else Exit.DENIED)


def _pinned(text: ManifestText, found: Sequence[tuple[Subject, tuple[Pin, ...]]]) -> tuple[bytes, list[Trouble]]:
    """The file with the digests of its tags, and what became of those that an alias shares with other fields.

    Such a value is left as it is unless all that it stands for are images that get the same digest.
    """
    wanted: dict[int, list[str]] = {}
    changes: dict[int, list[Change]] = {}
    places: dict[int, Place] = {}
    for subject, pins in found:
        for each in pins:
            if each.text != each.use.text:
                place = subject.place(each.use.path)
                places[place.end] = place
                wanted.setdefault(place.end, []).append(each.text.removeprefix(each.use.text))
                changes.setdefault(place.end, []).append(Change(subject.number, each.use.path, each.text))
    shared = [end for end, texts in wanted.items() if len(texts) != places[end].fields or len(set(texts)) > 1]
    troubles = [
        Trouble(f"{plain(text.source)}:{places[end].line}: not pinned: aliases use this value elsewhere", Exit.DENIED)
        for end in shared
    ]
    insertions = {end: texts[0] for end, texts in wanted.items() if end not in shared}
    return text.rewritten(insertions, [each for end in insertions for each in changes[end]]), troubles


def _hand_out(texts: Sequence[ManifestText], contents: Sequence[bytes], *, in_place: bool) -> None:
    for number, (text, content) in enumerate(zip(texts, contents, strict=True)):
        if in_place:
            if content != text.content:
                _write(Path(text.source), content)
            continue
        if number and not content.startswith(b"---"):
            click.echo("---")
        click.echo(content, nl=not content.endswith(b"\n"))


def _write(path: Path, content: bytes) -> None:
    """Replace a file as a whole, what a link leads to in its stead. Raises `ConfigurationError`."""
    target = path.resolve()
    try:
        with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as temporary:
            temporary.write(content)
        try:
            shutil.copymode(target, temporary.name)
            Path(temporary.name).replace(target)
        finally:
            Path(temporary.name).unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
