"""The base of all policy models: strict, frozen, and telling every fault of what was written in words for its author.

pydantic stops a model's own cross-field checks as soon as one of its fields is wrong, and calls an unknown field
"extra". A `Part` looks at the mapping itself first, so that one reading of a policy tells everything.
"""

import difflib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from webhook.policy.documents import FieldPath

T = TypeVar("T")

Items = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]
"""A list: not empty. Its items stay strict; lists are taken because neither YAML nor JSON has tuples."""

EMPTY = "is written but empty; give it a value or leave it out"
_LONGEST_SHOWN = 60

Finding = tuple[FieldPath, str]
"""Where below the part, and what is wrong."""


class Part(BaseModel):
    """A mapping in a policy: unknown fields, nulls and, unless `may_be_empty`, an empty mapping are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)

    may_be_empty: ClassVar[bool] = False

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:  # noqa: ARG003  for those that override it
        """Faults between fields, which no field can see alone. `value` is as written: any type may be anywhere."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _tell_all(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        findings = [*cls._of_mapping(value), *cls.between(value)] if isinstance(value, dict) else []
        part: Self | None = None
        try:
            part = handler(value)
        except ValidationError as error:
            told = {path for path, _ in findings}
            findings += [finding for finding in findings_of(error) if finding[0] not in told]
        if part is None or findings:
            raise ValidationError.from_exception_data(cls.__name__, [_line_error(*finding) for finding in findings])
        return part

    @classmethod
    def _of_mapping(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        if not value and not cls.may_be_empty:
            yield (), EMPTY
        for key, content in value.items():
            if key not in known:
                yield (key,), f"unknown field `{_key(key)}`{did_you_mean(key, known)}"
            elif content is None:
                yield (key,), EMPTY


def findings_of(error: ValidationError) -> list[Finding]:
    """What a validation found, in words."""
    return [(_path(details), _message(details)) for details in error.errors() if not _is_told(details)]


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """`, did you mean `mode`?` where something known is near, else "" — for the end of a message."""
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(found[:_LONGEST_SHOWN].casefold(), folded, n=1)
    return f", did you mean `{folded[near[0]]}`?" if near else ""


def shown(value: Any) -> str:
    """A value as it may stand in a message: short, in one line of ASCII."""
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str() if len(value) > _LONGEST_SHOWN:
            return f"{json.dumps(value[:_LONGEST_SHOWN])}..."
        case _:
            return json.dumps(value)


def exactly_one(value: Mapping[str, Any], *names: str) -> Iterator[Finding]:
    """A fault unless exactly one of the fields is there."""
    found = [name for name in names if name in value]
    if len(found) != 1:
        what = f"has {' and '.join(found)}" if found else "has none"
        yield (), f"expected exactly one of {listed(names)}, {what}"


def at_least_one(value: Mapping[str, Any], one: str, other: str) -> Iterator[Finding]:
    """A fault unless one of the two fields is there."""
    if one not in value and other not in value:
        yield (), f"expected {one} or {other}, or both"


def listed(names: Sequence[str]) -> str:
    """`a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def mappings(value: Mapping[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The mappings in a list as written, with their index; nothing where it is no list."""
    for index, item in items(value, name):
        if isinstance(item, dict):
            yield index, item


def items(value: Mapping[str, Any], name: str) -> Iterator[tuple[int, Any]]:
    """The items of a list as written, with their index; nothing where it is no list."""
    content = value.get(name)
    yield from enumerate(content if isinstance(content, list | tuple) else ())


def duplicates(names: Iterable[tuple[FieldPath, Any]]) -> Iterator[Finding]:
    """A fault for each text that stood there before."""
    seen = set[str]()
    for path, name in names:
        if isinstance(name, str):
            if name in seen:
                yield path, f"{shown(name)} is there twice"
            seen.add(name)


def _key(key: str) -> str:
    return json.dumps(key[:_LONGEST_SHOWN])[1:-1]


def _line_error(path: FieldPath, message: str) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("fault", "{text}", {"text": message}), loc=path, input=None)


def _is_told(details: ErrorDetails) -> bool:
    """Whether something else tells it: unknown fields, `Part`; a list that seems short, the faults of its items."""
    return details["type"] == "extra_forbidden" or (details["type"] == "too_short" and bool(details["input"]))


def _path(details: ErrorDetails) -> FieldPath:
    """The location, without the last step `[key]` by which pydantic marks the key of a mapping."""
    return tuple(step for step in details["loc"] if step != "[key]")


def _message(details: ErrorDetails) -> str:
    kind, found, context = details["type"], details["input"], details.get("ctx", {})
    if kind in _MESSAGES:
        return _MESSAGES[kind](context)
    if kind in _EXPECTED:
        unquoted = kind == "string_type" and isinstance(found, bool | int | float)
        hint = "; put text into quotes" if unquoted else ""
        return f"expected {_EXPECTED[kind].format(**context)}, found {shown(found)}{hint}"
    expected = str(context.get("expected", details["msg"])).replace("'", "")
    known = expected.replace(" or ", ", ").split(", ")
    near = did_you_mean(found, known) if isinstance(found, str) and len(known) > 1 else ""
    return f"expected {expected}, found {shown(found)}{near}"


_MESSAGES: dict[str, Callable[[dict[str, Any]], str]] = {
    "fault": lambda context: str(context["text"]),
    "value_error": lambda context: str(context["error"]),
    "missing": lambda _: "is required",
    "too_short": lambda _: EMPTY,
}
_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "greater_than_equal": "at least {ge}",
    "int_type": "a whole number",
    "less_than_equal": "at most {le}",
    "model_type": "a mapping",
    "string_type": "text",
    "tuple_type": "a list",
}
