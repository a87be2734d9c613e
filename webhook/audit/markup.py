"""HTML that text cannot break out of: whatever is not markup already is escaped where it becomes a part of some.

What strangers wrote is shown as printable ASCII, as everywhere else: no control character and none that turns the
direction of text reaches a page.
"""

from collections.abc import Iterable
from html import escape

from webhook.admission.report import cut, plain

TEXT_CHARACTERS = 300
"""What is shown of one text: images' names are of up to 255 characters and a digest."""

_VOID = frozenset({"meta"})


class Markup(str):
    """Text that is HTML. Made by this module's functions alone, and of constants."""

    __slots__ = ()


Part = str | Markup | int


def text(value: str, limit: int = TEXT_CHARACTERS) -> Markup:
    """What somebody wrote, as HTML that shows it."""
    return Markup(escape(cut(plain(value), limit)))


def number(value: int) -> Markup:
    """With separators of thousands."""
    return Markup(f"{value:,}")


def markup(*parts: Part) -> Markup:
    """The parts one after the other."""
    return Markup("".join(map(_of, parts)))


def joined(parts: Iterable[Part], separator: Part) -> Markup:
    """The parts with another in between."""
    return Markup(_of(separator).join(map(_of, parts)))


def tag(name: str, /, *parts: Part, **attributes: str | int) -> Markup:
    """An element. An attribute's trailing underscore is dropped (`class_`), any other becomes a hyphen."""
    named = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    return Markup(f"<{name}{named}>{markup(*parts)}{'' if name in _VOID else f'</{name}>'}")


def _of(part: Part) -> Markup:
    if isinstance(part, Markup):
        return part
    return number(part) if isinstance(part, int) else text(part)


def _value(value: str | int) -> str:
    return str(value) if isinstance(value, int) else _of(value)
