"""What every refusal is, and how a lenient reader sees what was taken."""

import json
from typing import Any


def is_told(message: str, characters: int = 1000) -> None:
    """Fails where a message says nothing, too much, or what is not one line of printable ASCII."""
    assert message.isascii()
    assert message.isprintable()
    assert 0 < len(message) < characters


def as_others_read(data: bytes) -> Any:
    """JSON as Go reads it: bytes that are no UTF-8 become U+FFFD. (msgspec does not look into what it passes over.)"""
    return json.loads(data.decode("utf-8", "replace"))
