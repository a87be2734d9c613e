"""Package URLs, by which reports, VEX documents and provenance name packages and images.

Source: package-url/purl-spec, `PURL-SPECIFICATION.rst`, and the definitions of its types `oci` and `docker`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from webhook import images
from webhook.images import ImageReference, ImageReferenceError

MAX_CHARACTERS: Final = 2048
"""Of one that is read: the longest that tools write take some hundreds."""


@dataclass(frozen=True, slots=True)
class PackageUrl:
    """One package URL, its parts decoded; what is absent is "". Keys of qualifiers are lower case."""

    type: str
    namespace: str
    name: str
    version: str = ""
    qualifiers: Mapping[str, str] = field(default_factory=dict)
    subpath: str = ""

    @classmethod
    def parse(cls, text: str) -> "PackageUrl | None":
        """The package URL that a text writes; None if it is none."""
        if len(text) > MAX_CHARACTERS or not text.startswith("pkg:"):
            return None
        rest, _, subpath = text.removeprefix("pkg:").partition("#")
        path, _, query = rest.partition("?")
        qualifiers = _qualifiers(query)
        head, at, version = path.rpartition("@")
        if not at or "/" in version:  # an "@" further left belongs to a name
            head, version = path, ""
        segments = [unquote(segment) for segment in head.split("/") if segment]
        if len(segments) < 2 or qualifiers is None:
            return None
        kind, *namespace, name = segments
        return cls(kind.lower(), "/".join(namespace), name, unquote(version), qualifiers, unquote(subpath))

    @property
    def package(self) -> str:
        """What it names, of whatever version."""
        return f"{self.type}/{self.namespace}/{self.name}"

    def covers(self, other: "PackageUrl") -> bool:
        """Whether `other` is of the package, version and qualifiers that this one names; what it leaves out is free."""
        return (
            self.package == other.package
            and self.version in {"", other.version}
            and self.subpath in {"", other.subpath}
            and self.qualifiers.items() <= other.qualifiers.items()
        )

    def image(self) -> ImageReference | None:
        """The image that it names, by its name alone; None if it names none, or not in which registry it lies."""
        if self.type == "oci":
            return self._oci_image()
        if self.type == "docker":
            return self._docker_image()
        return None

    def _oci_image(self) -> ImageReference | None:
        """`repository_url` is the whole name, and `name` its last segment."""
        image = _image(self.qualifiers.get("repository_url", ""))
        named = image is not None and image.qualified and image.repository.rpartition("/")[2] == self.name
        return image if named and not self.namespace else None

    def _docker_image(self) -> ImageReference | None:
        """`repository_url` is the registry; without it, the namespace may begin with one, else it is Docker Hub."""
        registry = self.qualifiers.get("repository_url", "")
        image = _image("/".join(part for part in (registry, self.namespace, self.name) if part))
        return image if image is None or image.qualified or not registry else None


def _image(name: str) -> ImageReference | None:
    try:
        return images.parse(name)
    except ImageReferenceError:
        return None


def _qualifiers(query: str) -> dict[str, str] | None:
    """None if one stands twice, so that nobody can know which one is meant."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    qualifiers = {unquote(key).lower(): unquote(value) for key, _, value in pairs if value}
    return qualifiers if len(qualifiers) == sum(1 for _, _, value in pairs if value) else None
