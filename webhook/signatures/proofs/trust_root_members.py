"""Members of a `trusted_root.json`, which know where they stand, so that a fault can say so.

The types are those of protobuf's JSON form: bytes are base64, times are RFC 3339, and null is the same as absent.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from webhook.signatures import strict_json
from webhook.signatures.candidate import CandidateError, decode_base64, quoted
from webhook.signatures.strict_json import JsonError, JsonObject, JsonValue

_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII
)  # protobuf's Timestamp; `fromisoformat` alone would take dates without a time or a zone


class TrustRootError(ValueError):
    """The content is no trust root that can be used; the message says which member, and what was expected."""


@dataclass(frozen=True, slots=True)
class Member:
    """One JSON object and its path, "" for the whole document. Every method raises `TrustRootError`."""

    value: JsonObject
    path: str = ""

    @classmethod
    def root(cls, content: bytes, ceiling: int) -> "Member":
        """The whole document."""
        with _at("not a trust root"):
            return cls(strict_json.load_object(content, ceiling))

    def text(self, name: str) -> str:
        """The string `name`."""
        with _at(self.path):
            return strict_json.text(self.value, name)

    def optional_text(self, name: str) -> str:
        """The string `name`, "" if it is absent."""
        return "" if self._absent(name) else self.text(name)

    def child(self, name: str) -> "Member":
        """The object `name`."""
        with _at(self.path):
            return Member(strict_json.child(self.value, name), self._path(name))

    def optional_child(self, name: str) -> "Member":
        """The object `name`, an empty one if it is absent."""
        return Member({}, self._path(name)) if self._absent(name) else self.child(name)

    def items(self, name: str, ceiling: int) -> list["Member"]:
        """The objects in the array `name`, none if it is absent."""
        with _at(self.path):
            items = strict_json.items(self.value, name, ceiling)
        return [self._item(f"{self._path(name)}[{number}]", item) for number, item in enumerate(items)]

    def encoded(self, name: str, ceiling: int) -> bytes:
        """The bytes `name`, of at most `ceiling` characters in base64."""
        with _at(self.path):
            return decode_base64(strict_json.text(self.value, name), ceiling, name)

    def optional_encoded(self, name: str, ceiling: int) -> bytes:
        """The bytes `name`, none if they are absent."""
        return b"" if self._absent(name) else self.encoded(name, ceiling)

    def time(self, name: str) -> datetime:
        """The time `name`, UTC."""
        text = self.text(name)
        try:
            if _TIME.fullmatch(text):
                return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise TrustRootError(f"{self._path(name)}: expected a time such as 2026-01-01T00:00:00Z, found {quoted(text)}")

    def optional_time(self, name: str) -> datetime | None:
        """The time `name`, None if it is absent."""
        return None if self._absent(name) else self.time(name)

    def _absent(self, name: str) -> bool:
        with _at(self.path):
            return strict_json.member(self.value, name) is None

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    @staticmethod
    def _item(path: str, item: JsonValue) -> "Member":
        if not isinstance(item, dict):
            raise TrustRootError(f"{path}: expected an object")
        return Member(item, path)


@contextmanager
def _at(path: str) -> Iterator[None]:
    try:
        yield
    except (JsonError, CandidateError) as error:
        raise TrustRootError(f"{path}: {error}" if path else str(error)) from None
