"""Where a finding stands: the file, and the line of the field itself where the manifest has it."""

import os
from pathlib import Path
from urllib.parse import quote

import msgspec

from webhook.cli.manifests import STDIN, Resource

_NOT_IN_FILES = "\ufffd"


class Place(msgspec.Struct, frozen=True):
    """A line of a file as it was named on the command line; lines count from 1."""

    file: str
    line: int

    @property
    def shown(self) -> str:
        """The file for people and CI services: below the working folder if it is there, no control characters."""
        text = os.fsencode(_relative(self.file) or self.file).decode("utf-8", "replace")
        return "".join(char if char.isprintable() else _NOT_IN_FILES for char in text)

    @property
    def uri(self) -> str:
        """A relative reference (RFC 3986) for a file below the working folder and for standard input, else absolute."""
        if self.file == STDIN:
            return quote(self.file)
        relative = _relative(self.file)
        return quote(os.fsencode(relative)) if relative else Path(self.file).absolute().as_uri()

    @property
    def is_relative(self) -> bool:
        """Whether `uri` is."""
        return self.file == STDIN or bool(_relative(self.file))


def place(resource: Resource, path: str) -> Place:
    """The place of a field of a resource, or of the innermost thing around it that the manifest has."""
    file, _, line = resource.source.rpartition(":")
    return Place(file, max(resource.line_of(path) or int(line), 1))


def _relative(file: str) -> str:
    """The file's path from the working folder with `/` between; "" if it lies outside, or is none."""
    if file == STDIN:
        return ""
    here = os.getcwd()  # noqa: PTH109 - asked for each finding, and Path takes ten times as long
    below = os.path.normpath(os.path.join(here, file)).removeprefix(here.rstrip(os.sep) + os.sep)  # noqa: PTH118
    return "" if os.path.isabs(below) else below.replace(os.sep, "/")  # noqa: PTH117
