"""What was made, as text that `kubectl apply` and `--policy` take, with what it does not say."""

from collections.abc import Iterator
from typing import Any

import yaml

from webhook.policy.convert.conversion import Converted
from webhook.policy.yaml_values import printable

_HEAD = "Made by tidewaiter policy convert."


def not_converted(converted: Converted) -> Iterator[str]:
    """A line for each loss."""
    for loss in converted.losses:
        yield f"not converted: {loss}"


def as_yaml(converted: Converted) -> str:
    """All documents, after comments."""
    comments = "".join(f"# {line.translate(_ONE_LINE)}\n" for line in (_HEAD, *not_converted(converted)))
    return comments + "".join(f"---\n{_dumped(one)}" for one in converted.documents)


def _dumped(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120)


class _Dumper(yaml.SafeDumper):
    """Keys as blocks of lines, and no aliases, which reviewers stumble over."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML asks for each value
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _Dumper.represent_text)


class _Printable(dict[int, str]):
    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = char if " " <= char <= "~" else printable(char)
        return self[code]


_ONE_LINE = _Printable()
