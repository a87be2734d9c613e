"""A field of a foreign policy, which knows where it stands and which of its parts nobody read."""

from collections.abc import Iterator
from typing import Any

from webhook.policy.documents import Document, Fault, FieldPath


class Field:
    """A value with its path. What is wrong with it, or has no counterpart, is put into `losses`."""

    def __init__(self, document: Document, value: Any, path: FieldPath, losses: list[Fault]) -> None:
        self.value = value
        self.path = path
        self._document = document
        self._losses = losses
        self._read: set[str] = set()

    @property
    def there(self) -> bool:
        """Whether something is written."""
        return self.value is not None

    def __getitem__(self, key: str) -> "Field":
        """The part of that name, which counts as read; nothing where there is none."""
        self._read.add(key)
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return Field(self._document, value, (*self.path, key), self._losses)

    def items(self) -> Iterator["Field"]:
        """The items of a list; what is no list is a loss."""
        if self.there and not isinstance(self.value, list):
            self.lose("expected a list")
        for index, item in enumerate(self.value if isinstance(self.value, list) else ()):
            yield Field(self._document, item, (*self.path, index), self._losses)

    def text(self, default: str = "") -> str:
        """The text; what is none is a loss, and the default."""
        if not self.there:
            return default
        if not isinstance(self.value, str):
            self.lose("expected text")
            return default
        return self.value

    def flag(self, *, default: bool) -> bool:
        """True or false; what is neither is a loss, and the default."""
        if not self.there:
            return default
        if not isinstance(self.value, bool):
            self.lose("expected true or false")
            return default
        return self.value

    def texts(self) -> dict[str, str]:
        """A mapping of texts."""
        if not isinstance(self.value, dict):
            if self.there:
                self.lose("expected a mapping")
            return {}
        return {key: self[key].text() for key in self.value}

    def lose(self, message: str) -> None:
        """Tell that it is not converted, and why."""
        self._losses.append(self._document.fault(self.path, message))

    def passes(self, *keys: str) -> None:
        """Count parts as read that neither admit nor refuse anything."""
        self._read.update(keys)

    def leftover(self, message: str) -> bool:
        """Tell of each part that nobody read; whether there was one."""
        keys = [key for key in self.value if key not in self._read] if isinstance(self.value, dict) else []
        for key in keys:
            self[key].lose(message)
        return bool(keys)
