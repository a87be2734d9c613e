"""Policies gathered out of files into a book, or every fault of all of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from webhook.policy import documents
from webhook.policy.book import Book, Policy
from webhook.policy.compile import ReadFile, compiled
from webhook.policy.documents import Document, Fault, FaultsError
from webhook.policy.model import KIND, ClusterPodPolicy
from webhook.policy.validation import validated


@dataclass(frozen=True, slots=True)
class Written:
    """A policy with where it was written, and how."""

    document: Document
    model: ClusterPodPolicy
    policy: Policy


class Collection:
    """Takes files one after the other. `faults` has what is wrong with any of them, `policies` those that are sound."""

    def __init__(self) -> None:
        self.policies: list[Written] = []
        self.faults: list[Fault] = []
        self._first: dict[str, Document] = {}

    def add(self, source: str, content: bytes, read_file: ReadFile) -> None:
        """The policies of one file, called `source` in messages; `read_file` reads the key files that they name."""
        parsed = documents.parse(source, content)
        self.faults += parsed.faults
        for document in parsed.documents:
            try:
                model = validated(document)
                self.faults += self._duplicate(document, model.metadata.name)
                self.policies.append(Written(document, model, compiled(document, model, read_file)))
            except FaultsError as error:
                self.faults += error.faults

    def book(self, where: str) -> Book:
        """All policies. Raises `FaultsError` if there is a fault, or no policy `where` they were looked for."""
        if not self.policies and not self.faults:
            self.faults.append(Fault(where, 0, "", f"no {KIND} found in {where}"))
        if self.faults:
            raise FaultsError(tuple(self.faults))
        return Book(tuple(written.policy for written in self.policies))

    def _duplicate(self, document: Document, name: str) -> Iterator[Fault]:
        first = self._first.setdefault(name, document)
        if first is not document:
            message = f"there is a policy {name} in {first.source}:{first.line} already"
            yield document.fault(("metadata", "name"), message)
