"""Reading JSON whose shape nobody promises: what is of another type counts as absent."""

from webhook.signatures.strict_json import JsonObject, JsonValue


def object_of(value: JsonValue) -> JsonObject:
    """The object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def list_of(value: JsonValue) -> list[JsonValue]:
    """The array, an empty one for anything else."""
    return value if isinstance(value, list) else []


def text_of(value: JsonValue) -> str:
    """The string, "" for anything else."""
    return value if isinstance(value, str) else ""
