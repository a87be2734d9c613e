"""Policies and trust roots gathered out of files into a book, or every fault of all of them."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from webhook.policy import documents
from webhook.policy.book import Book, Policy
from webhook.policy.compile import compiled
from webhook.policy.compile_trust_root import trust_root_source
from webhook.policy.documents import Document, Fault, FaultsError
from webhook.policy.model import KIND, ClusterPodPolicy
from webhook.policy.model_trust_root import KIND as TRUST_ROOT
from webhook.policy.named_files import ReadFile
from webhook.policy.part import did_you_mean, shown
from webhook.policy.trust_roots import TrustRootSource
from webhook.policy.validation import validated
from webhook.signatures.authorities import PUBLIC_GOOD

GIVE_ONE = "; a TrustRoot document or --trust-root NAME=FILE gives one"
_CALLED = {KIND: "policy", TRUST_ROOT: "trust root"}


@dataclass(frozen=True, slots=True)
class Written:
    """A policy with where it was written, and how."""

    document: Document
    model: ClusterPodPolicy
    policy: Policy


class Collection:
    """Takes files one after the other. `faults` has what is wrong with any of them, `policies` those that are sound.

    `trust_roots` has the trust roots that are sound, by name. Policies may name those, `PUBLIC_GOOD`, and the ones
    that are `given` by other means.
    """

    def __init__(self, given: Iterable[str] = ()) -> None:
        self.policies: list[Written] = []
        self.trust_roots: dict[str, TrustRootSource] = {}
        self.faults: list[Fault] = []
        self._named = {PUBLIC_GOOD, *given}
        self._first: dict[tuple[str, str], Document] = {}

    def add(self, source: str, content: bytes, read_file: ReadFile) -> None:
        """What one file holds, called `source` in messages; `read_file` reads the files that it names."""
        parsed = documents.parse(source, content)
        self.faults += parsed.faults
        for document in parsed.documents:
            try:
                self._add(document, read_file)
            except FaultsError as error:
                self.faults += error.faults

    def _add(self, document: Document, read_file: ReadFile) -> None:
        """One document. Raises `FaultsError`."""
        self._named.update(_names_of_trust_roots(document))
        model = validated(document)
        self.faults += self._duplicate(document, model.kind, model.metadata.name)
        if isinstance(model, ClusterPodPolicy):
            self.policies.append(Written(document, model, compiled(document, model, read_file)))
        else:
            self.trust_roots[model.metadata.name] = trust_root_source(document, model, read_file)

    def pass_over(self, source: str) -> None:
        """A file that documents name lies among the policies: that it holds something else is no fault of it."""
        self.faults = [fault for fault in self.faults if (fault.source, fault.path) != (source, "kind")]

    def book(self, where: str) -> Book:
        """All policies. Raises `FaultsError` if there is a fault, or no policy `where` they were looked for."""
        faults = [*self.faults, *self._unknown_trust_roots()]
        if not self.policies and not faults:
            faults.append(Fault(where, 0, "", f"no {KIND} found in {where}"))
        if faults:
            raise FaultsError(tuple(faults))
        return Book(tuple(written.policy for written in self.policies), self.trust_roots)

    def _duplicate(self, document: Document, kind: str, name: str) -> Iterator[Fault]:
        first = self._first.setdefault((kind, name), document)
        if first is not document:
            message = f"there is a {_CALLED[kind]} {name} in {first.source}:{first.line} already"
            yield document.fault(("metadata", "name"), message)

    def _unknown_trust_roots(self) -> Iterator[Fault]:
        """Which can be told only when all files were read."""
        for written in self.policies:
            yield from unknown_trust_roots(written, self._named)


def unknown_trust_roots(written: Written, named: AbstractSet[str]) -> Iterator[Fault]:
    """A fault for each authority whose trust root is none of those `named`."""
    images = written.model.spec.images
    for index, authority in enumerate((images.authorities if images else None) or ()):
        name = authority.trust_root
        if name is not None and name not in named:
            near = did_you_mean(name, sorted(named))
            path = ("spec", "images", "authorities", index, "trustRoot")
            yield written.document.fault(path, f"unknown trust root {shown(name)}{near or GIVE_ONE}")


def _names_of_trust_roots(document: Document) -> Iterator[str]:
    """The name that a document takes as that of a trust root, whatever else is wrong with it."""
    metadata = document.value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if document.value.get("kind") == TRUST_ROOT and isinstance(name, str):
        yield name
