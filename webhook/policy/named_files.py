"""What documents name and do not hold: files with keys and trust roots, Secrets of a cluster with keys."""

from collections.abc import Callable

ReadFile = Callable[[str], bytes]
"""The content of a file, named as a document names it. Raises `OSError`, of which messages show `strerror`."""

ReadSecret = Callable[[str, str], bytes]
"""What a Secret has under a key: name of the Secret, and key. Raises `OSError`, of which messages show `strerror`."""


class NamedFileError(ValueError):
    """The file or the Secret cannot be read; the message says why."""


def content_of(name: str, read_file: ReadFile) -> bytes:
    """The content of the file of that name. Raises `NamedFileError`."""
    try:
        return read_file(name)
    except OSError as error:
        raise _error(error) from error


def secret_of(name: str, key: str, read_secret: ReadSecret) -> bytes:
    """What the Secret of that name has under the key. Raises `NamedFileError`."""
    try:
        return read_secret(name, key)
    except OSError as error:
        raise _error(error) from error


def no_file(_name: str) -> bytes:
    """Where policies are resources of the cluster, there are no files beside them."""
    raise OSError(0, "only policies from files may name files")


def no_secret(_name: str, _key: str) -> bytes:
    """Where policies come from files, there is no cluster to ask."""
    raise OSError(0, "only policies of the cluster may name Secrets")


def _error(error: OSError) -> NamedFileError:
    return NamedFileError(f"cannot be read: {error.strerror or type(error).__name__}")
