"""A verdict in words: the one renderer for denial messages, warnings, causes and annotations.

What a user wrote is shown as printable ASCII only: the API server drops a warning with a control character silently
(`k8s.io/apimachinery/pkg/util/net.NewWarningHeader`), and a terminal obeys escape sequences.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest

from webhook.verdict import Mode, Verdict, Violation

MESSAGE_BYTES = 1024
"""An Event's note holds so much; the first line must say everything that matters."""

FIELD_CHARACTERS = 1024
"""What is shown of one field: more than any that the API server lets pass."""

SUMMARY_CHARACTERS = 400
"""The first line leaves room for at least one finding in full."""

SUMMARY_PLACES = 5
SUMMARY_POLICIES = 3

WARNING_CHARACTERS = 256
"""The API server cuts single warnings there once all of them together are over 4096 characters."""

WARNINGS_CHARACTERS = 4096
"""The API server shows warnings in full as long as all of them together have no more
(`k8s.io/apiserver/pkg/endpoints/filters/warning.go`)."""

_SHORTEST = 16
"""No finding takes less in a message."""

MAX_WARNINGS = 15
MAX_CAUSES = 64
ANNOTATION_CHARACTERS = 1000


def plain(text: str) -> str:
    """The text as printable ASCII: anything else becomes an escape, as Python writes it; cut where it is too long."""
    if len(text) > FIELD_CHARACTERS:
        text = f"{text[:FIELD_CHARACTERS]}..."
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if " " <= char <= "~" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def summary(verdict: Verdict) -> str:
    """One line that stands alone, for Events and lists: who is refused, by which policy, for what."""
    violations = verdict.of(Mode.ENFORCE)
    places = _by_place(violations)
    noun, total = _counted(verdict, violations)
    found = [
        f"{_place(place)}: {' + '.join(dict.fromkeys(violation.code.value for violation in group))}"
        for place, group in islice(places.items(), SUMMARY_PLACES)
    ]
    if len(places) > SUMMARY_PLACES:
        found.append(f"and {len(places) - SUMMARY_PLACES} more")
    count = f"{len(places)} of {total} {noun} " if total >= len(places) > 0 else ""
    text = f"{count}denied{_by_policies(violations)}: {', '.join(found)}"
    if len(violations) == 1:
        text += f" ({plain(violations[0].message)})"
    return cut(text, SUMMARY_CHARACTERS)


def _by_policies(violations: Sequence[Violation]) -> str:
    policies = list(dict.fromkeys(violation.policy for violation in violations if violation.policy))
    if not policies:
        return ""
    named = ", ".join(f'"{plain(name)}"' for name in policies[:SUMMARY_POLICIES])
    more = len(policies) - SUMMARY_POLICIES
    return f" by {'policy' if len(policies) == 1 else 'policies'} {named}{f' and {more} more' if more > 0 else ''}"


def message(verdict: Verdict, uid: str, limit: int = MESSAGE_BYTES) -> str:
    """The whole denial: the summary, then each place with what was found and how to mend it, then the request's id.

    All findings are told until `limit` bytes are reached, the first one of each place before any second one; what does
    not fit is counted.
    """
    violations = verdict.of(Mode.ENFORCE)
    tail = f"request: {plain(uid)}"
    first = summary(verdict)
    places = _by_place(violations)
    told = _fitting(places, limit - len(first) - len(tail) - len("\nand 1000 more\n"))
    lines = [first]
    for place, group in told.items():
        lines += [*_header(place, places[place]), *chain.from_iterable(map(_details, group))]
    more = len(violations) - sum(map(len, told.values()))
    return "\n".join([*lines, *([f"and {more} more"] if more else []), tail])


def _fitting(places: Mapping["Place", Sequence[Violation]], room: int) -> dict["Place", list[Violation]]:
    """The findings for which there is room, with the header of their place."""
    told: dict[Place, list[Violation]] = {}
    headers = {place: _header(place, group) for place, group in places.items()}
    rounds = zip_longest(*([(place, each) for each in group] for place, group in places.items()))
    for place, violation in filter(None, chain.from_iterable(rounds)):
        if room < _SHORTEST:
            break
        size = _size([*(() if place in told else headers[place]), *_details(violation)])
        if size <= room:
            told.setdefault(place, []).append(violation)
            room -= size
    return {place: told[place] for place in places if place in told}


def _size(lines: Iterable[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def warnings(verdict: Verdict) -> Iterator[str]:
    """One line for each finding in Warn mode, cut where there are many; the last says how many were left out."""
    violations = verdict.of(Mode.WARN)
    lines = [line(violation) for violation in violations[:MAX_WARNINGS]]
    cutting = sum(map(len, lines)) > WARNINGS_CHARACTERS
    yield from (cut(each, WARNING_CHARACTERS) if cutting else each for each in lines)
    if len(violations) > MAX_WARNINGS:
        yield f"and {len(violations) - MAX_WARNINGS} more findings"


def line(violation: Violation) -> str:
    """A finding in one line."""
    policy = f"[{plain(violation.policy)}] " if violation.policy else ""
    fix = f"; fix: {plain(violation.fix)}" if violation.fix else ""
    return f"{policy}{plain(violation.path)}: {violation.code.value}: {plain(violation.message)}{fix}"


def reasons(violations: Iterable[Violation]) -> str:
    """Places and codes in one bounded line, for annotations."""
    told = (f"{plain(each.path)}: {each.code.value}" for each in islice(violations, MAX_CAUSES))
    return cut("; ".join(told), ANNOTATION_CHARACTERS)


def exempted(violations: Iterable[Violation]) -> str:
    """Places and codes of accepted findings with the reasons of their exemptions in one bounded line."""
    told = (
        f"{plain(each.path)}: {each.code.value} ({plain(each.exemption)})" for each in islice(violations, MAX_CAUSES)
    )
    return cut("; ".join(told), ANNOTATION_CHARACTERS)


def names(values: Sequence[str]) -> str:
    """Names in one bounded line, for annotations."""
    return cut(plain(", ".join(values[:MAX_CAUSES])), ANNOTATION_CHARACTERS)


Place = tuple[str, str]
"""The container's path, or the field's own where there is none, and the container's name."""


def _by_place(violations: Iterable[Violation]) -> dict[Place, list[Violation]]:
    places: dict[Place, list[Violation]] = {}
    for violation in violations:
        places.setdefault((_container_path(violation), violation.container), []).append(violation)
    return places


def _container_path(violation: Violation) -> str:
    if not violation.container:
        return violation.path
    head, bracket, _ = violation.path.partition("]")  # the first list on the way to a container is that of containers
    return head + bracket if bracket else violation.path


def _place(place: Place) -> str:
    path, container = place
    return plain(container or path)


def _counted(verdict: Verdict, violations: Sequence[Violation]) -> tuple[str, int]:
    """What is counted, and how many of it there are in the pod."""
    if all(violation.path.endswith((".image", ".image.reference")) for violation in violations):
        return "images", len(verdict.images)
    containers = sum(1 for image in verdict.images if image.container)
    return "containers", containers if all(violation.container for violation in violations) else 0


def _header(place: Place, group: Sequence[Violation]) -> tuple[str, ...]:
    path, container = place
    image = next((violation.image for violation in group if violation.image), "")
    name = f' "{plain(container)}"' if container else ""
    return (f"  {plain(path)}{name}{'  ' if image else ''}{plain(image)}",)


def _details(violation: Violation) -> Iterator[str]:
    yield f"    {violation.code.value}: {plain(violation.message)}"
    if violation.fix:
        yield f"    fix: {plain(violation.fix)}"


def cut(text: str, limit: int) -> str:
    """The text in `limit` characters at most."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
