"""Fields that a policy may have and whose engine this version lacks: written, they are faults, and never ignored.

Each is modelled like any other field, so that its own faults are told as well.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from webhook import __version__
from webhook.policy.documents import FieldPath
from webhook.policy.part import items

UNSUPPORTED: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("spec.images.authorities[].keyless", ()),
    ("spec.images.authorities[].trustRoot", ()),
    ("spec.images.authorities[].timestamp", ("NotRequired",)),
    ("spec.images.authorities[].certificateTransparency", ("NotRequired",)),
    ("spec.images.authorities[].transparencyLog", ("NotRequired",)),
    ("spec.images.authorities[].key.secretRef", ()),
    ("spec.images.authorities[].repository", ()),
    ("spec.images.verify[].acceptIndexSignature", (False,)),
    ("spec.images.verify[].attestations", ()),
    ("spec.images.baseImages", ()),
    ("spec.containers.podSecurity", ()),
    ("spec.exemptions", ()),
)
"""Field, and the values that it may have because they ask for nothing."""

MESSAGE = f"not supported yet by tidewaiter {__version__}"


def unsupported(policy: Mapping[str, Any], faulty: Collection[FieldPath]) -> Iterator[FieldPath]:
    """The fields of a policy, as written, that cannot be honoured.

    Where one value of a field could be, and what is there is `faulty`, nobody knows whether that value was meant.
    """
    for field, harmless in UNSUPPORTED:
        for path, value in _values(policy, (), field.split(".")):
            if not harmless or (value not in harmless and path not in faulty):
                yield path


def _values(value: Any, path: FieldPath, steps: list[str]) -> Iterator[tuple[FieldPath, Any]]:
    """What lies at the steps, `name` or `name[]` for each item of a list; nothing where something has another shape."""
    if not steps:
        yield path, value
        return
    name = steps[0].removesuffix("[]")
    if not isinstance(value, dict) or name not in value:
        return
    if name == steps[0]:
        yield from _values(value[name], (*path, name), steps[1:])
        return
    for index, item in items(value, name):
        yield from _values(item, (*path, name, index), steps[1:])
