"""What a plain (unquoted) scalar of YAML means: the rules by which kubectl reads manifests.

They are those of sigs.k8s.io/yaml (`goyaml.v2/resolve.go`): the booleans of YAML 1.1, integers as Go writes them with
underscores anywhere, no base 60, and dates stay text. A whole number that is written as a fraction (`1e3`) arrives at
the API as the integer, because JSON lies between, so it is one here.
"""

import re

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", re.ASCII)
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<binary>[01]+)|0[oO]?(?P<octal>[0-7]+)|(?P<decimal>0|[1-9][0-9]*))",
    re.ASCII,
)
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_BASES = {"hex": 16, "binary": 2, "octal": 8, "decimal": 10}
_MAX_DIGITS = 64  # of any base: a 64-bit number has no more
_MAX_EXACT = 2**53


class ScalarError(ValueError):
    """A number that JSON cannot carry."""


def resolve(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar. Raises `ScalarError`."""
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_FINITE.fullmatch(text):
        raise ScalarError(f"{text} is not a number that JSON has")
    if text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "") if text[0] != "." else text
    if integer := _INTEGER.fullmatch(plain):
        return _integer(integer)
    if _FRACTION.fullmatch(plain):
        return _fraction(plain)
    return text


def _integer(match: re.Match[str]) -> int:
    base, digits = next((base, digits) for base, digits in match.groupdict().items() if base in _BASES and digits)
    value = int(digits, _BASES[base]) if len(digits) <= _MAX_DIGITS else 2**64
    value = -value if match["sign"] == "-" else value
    if not -(2**63) <= value < 2**64:
        raise ScalarError("a number does not fit into 64 bits; if it is text, put it into quotes")
    return value


def _fraction(text: str) -> int | float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ScalarError("a number is too large; if it is text, put it into quotes")
    return int(value) if value.is_integer() and abs(value) < _MAX_EXACT else value
