"""Findings that a policy accepts for a while: for some images, in some namespaces, until a moment.

An exemption is bound to what a pod's author does not choose alone. A finding about an image is accepted for that image;
a finding about a field of a container for the container's image; one about a field of the pod only where one exemption
speaks about all images of the whole pod, whichever of them an update changed. A reference that cannot be read is
nobody's image. From its end on an exemption has no effect.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from msgspec.structs import replace

from webhook import pods
from webhook.codes import INCONCLUSIVE, Code
from webhook.images import ImageReference, ImageReferenceError, parse
from webhook.objects import PodTemplateSpec
from webhook.pods import Pod
from webhook.policy.allowlist import Pattern
from webhook.verdict import Violation

ANNOUNCED = timedelta(days=7)
"""How long before its end an exemption is spoken of."""

NOT_EXEMPTABLE = INCONCLUSIVE | {
    Code.IMAGE_NOT_FOUND,
    Code.LABEL_GUARDED,
    Code.NAMESPACE_LABEL_INVALID,
    Code.POLICY_INVALID,
    Code.NO_POLICY_MATCHES,
    Code.OBJECT_INVALID,
    Code.REFERENCE_INVALID,
    Code.REGISTRY_RESPONSE_INVALID,
}
"""Codes that no rule of a policy makes, or that stand for rules which could not be judged at all: accepted, they would
accept whatever those would have found. For some of them `onError` is there."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """One exemption, compiled. `namespaces` are exact names.

    A pod may have a thousand images, and a policy a thousand patterns: those that name one image are looked up.
    """

    reason: str
    expires: datetime
    codes: frozenset[Code]
    images: tuple[Pattern, ...]
    namespaces: frozenset[str]
    _named: frozenset[str] = field(init=False, repr=False, compare=False)
    _others: tuple[Pattern, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_named", frozenset(each.one_name for each in self.images if each.one_name))
        object.__setattr__(self, "_others", tuple(each for each in self.images if not each.one_name))

    def holds(self, namespace: str, now: datetime) -> bool:
        """Whether it speaks about the namespace, and has not ended."""
        return namespace in self.namespaces and now < self.expires

    def covers(self, image: ImageReference | None) -> bool:
        """Whether it speaks about the image. None is one whose reference cannot be read."""
        return image is not None and (
            image.name in self._named or any(pattern.matches(image) for pattern in self._others)
        )


Accepted = Mapping[Code, Exemption]
"""The codes of accepted findings, each with the exemption by which it is."""

_NOTHING: Accepted = MappingProxyType({})


def accepted(exemptions: Iterable[Exemption], images: Sequence[ImageReference | None]) -> Accepted:
    """What is accepted of something that belongs to all of these images; nothing where there are none."""
    found: dict[Code, Exemption] = {}
    for exemption in exemptions if images else ():
        if all(exemption.covers(image) for image in images):
            found.update(dict.fromkeys(exemption.codes - found.keys(), exemption))
    return found or _NOTHING


class FieldExemptions:
    """What exemptions accept of the fields of one pod. Each image of a pod is looked at once, however many findings."""

    def __init__(self, exemptions: Sequence[Exemption], pod: Pod) -> None:
        self._exemptions = exemptions
        self._pod = pod
        self._known: dict[tuple[str, str], Accepted] = {}
        self._by_path = {container.path: container.image for container in pod.containers}
        for volume in pod.volumes:
            if volume.image is not None:
                self._by_path[f"{volume.path}.image.reference"] = volume.image

    def of(self, violation: Violation) -> Exemption | None:
        """The exemption that accepts the finding, None where none does."""
        owner = self._owner(violation)
        if owner not in self._known:
            self._known[owner] = accepted(self._exemptions, [_read(text) for text in self._images(*owner)])
        return self._known[owner].get(violation.code)

    def _owner(self, violation: Violation) -> tuple[str, str]:
        """The path of the container or image whose field it is; else the name of the container that it is about."""
        path = violation.path
        container = path[: path.find("]", len(self._pod.path)) + 1]
        place = next((each for each in (container, path) if each in self._by_path), "")
        return place, "" if place else violation.container

    def _images(self, path: str, name: str) -> Iterator[str]:
        """The images that all have to be spoken of. Names can be there twice in what the API server has not seen."""
        if path:
            yield self._by_path[path]
            return
        spec = self._pod.spec
        for container in (*(spec.init_containers or ()), *(spec.containers or ()), *(spec.ephemeral_containers or ())):
            if name in {"", container.name}:
                yield container.image or ""
        for volume in self._pod.volumes:
            if not name and volume.image is not None:
                yield volume.image


def _read(text: str) -> ImageReference | None:
    try:
        return parse(text)
    except ImageReferenceError:
        return None


def with_changed_images(pod: Pod) -> Pod:
    """The pod, with those containers to be judged of which an update changed nothing but the image.

    What was accepted for the image before need not be for this one.
    """
    judged = {container.path for container in pod.containers}
    changed = {use.path.removesuffix(".image") for use in pod.images if use.container} - judged
    if not changed:
        return pod
    whole = pods.pod(PodTemplateSpec(spec=pod.spec), pod.path).containers
    containers = tuple([each for each in whole if each.path in judged or each.path in changed])
    return replace(pod, containers=containers)
