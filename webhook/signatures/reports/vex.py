"""OpenVEX: which vulnerabilities of a report do not concern an image, as its makers say.

Sources: openvex/spec `OPENVEX-SPEC.md` (0.0.1 and 0.2.0, which write vulnerabilities and products differently) and
`ATTESTING.md`. A statement without products is about the attestation's own subject, which is the image.

- A statement clears a vulnerability by the status `fixed`, or `not_affected` with a justification or an impact
  statement. Every other one restores it, also one whose status nobody knows.
- Of all statements about one vulnerability the newest counts; of two of the same time the one that does not clear.
- A statement with subcomponents is about findings in those packages alone.
- Where one that restores leaves open which image or package it means, it means this one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final, NamedTuple

from webhook.images import PinnedImage
from webhook.signatures.reports.lenient_json import list_of, object_of, text_of
from webhook.signatures.reports.purls import PackageUrl
from webhook.signatures.reports.vex_documents import Document, standings, time_of
from webhook.signatures.reports.vex_products import component_of, is_image, may_mean, package_of
from webhook.signatures.reports.vulnerabilities import Finding
from webhook.signatures.strict_json import JsonObject, JsonValue

CLOCK_SKEW: Final = timedelta(minutes=5)
"""By which the clocks of those who write documents may be ahead of ours."""

MAX_ENTRIES: Final = 100_000
"""Vulnerabilities and packages that are named, by all documents together. Beyond, nothing is cleared at all."""

MAX_SAME_PACKAGE: Final = 32
"""Statements that speak about one vulnerability in one package: versions, architectures. Beyond, nothing is cleared."""

_CONTEXT = "https://openvex.dev/ns"
_JUSTIFICATIONS = frozenset(
    {
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    }
)


class _Word(NamedTuple):
    """What one statement says; the greater of two is the one that counts."""

    time: datetime
    restores: bool


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement about the image. `packages` None: about all of it."""

    names: frozenset[str]
    packages: tuple[PackageUrl, ...] | None
    word: _Word


class _TooManyError(Exception):
    """More is said than is looked at."""


class Exploitability:
    """What a number of documents say about one image."""

    def __init__(self) -> None:
        """Nothing is said."""
        self._whole: dict[str, _Word] = {}
        self._narrow: dict[str, dict[str, list[tuple[PackageUrl, _Word]]]] = {}
        self._restored: dict[str, _Word] = {}
        self._entries = 0

    @classmethod
    def read(cls, documents: Iterable[Document], image: PinnedImage, now: datetime) -> "Exploitability":
        """What documents of one author say about `image`. What cannot be read says nothing, and does no harm."""
        exploitability = cls()
        try:
            for document, standing in standings(documents):
                for statement in _statements(document, image, now):
                    if standing.restores if statement.word.restores else standing.clears:
                        exploitability._add(statement)
        except _TooManyError:
            return cls()
        return exploitability

    def clears(self, finding: Finding) -> bool:
        """Whether the finding does not concern the image: by its own ID, or by all of its aliases."""
        own, *aliases = (self._newest(name, finding) for name in (finding.id, *finding.aliases))
        said = [word for word in (own, *aliases) if word is not None]
        if not said or max(said).restores:
            return False
        if own is not None and not own.restores:
            return True
        return bool(aliases) and all(word is not None and not word.restores for word in aliases)

    def _add(self, statement: _Statement) -> None:
        for name in statement.names:
            if statement.packages is None:
                self._count()
                _keep(self._whole, name, statement.word)
                continue
            if statement.word.restores:
                _keep(self._restored, name, statement.word)
            by_package = self._narrow.setdefault(name, defaultdict(list))
            for package in statement.packages:
                self._count()
                words = by_package[package.package]
                words.append((package, statement.word))
                if len(words) > MAX_SAME_PACKAGE:
                    raise _TooManyError

    def _count(self) -> None:
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise _TooManyError

    def _newest(self, name: str, finding: Finding) -> _Word | None:
        """What counts about one name. Who restores some package, restores one that the report does not name as well."""
        words = [self._whole[name]] if name in self._whole else []
        if name in self._narrow:
            package = PackageUrl.parse(finding.purl)
            if package is None:
                words += [self._restored[name]] if name in self._restored else []
            else:
                said = self._narrow[name].get(package.package, [])
                words += [word for one, word in said if one.covers(package)]
        return max(words, default=None)


def _keep(words: dict[str, _Word], name: str, word: _Word) -> None:
    words[name] = max(word, words.get(name, word))


def _statements(document: Document, image: PinnedImage, now: datetime) -> Iterator[_Statement]:
    """What one document says about the image."""
    content = object_of(document.content)
    if not text_of(content.get("@context")).startswith(_CONTEXT):
        return
    for item in list_of(content.get("statements")):
        statement = object_of(item)
        names = frozenset(_names(statement.get("vulnerability")))
        word = _word(statement, time_of(statement) or time_of(content), document.signed_at, now)
        if not names or word is None:
            continue
        about, packages = _scope(statement, image, doubtful=word.restores)
        if about:
            yield _Statement(names, packages, word)


def _word(statement: JsonObject, said: datetime | None, signed: datetime | None, now: datetime) -> _Word | None:
    """None if it says nothing: what clears as of a time that has not come would outdo whatever follows until then.

    `said` is when it was made by its own account, `signed` when its signature was seen, which makes it no younger.
    """
    if not _clears(statement):
        return _Word(said or signed or datetime.max.replace(tzinfo=UTC), restores=True)
    if said is not None and said > now + CLOCK_SKEW:
        return None
    earliest = min((time for time in (said, signed) if time is not None), default=datetime.min.replace(tzinfo=UTC))
    return _Word(earliest, restores=False)


def _clears(statement: JsonObject) -> bool:
    status = statement.get("status")
    if status == "not_affected":
        justification = text_of(statement.get("justification"))
        return justification in _JUSTIFICATIONS or bool(text_of(statement.get("impact_statement")).strip())
    return status == "fixed"


def _names(vulnerability: JsonValue) -> Iterator[str]:
    """All that it is called. An `@id` may be an address that ends in the name."""
    if isinstance(vulnerability, str):  # as 0.0.1 has it
        vulnerability = {"name": vulnerability}
    content = object_of(vulnerability)
    identifier = text_of(content.get("@id"))
    names = (content.get("name"), identifier, identifier.rpartition("/")[2], *list_of(content.get("aliases")))
    return (name for name in map(text_of, names) if name)


def _scope(statement: JsonObject, image: PinnedImage, *, doubtful: bool) -> tuple[bool, tuple[PackageUrl, ...] | None]:
    """Whether a statement is about the image, and about which of its packages; None: all.

    `doubtful` is one that restores: what cannot be read in it, as a product or a package, means this image or all of
    its packages.
    """
    shared = list_of(statement.get("subcomponents"))  # as 0.0.1 has it, for all products
    named = statement.get("products")
    if named is None or (doubtful and (not isinstance(named, list) or not named)):
        return True, _packages(shared, doubtful=doubtful)
    means = may_mean if doubtful else is_image
    products = [component for one in list_of(named) if means(component := component_of(one), image)]
    narrowing = [list_of(product.get("subcomponents")) for product in products]
    if products and not shared and not all(narrowing):
        return True, None
    return bool(products), _packages([*shared, *chain.from_iterable(narrowing)], doubtful=doubtful)


def _packages(subcomponents: list[JsonValue], *, doubtful: bool) -> tuple[PackageUrl, ...] | None:
    if not subcomponents:
        return None
    named = [package for one in subcomponents if (package := package_of(component_of(one))) is not None]
    return None if doubtful and len(named) < len(subcomponents) else tuple(named)
