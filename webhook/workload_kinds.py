"""Kinds of the cluster's own that carry pods: where in their objects pod templates and containers lie.

A path names fields by dots; `[]` behind a field says that it is a list, and is meant for each item. A path that ends in
a field names a pod template (`metadata` and `spec`, as in a Deployment); one that ends in a list names containers, of
which the images alone are judged: what the rest of their pod says stands elsewhere.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any

import msgspec
from msgspec import Meta, field

from webhook.errors import ConfigurationError
from webhook.objects import MAX_ITEMS, ContainerSpec, Kind, PodTemplateSpec, pod_template
from webhook.pods import ImageUse, Pod, of_images, pod

MAX_PATHS = 16
MAX_STEPS = 12
MAX_TEMPLATES = 100
"""Of one object. A JobSet or a Ray cluster has a handful."""

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The group of a kind of the cluster's own has a dot; built-in workloads are of groups without one.
_RESOURCE = re.compile(rf"({_LABEL})\.((?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})+)", re.ASCII)
_STEP = re.compile(r"([A-Za-z_][A-Za-z0-9_-]{0,62})(\[\])?", re.ASCII)

Steps = tuple[tuple[str, bool], ...]
"""Names of fields from the outermost on, and whether each is a list."""


class WorkloadKind(msgspec.Struct, frozen=True):
    """A kind of the cluster's own, by its resource. `struct` decodes of its objects what lies at `paths`."""

    group: str
    resource: str
    paths: tuple[Steps, ...]
    struct: type[msgspec.Struct]

    @property
    def kind(self) -> str:
        """What it is called where a built-in kind has its name."""
        return f"{self.resource}.{self.group}"

    @property
    def is_pod(self) -> bool:
        """Never."""
        return False

    def pods(self, owner: Any) -> tuple[Pod, ...]:
        """The pods of an object: one for each template, one more for all images of lists of containers.

        Raises `msgspec.ValidationError`.
        """
        pods: list[Pod] = []
        images: list[ImageUse] = []
        for steps in self.paths:
            found = _found(owner, steps, "")
            if steps[-1][1]:
                named = (use for path, container in found if (use := _image(path, container)).text)
                images += islice(named, MAX_ITEMS + 1)
                continue
            for path, template in islice(found, MAX_TEMPLATES + 1):
                pods.append(pod(template, f"{path}.spec"))
                if sum(len(each.containers) for each in pods) > MAX_ITEMS:
                    raise msgspec.ValidationError(f"more than {MAX_ITEMS} containers in one object")
        if len(pods) > MAX_TEMPLATES:
            raise msgspec.ValidationError(f"more than {MAX_TEMPLATES} pod templates in one object")
        return (*pods, of_images(images)) if images else tuple(pods)


def pods_of(kind: Kind | WorkloadKind, owner: Any) -> tuple[Pod, ...]:
    """All pods of an object, whose struct is its kind's. Raises `msgspec.ValidationError`."""
    if isinstance(kind, WorkloadKind):
        return kind.pods(owner)
    return (pod(pod_template(owner), kind.spec_path),)


def plural(kind: str) -> str:
    """The resource of a kind, as kubectl guesses it (`k8s.io/apimachinery/pkg/api/meta.UnsafeGuessKindToResource`)."""
    name = kind.lower()
    if name.endswith("endpoints"):
        return name
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def workload_kinds(texts: Iterable[str]) -> tuple[WorkloadKind, ...]:
    """The values of `--workload-kind`, read. Raises `ConfigurationError`."""
    kinds = tuple(map(workload_kind, texts))
    for index, kind in enumerate(kinds):
        if any((kind.group, kind.resource) == (other.group, other.resource) for other in kinds[:index]):
            raise ConfigurationError(f"--workload-kind names {kind.kind} twice")
    return kinds


def workload_kind(text: str) -> WorkloadKind:
    """`RESOURCE.GROUP=PATH[,PATH…]`. Raises `ConfigurationError`."""
    name, _, paths = text.partition("=")
    found = _RESOURCE.fullmatch(name)
    written = paths.split(",")
    if found is None or not all(written):
        raise ConfigurationError(f"--workload-kind: expected RESOURCE.GROUP=PATH[,PATH...], found {text[:200]!a}")
    resource, group = found.groups()
    if len(written) > MAX_PATHS:
        raise ConfigurationError(f"--workload-kind: {name} has more than {MAX_PATHS} paths")
    steps = tuple(map(_steps, written))
    try:
        return WorkloadKind(group, resource, steps, _struct(steps))
    except _ClashError as error:
        raise ConfigurationError(f"--workload-kind: the paths of {name} clash at {error}") from error


def _steps(path: str) -> Steps:
    found = [_STEP.fullmatch(step) for step in path.split(".")]
    steps = tuple((step[1], step[2] is not None) for step in found if step is not None)
    if len(steps) != len(found) or len(steps) > MAX_STEPS:
        raise ConfigurationError(
            f"--workload-kind: expected a path such as spec.template or spec.steps[] of at most {MAX_STEPS} fields,"
            f" found {path[:200]!a}"
        )
    return steps


class _ClashError(Exception):
    """A field is named twice, once as a list and once as none, or within another path's end."""


def _struct(paths: Sequence[Steps]) -> type[msgspec.Struct]:
    """What decodes the objects in which these paths begin."""
    fields: dict[str, list[Steps]] = {}
    for steps in paths:
        fields.setdefault(steps[0][0], []).append(steps)
    types = [(_attribute(name), _type(name, inner), field(name=name, default=None)) for name, inner in fields.items()]
    return msgspec.defstruct("Fields", types, frozen=True, gc=False)


def _type(name: str, paths: Sequence[Steps]) -> Any:
    many = paths[0][0][1]
    ends = [steps for steps in paths if len(steps) == 1]
    if any(steps[0][1] is not many for steps in paths) or (ends and len(paths) > 1):
        raise _ClashError(name)
    if ends:
        inner: Any = ContainerSpec if many else PodTemplateSpec
    else:
        inner = _struct([steps[1:] for steps in paths])
    return Annotated[tuple[inner, ...], Meta(max_length=MAX_ITEMS)] | None if many else inner | None


def _attribute(name: str) -> str:
    """A name of ours for a field: theirs may be a word of the language."""
    return f"at_{name.replace('-', '__')}"


def _found(value: Any, steps: Steps, path: str) -> Iterator[tuple[str, Any]]:
    """What lies at the end of the steps in the value, with its path."""
    if not steps:
        yield path, value
        return
    (name, many), rest = steps[0], steps[1:]
    here = f"{path}.{name}" if path else name
    inner = getattr(value, _attribute(name))
    if inner is None:
        return
    for place, each in ((f"{here}[{index}]", item) for index, item in enumerate(inner)) if many else [(here, inner)]:
        yield from _found(each, rest, place)


def _image(path: str, container: ContainerSpec) -> ImageUse:
    return ImageUse(f"{path}.image", container.name or "", container.image or "")
