"""The reference of policies in Markdown, made from the models: `python -m webhook.policy.reference > FILE`.

A field's text is the `description` at its definition, so that there is one place to say what it means.
"""

import sys
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from webhook.codes import Code
from webhook.policy.model import API_VERSION, KIND, ClusterPodPolicy
from webhook.policy.part import Part
from webhook.policy.unsupported import UNSUPPORTED

_HEAD = f"""# Policy reference

Every field of `{KIND}` (`{API_VERSION}`). This page is made by `python -m webhook.policy.reference`
from the models: a field's text stands at its definition in `webhook/policy/model*.py`.

Everything is strict. An unknown field, a value of another type (`"true"` for `true`), a duplicate key or name, a list
or selector that is written but empty: each is a fault, and policies with a fault are not used. All faults are told at
once, each with file, line and field.

| field | type | absent means | meaning |
|---|---|---|---|
"""
_REFUSED = " *Not supported by this version: a policy that has it is refused.*"
_REFUSED_BUT = " *Not supported by this version: a policy in which it is not {} is refused.*"
_NAMES = {str: "text", int: "whole number", bool: "true or false", datetime: "time", Code: "code"}
_UNSUPPORTED = dict(UNSUPPORTED)


def reference() -> str:
    """The whole document."""
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows(ClusterPodPolicy, ""))


def _rows(model: type[Part], prefix: str) -> Iterator[tuple[str, str, str, str]]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        annotation = _bare(field.annotation)
        meaning, _, absent = (field.description or "").partition(" Absent: ")
        yield f"`{path}`", _type(annotation), _absent(field, absent), f"{meaning}{_refused(path)}"
        part, step = _part(annotation)
        if part is not None:
            yield from _rows(part, f"{path}{step}.")


def _bare(annotation: Any) -> Any:
    """A type without `Annotated` and without None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin is UnionType or str(origin) == "typing.Union":
        return _bare(next(one for one in get_args(annotation) if one is not NoneType))
    return annotation


def _type(annotation: Any) -> str:
    arguments = get_args(annotation)
    match get_origin(annotation):
        case origin if origin is Literal:
            return ", ".join(f"`{value}`" for value in arguments)
        case origin if origin is tuple:
            item = _bare(arguments[0])
            return "list" if _is_part(item) else f"list of {_type(item)}"
        case origin if origin is dict:
            return "mapping of text to text"
    if issubclass(annotation, StrEnum) and annotation not in _NAMES:
        return ", ".join(f"`{value}`" for value in annotation)
    return "mapping" if _is_part(annotation) else _NAMES[annotation]


def _part(annotation: Any) -> tuple[type[Part] | None, str]:
    """The model of a mapping, or of a list's items, with what its fields' paths have after the name."""
    if get_origin(annotation) is tuple:
        item = _bare(get_args(annotation)[0])
        return (item, "[]") if _is_part(item) else (None, "")
    return (annotation, "") if _is_part(annotation) else (None, "")


def _is_part(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Part)


def _absent(field: FieldInfo, absent: str) -> str:
    """What it means that a field is not there: its default, or what its description says."""
    if field.is_required():
        return "a fault"
    if field.default is None:
        return absent.removesuffix(".") or "-"
    return _code(field.default)


def _code(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _refused(path: str) -> str:
    if path not in _UNSUPPORTED:
        return ""
    harmless = _UNSUPPORTED[path]
    return _REFUSED_BUT.format(_code(harmless[0])) if harmless else _REFUSED


if __name__ == "__main__":
    sys.stdout.write(reference())
