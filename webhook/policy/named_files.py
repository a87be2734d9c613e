"""Files that documents name: keys and trust roots beside a policy."""

from collections.abc import Callable

ReadFile = Callable[[str], bytes]
"""The content of a file, named as a document names it. Raises `OSError`, of which messages show `strerror`."""


class NamedFileError(ValueError):
    """The file cannot be read; the message says why."""


def content_of(name: str, read_file: ReadFile) -> bytes:
    """The content of the file of that name. Raises `NamedFileError`."""
    try:
        return read_file(name)
    except OSError as error:
        raise NamedFileError(f"cannot be read: {error.strerror or type(error).__name__}") from error
