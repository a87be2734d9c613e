"""How `tidewaiter check` prints its findings: one module for each format, listed once in `FORMATS`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from webhook.cli.outputs import as_document, as_github, as_junit, as_sarif, as_table
from webhook.cli.outputs.judged import Report

FORMATS: Final[Mapping[str, Callable[[Report], None]]] = MappingProxyType(
    {
        "table": as_table.write,
        "json": as_document.write_json,
        "yaml": as_document.write_yaml,
        "sarif": as_sarif.write,
        "junit": as_junit.write,
        "github": as_github.write,
    }
)
"""The formats by the names that `-o` takes; each writes a whole report to standard output."""
