"""Conditions on attestations, in CEL (cel-spec `doc/langdef.md`), by cel-cpp and its Python binding.

A condition is compiled and type-checked when its policy is loaded. What keeps evaluation short, as cel-cpp holds the
interpreter's lock all the while:

- cel-cpp ends an evaluation after 10,000 iterations of all loops together, and takes 32 levels of nesting;
- the macros `map` and `filter` are left out: cel-cpp copies their list for each item, so that 10,000 take two seconds.
  `all`, `exists` and `exists_one` take a millisecond;
- a variable is converted when the expression first reads it: a document of 5 MB takes 40 ms.

Whole numbers of a document are `int`, others `double`, and `1 == 1.0` holds. Conversion recurses, so documents must
come from a parser that bounds their depth, as `strict_json` does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # its stub is not marked as one

from webhook.signatures.candidate import printable
from webhook.signatures.strict_json import JsonValue

MAX_BYTES: Final = 4096
"""Of a condition's text."""

_STANDARD_LIBRARY: Final = "stdlib: {exclude_macros: [map, filter]}"
_ENVIRONMENT: Final = cel.NewEnv(
    config=cel.NewEnvConfigFromYaml(_STANDARD_LIBRARY),
    variables={
        "predicate": cel.Type.DYN,
        "statement": cel.Type.DYN,
        "image": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    },
)

_ACCEPTED: Final = {cel.Type.BOOL.name(), cel.Type.DYN.name()}
"""Types of a condition's result: one that is only known once the document is there must prove to be a boolean then."""

_SAYING: Final = {cel.Type.BOOL.name(), cel.Type.ERROR.name()}
"""Types of results that are looked at: those of others may be as large as the document."""

_ERROR = re.compile(r"ERROR: <input>:(?P<line>-?[0-9]+):(?P<column>-?[0-9]+): (?P<what>[^\n]*)", re.ASCII)
_LEFT_OUT = re.compile(r"undeclared reference to '(?:map|filter)'", re.ASCII)
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$|(?: \(in container ''\))", re.ASCII)
_NESTED = re.compile(r"recursion (?:limit|depth)", re.ASCII)


class ConditionError(ValueError):
    """The text is no condition; the message says why."""


@dataclass(frozen=True, slots=True)
class CelCondition:
    """A CEL expression over `predicate`, `statement` and `image` that is a boolean. Two are equal by their text."""

    text: str
    _program: cel.Expression = field(compare=False, repr=False)

    @classmethod
    def compile(cls, text: str) -> "CelCondition":
        """Compiled and type-checked. Raises `ConditionError`."""
        program = _compiled(text)
        result = program.return_type().name()
        if result not in _ACCEPTED:
            raise ConditionError(f"the result is of type {result.lower()}; expected a boolean")
        return cls(text, program)

    def refusal(self, variables: Mapping[str, JsonValue]) -> str | None:
        """Why it does not hold; None if it does. Never raises.

        `variables` are `predicate`, `statement` and `image` (registry, repository, digest and name of the image). Of
        the document the reason quotes at most the name of a member that is missing.
        """
        try:
            result = self._program.eval(data=dict(variables))
            kind = result.type().name()
            value = result.value() if kind in _SAYING else None
        except Exception as error:  # noqa: BLE001 - whatever the binding raises, the condition does not hold
            return self._unevaluated(_cleaned(str(error)))
        if value is True:
            return None
        if value is False:
            return f"condition false: {printable(self.text)}"
        return self._unevaluated(
            f"the result is of type {kind.lower()}, not a boolean" if value is None else _cleaned(str(value))
        )

    def _unevaluated(self, why: str) -> str:
        return f"condition could not be evaluated: {printable(self.text)}: {printable(why)}"


def _compiled(text: str) -> cel.Expression:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ConditionError("a lone surrogate is not text") from None
    if size > MAX_BYTES:
        raise ConditionError(f"{size} bytes are more than the {MAX_BYTES} that a condition may have")
    try:
        return _ENVIRONMENT.compile(text)
    except RuntimeError as error:
        raise ConditionError(explained(str(error))) from None


def explained(message: str) -> str:
    """The first error that the compiler found, on one line."""
    if _NESTED.search(message):
        return "nested too deep; expected at most 32 levels"
    if _LEFT_OUT.search(message):
        return "map and filter are not offered; expected all, exists or exists_one"
    found = _ERROR.search(message)
    if found is None:
        return printable(_cleaned(message))
    return f"line {found['line']}, column {found['column']}: {printable(_cleaned(found['what']))}"


def _cleaned(message: str) -> str:
    """A message of cel-cpp without its status codes."""
    return _STATUS.sub("", message).strip() or "no reason is given"
