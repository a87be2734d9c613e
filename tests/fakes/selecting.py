"""Selectors of lists: equality and presence of labels, equality of any field."""

from collections.abc import Mapping
from typing import Any


def selected(found: Mapping[str, Any], labels: str, fields: str) -> bool:
    """Whether an object is one that both selectors mean."""
    marks = found["metadata"].get("labels") or {}
    return all(_holds(term, marks.get) for term in _terms(labels)) and all(
        _holds(term, lambda path: _field(found, path)) for term in _terms(fields)
    )


def _terms(selector: str) -> list[str]:
    return [each.strip() for each in selector.split(",") if each]


def _holds(term: str, value: Any) -> bool:
    if "!=" in term:
        key, _, unwanted = term.partition("!=")
        return bool(value(key) != unwanted)
    if "=" in term:
        key, _, wanted = term.replace("==", "=").partition("=")
        return bool(value(key) == wanted)
    return (value(term[1:]) is None) if term.startswith("!") else (value(term) is not None)


def _field(found: Mapping[str, Any], path: str) -> str:
    """An absent field reads as an empty one, as the API server has it."""
    value: Any = found
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)
