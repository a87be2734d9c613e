"""Manifests and indexes as far as evidence needs them (OCI image-spec 1.1, Docker schema 2). Bytes in, values out.

A document's type is that of its Content-Type, and everything in it has to agree: a document that two readers take for
two things is none (CVE-2021-41190). JSON is parsed strictly, and never deeper or larger than its ceilings allow.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, TypeVar

import msgspec

from webhook.errors import RegistryResponseError
from webhook.images import Digest, ImageReferenceError

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX_TYPES = (OCI_INDEX, DOCKER_LIST)
MANIFEST_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
IMAGE_TYPES = (*INDEX_TYPES, *MANIFEST_TYPES)

_DOCKER_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
_CONTENT = {**dict.fromkeys(INDEX_TYPES, "manifests"), **dict.fromkeys(MANIFEST_TYPES, "layers")}
MAX_COLONS = 50_000
"""Of a document, before anything of it is decoded: each name of a member has one after it, and 340,000 names fit into
4 MiB and would hold up everybody for a third of a second. An index of a thousand entries has 10,000."""

_FOREIGN = {"manifests": {"layers", "config", "fslayers"}, "layers": {"manifests", "fslayers"}}
"""Fields, folded to lower case, that a document of the other type has. Go's JSON reader takes a name in any case."""

T = TypeVar("T")
Size = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index as it was fetched; `digest` is that of its bytes."""

    media_type: str
    content: bytes
    digest: Digest


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """What points at content: all of it is a claim until the content's digest was checked."""

    media_type: str
    digest: str
    size: Size
    artifact_type: str = ""
    annotations: Mapping[str, str] | None = None


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """An image manifest."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    artifact_type: str = ""
    subject: Descriptor | None = None

    @property
    def kind(self) -> str:
        """What the manifest is for: its `artifactType`, or else the type of its config."""
        return self.artifact_type or self.config.media_type


class _Index(msgspec.Struct, frozen=True, rename="camel"):
    manifests: tuple[Descriptor, ...] | None


def digest_of(content: bytes) -> Digest:
    """The sha256 digest of content."""
    return Digest("sha256", hashlib.sha256(content).hexdigest())


def checked(text: str) -> Digest | None:
    """The digest that a descriptor claims, if it is one that can be checked."""
    try:
        return Digest.parse(text)
    except ImageReferenceError:
        return None


def check(document: Document) -> None:
    """Whether a document is one thing alone, and that of its media type. Raises `RegistryResponseError`."""
    expected = _CONTENT.get(document.media_type)
    if expected is None:
        if document.media_type.startswith(_DOCKER_SCHEMA_1):
            raise RegistryResponseError("the manifest is one of Docker's schema 1, which has no reliable digest")
        raise RegistryResponseError("the manifest is of a type that is neither OCI's nor Docker's")
    if document.content.count(b":") > MAX_COLONS:
        raise RegistryResponseError("the manifest has more members than are read")
    fields = _decode(document.content, dict[str, msgspec.Raw])
    if _text(fields.get("mediaType")) not in {None, document.media_type}:
        raise RegistryResponseError("the manifest says that it is of another type than the registry says")
    names = {name.casefold() for name in fields}
    if expected not in fields or not names.isdisjoint(_FOREIGN[expected]) or len(names) != len(fields):
        raise RegistryResponseError("the manifest has not the fields of its type, or those of another type too")
    if _decode(bytes(fields.get("schemaVersion", b"0")), int) != 2:
        raise RegistryResponseError("the manifest is not of schema version 2")


def manifest(document: Document) -> Manifest:
    """The image manifest in a document. Raises `RegistryResponseError`."""
    check(document)
    if document.media_type not in MANIFEST_TYPES:
        raise RegistryResponseError("an index lies where a manifest is expected")
    return _decode(document.content, Manifest)


def index(document: Document) -> tuple[Descriptor, ...]:
    """The entries of an index. Raises `RegistryResponseError`."""
    check(document)
    if document.media_type not in INDEX_TYPES:
        raise RegistryResponseError("a manifest lies where an index is expected")
    return _decode(document.content, _Index).manifests or ()


def _text(raw: msgspec.Raw | None) -> str | None:
    return None if raw is None else _decode(bytes(raw), str)


def _decode(content: bytes, into: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=into)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):  # msgspec lets the latter out
        raise RegistryResponseError("the manifest is not the JSON document that its type says") from None
