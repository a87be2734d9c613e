"""How commands print: a document as JSON or YAML, or a table."""

import json
from collections.abc import Mapping
from typing import Any

import click
import yaml


def structured(document: Mapping[str, Any], output_format: str) -> None:
    """One document on standard output. JSON and YAML have the same keys in the same order."""
    if output_format == "json":
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(yaml.safe_dump(document, sort_keys=False), nl=False)
