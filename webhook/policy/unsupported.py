"""Fields that a policy may have and whose engine this version lacks: written, they are faults, and never ignored.

Each is modelled like any other field, so that its own faults are told as well.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook import __version__
from webhook.policy.documents import FieldPath
from webhook.policy.part import items

UNSUPPORTED: tuple[str, ...] = (
    "spec.images.authorities[].key.secretRef",
    "spec.containers.podSecurity",
    "spec.exemptions",
)

MESSAGE = f"not supported by tidewaiter {__version__}"


def unsupported(policy: Mapping[str, Any]) -> Iterator[FieldPath]:
    """The fields of a policy, as written, that cannot be honoured."""
    for field in UNSUPPORTED:
        yield from _places(policy, (), field.split("."))


def _places(value: Any, path: FieldPath, steps: list[str]) -> Iterator[FieldPath]:
    """Where the steps lead, `name` or `name[]` for each item of a list; nowhere where something has another shape."""
    if not steps:
        yield path
        return
    name = steps[0].removesuffix("[]")
    if not isinstance(value, dict) or name not in value:
        return
    if name == steps[0]:
        yield from _places(value[name], (*path, name), steps[1:])
        return
    for index, item in items(value, name):
        yield from _places(item, (*path, name, index), steps[1:])
