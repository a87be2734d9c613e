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
from webhook.policy.model_trust_root import KIND as TRUST_ROOT
from webhook.policy.model_trust_root import TrustRoot
from webhook.policy.part import Part

_HEAD = f"""# Policy reference

Every field of `{KIND}` and of `{TRUST_ROOT}` (`{API_VERSION}`). This page is made by
`python -m webhook.policy.reference` from the models: a field's text stands at its definition in
`webhook/policy/model*.py`.

Everything is strict. An unknown field, a value of another type (`"true"` for `true`), a duplicate key or name, a list
or selector that is written but empty: each is a fault, and policies with a fault are not used. All faults are told at
once, each with file, line and field.
"""
_TABLE = """
| field | type | absent means | meaning |
|---|---|---|---|
"""
SECTIONS: tuple[tuple[type[Part], str], ...] = (
    (ClusterPodPolicy, f"\n## {KIND}\n\nWhat pods and their images must be like.\n"),
    (
        TrustRoot,
        f"""
## {TRUST_ROOT}

Whose certificates, logs and timestamps count for keyless signatures, and for keys whose log or timestamp is Required.
It stands in the files of policies, beside the policies whose authorities name it. Sigstore's own, `public-good`, is
built in; a {TRUST_ROOT} of that name replaces it.
""",
    ),
)
"""The kinds, each with what stands above its table."""

_NAMES = {str: "text", int: "whole number", bool: "true or false", datetime: "time", Code: "code"}


def reference() -> str:
    """The whole document."""
    return _HEAD + "".join(f"{head}{_TABLE}{_table(model)}" for model, head in SECTIONS)


def _table(model: type[Part]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows(model))


def rows(model: type[Part], prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Of each field below `prefix`: path, type, what it means that it is absent, and what it means."""
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        annotation = _bare(field.annotation)
        meaning, _, absent = (field.description or "").partition(" Absent: ")
        yield f"`{path}`", _type(annotation), _absent(field, absent), meaning
        part, step = _part(annotation)
        if part is not None:
            yield from rows(part, f"{path}{step}.")


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
            return ", ".join(map(_code, arguments))
        case origin if origin is tuple:
            item = _bare(arguments[0])
            return "list" if _is_part(item) else f"list of {_type(item)}"
        case origin if origin is dict:
            return "mapping" if arguments[1] is Any else "mapping of text to text"
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


if __name__ == "__main__":
    sys.stdout.write(reference())
