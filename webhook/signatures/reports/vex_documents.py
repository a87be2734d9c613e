"""OpenVEX documents, and which of several versions of one counts.

Of the documents of one `@id` by one author the newest counts, so that what it drops clears no more. Where their
versions and their times do not agree on which one that is, none of them clears.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple, TypeAlias

from webhook.signatures.reports import report_times
from webhook.signatures.reports.lenient_json import object_of, text_of
from webhook.signatures.strict_json import JsonObject, JsonValue

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class Document(NamedTuple):
    """An OpenVEX document as it was attested, and the time at which it was signed, if that is known."""

    content: JsonValue
    signed_at: datetime | None = None

    @property
    def id(self) -> str:
        """What all versions of the document have in common; "" if it has no name."""
        return text_of(object_of(self.content).get("@id"))

    @property
    def version(self) -> int:
        """How often it was changed, 0 where it does not count that."""
        version = object_of(self.content).get("version")
        if isinstance(version, str) and _NUMBER.fullmatch(version):  # as 0.0.1 has it
            return int(version)
        return version if type(version) is int else 0

    @property
    def time(self) -> datetime | None:
        """When it was written at the latest: stamped or logged anew, it is no younger."""
        times = (time_of(object_of(self.content)), self.signed_at)
        return min((time for time in times if time is not None), default=None)


class Standing(NamedTuple):
    """What counts of a document beside others of the same `@id`."""

    clears: bool
    restores: bool


def standings(documents: Iterable[Document]) -> Iterator[tuple[Document, Standing]]:
    """Each document of one author with what counts of it."""
    by_id: dict[str, list[Document]] = {}
    for document in documents:
        if document.id:
            by_id.setdefault(document.id, []).append(document)
        else:
            yield document, Standing(clears=True, restores=True)
    for versions in by_id.values():
        yield from zip(versions, _of_one_document(versions), strict=True)


def _of_one_document(versions: Sequence[Document]) -> Iterator[Standing]:
    """What clears must be in one that none is newer than; what restores, in one of which that is not certain."""
    ages = [(one.version, one.time) for one in versions]
    known = set(ages)
    for age in ages:
        yield Standing(
            clears=not any(map(partial(_may_replace, age), known)),
            restores=not any(map(partial(_replaces, age), known)),
        )


_Age: TypeAlias = tuple[int, datetime | None]


def _may_replace(old: _Age, new: _Age) -> bool:
    """Whether `new` is of a higher version or a later time, or may be."""
    if old == new:
        return False
    if old[1] is None or new[1] is None:
        return new[0] >= old[0]
    return new[0] > old[0] or new[1] > old[1]


def _replaces(old: _Age, new: _Age) -> bool:
    """Whether `new` is newer for certain: in one of version and time, and not older in the other."""
    return old[1] is not None and new[1] is not None and new != old and new[0] >= old[0] and new[1] >= old[1]


def time_of(parent: JsonObject) -> datetime | None:
    """When a document or a statement was written, by its own account."""
    return report_times.parse(parent.get("last_updated")) or report_times.parse(parent.get("timestamp"))
