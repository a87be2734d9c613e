"""Texts, lists and regular expressions as CEL writes them.

Regular expressions have no backslashes: a character that means something stands in a class of its own.
"""

import json
import re
from collections.abc import Iterable

_SPECIAL = re.compile(r"[.\[\](){}*+?|$]", re.ASCII)


def quoted(text: str) -> str:
    """A text of printable ASCII as a literal. What JSON escapes, CEL escapes alike."""
    return f"'{json.dumps(text)[1:-1].replace(chr(39), chr(92) + chr(39))}'"


def listed(texts: Iterable[str]) -> str:
    """A list of texts as a literal."""
    return f"[{', '.join(map(quoted, texts))}]"


def literal(text: str) -> str:
    """What matches this text and no other, as part of a regular expression. Names have neither `^` nor a backslash."""
    return _SPECIAL.sub(r"[\g<0>]", text)


def whole(alternatives: Iterable[str]) -> str:
    """A regular expression that matches a whole text in one of several ways."""
    return f"^(?:{'|'.join(alternatives)})$"
