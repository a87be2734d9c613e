"""When attestations say that they were made: for those whose signing time nobody else vouches for."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from webhook.signatures.predicate_types import (
    COSIGN_CUSTOM,
    CYCLONEDX,
    OPENVEX,
    PROVENANCE_02,
    PROVENANCE_1,
    SPDX,
    VULNERABILITIES,
)
from webhook.signatures.strict_json import JsonValue

_TIME = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[Tt](?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.(?P<fraction>[0-9]{1,6})[0-9]{0,12})?(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)

_Path = tuple[str, ...]

_PLACES: Final[tuple[tuple[frozenset[str], tuple[_Path, ...]], ...]] = (
    (VULNERABILITIES, (("metadata", "scanFinishedOn"),)),
    (CYCLONEDX, (("metadata", "timestamp"),)),
    (SPDX, (("creationInfo", "created"),)),
    (OPENVEX, (("last_updated",), ("timestamp",))),
    (frozenset({PROVENANCE_02}), (("metadata", "buildFinishedOn"),)),
    (frozenset({PROVENANCE_1}), (("runDetails", "metadata", "finishedOn"),)),
    (frozenset({COSIGN_CUSTOM}), (("Timestamp",),)),
)
"""Predicate types, and where their predicates keep the time at which the work was done; the first that is there."""


def parse(text: JsonValue) -> datetime | None:
    """A time as RFC 3339 writes it, in UTC and to the microsecond; None for anything else.

    The first year of all is no time: it is what Go, in which the tools are written, writes for one that is not set.
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    fraction, zone = f"{match['fraction'] or '0':0<6}", match["zone"].upper()
    try:
        time = datetime.fromisoformat(f"{match['date']}T{match['time']}.{fraction}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if time.year > 1 else None


def reported(predicate_type: str, predicate: JsonValue) -> datetime | None:
    """When the predicate itself says that it was made; None if it does not, or nobody knows where it would."""
    for types, paths in _PLACES:
        if predicate_type in types:
            times = [time for path in paths if (time := parse(_at(predicate, path))) is not None]
            return times[0] if times else _created(predicate, types)
    return None


def _at(value: JsonValue, path: _Path) -> JsonValue:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _created(predicate: JsonValue, types: frozenset[str]) -> datetime | None:
    """Of SPDX 3, whose elements each name one of its `CreationInfo`: the earliest, as they may be of several ages."""
    return min(_creations(predicate), default=None) if types is SPDX else None


def _creations(predicate: JsonValue) -> Iterator[datetime]:
    graph = _at(predicate, ("@graph",))
    for element in graph if isinstance(graph, list) else ():
        if _at(element, ("type",)) == "CreationInfo" and (time := parse(_at(element, ("created",)))) is not None:
            yield time
