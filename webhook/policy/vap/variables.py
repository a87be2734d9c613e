"""What the rules are about: those containers and images of a pod that a request makes or changes.

The API server checks an update before policies see it, and lets nothing change of a pod's containers but images and,
by another subresource, resources; so a container is known by its name there, and an image by its place and text.
"""

import re
from collections.abc import Iterable

from webhook.policy.vap import references
from webhook.policy.vap.expressions import quoted

_LISTS = ("initContainers", "containers", "ephemeralContainers")
_NAMED = re.compile(r"variables\.([A-Za-z_0-9]+)", re.ASCII)


def _new(field: str) -> str:
    return f"variables.spec.?{field}.orValue([]).filter(c, !(c.name in variables.known))"


def _images(owner: str) -> str:
    containers = " + ".join(f"variables.{owner}.?{field}.orValue([])" for field in _LISTS)
    volumes = f"variables.{owner}.?volumes.orValue([]).filter(v, has(v.image))"
    return (
        f"({containers}).map(c, {{'place': 'container ' + string(c.name), 'text': string(c.?image.orValue(''))}})"
        f" + {volumes}.map(v, {{'place': 'volume ' + string(v.name), 'text': string(v.image.?reference.orValue(''))}})"
    )


VARIABLES: dict[str, str] = {
    "spec": "dyn(object.spec)",
    "old": "oldObject == null ? dyn({}) : dyn(oldObject.spec)",
    "labels": "dyn(object.metadata).?labels.orValue({})",
    "annotations": "dyn(object.metadata).?annotations.orValue({})",
    "windows": "variables.spec.?os.?name.orValue('') == 'windows'",
    "volumes": "variables.spec.?volumes.orValue([])",
    "known": f"({' + '.join(f'variables.old.?{field}.orValue([])' for field in _LISTS)}).map(c, c.name)",
    "starting": _new("initContainers"),
    "regular": _new("containers"),
    "debugging": _new("ephemeralContainers"),
    "lasting": "variables.starting + variables.regular",
    "probed": "variables.starting.filter(c, c.?restartPolicy.orValue('') == 'Always') + variables.regular",
    "judged": "variables.lasting + variables.debugging",
    "knownImages": f"({_images('old')}).map(i, i.place + ' ' + i.text)",
    "images": f"({_images('spec')}).filter(i, !(i.place + ' ' + i.text in variables.knownImages))",
    "split": references.SPLIT,
    "normal": references.NORMAL,
    "references": references.REFERENCES,
}
"""All of them, in an order in which each names only those before it."""


def needed(expressions: Iterable[str]) -> list[tuple[str, str]]:
    """Those that the expressions name, and those that these name, in their order."""
    wanted = {name for each in expressions for name in _NAMED.findall(each)}
    for name, expression in reversed(VARIABLES.items()):
        if name in wanted:
            wanted.update(_NAMED.findall(expression))
    return [(name, expression) for name, expression in VARIABLES.items() if name in wanted]


def in_namespaces(names: Iterable[str]) -> str:
    """Whether the request is about one of these namespaces."""
    return f"request.namespace in [{', '.join(map(quoted, sorted(names)))}]"
