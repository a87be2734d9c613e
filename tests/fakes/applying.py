"""What server-side apply makes of an object: maps grow together, and lists whose items have a name or a type.

Whose field is whose is left out, and with it that a field goes which its manager no longer applies.
"""

import copy
from typing import Any

_KEYS = ("name", "type")


def merged(there: Any, applied: Any) -> Any:
    """A new value; any other list is replaced as a whole."""
    if isinstance(there, dict) and isinstance(applied, dict):
        new = {key: merged(there.get(key), value) for key, value in applied.items()}
        return {**copy.deepcopy(there), **new}
    if isinstance(there, list) and isinstance(applied, list) and (key := _key([*there, *applied])):
        return _list(key, there, applied)
    return copy.deepcopy(applied)


def _key(items: list[Any]) -> str:
    """What tells the items apart, nothing where nothing does."""
    maps = items and all(isinstance(each, dict) for each in items)
    return next((key for key in _KEYS if maps and all(key in each for each in items)), "")


def _list(key: str, there: list[Any], applied: list[Any]) -> list[Any]:
    new = {each[key]: each for each in applied}
    kept = [merged(each, new.pop(each[key], {})) for each in there]
    return [*kept, *copy.deepcopy(list(new.values()))]
