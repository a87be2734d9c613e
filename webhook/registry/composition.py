"""What an image is made of, as its manifests and configs say it. Bytes in, values out.

Whoever built an image wrote all of this, and may want it to be read in one way here and in another by the runtime. So
it is JSON that can be read in one way only (`webhook.signatures.strict_json`), whatever a runtime might take for an
image is looked at as one, and doubt refuses. Whether layers are those that `rootfs.diff_ids` names, runtimes check when
they unpack them.

Sources: OCI image-spec 1.1 `image-index.md`, `manifest.md`, `config.md`; Docker's `manifest-v2-2.md`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import msgspec

from webhook.errors import RegistryResponseError
from webhook.images import MAX_LENGTH, Digest
from webhook.registry import manifests
from webhook.registry.manifests import Descriptor, Document
from webhook.registry.settings import Limits
from webhook.signatures import strict_json
from webhook.signatures.contents import BASE_DIGEST, BASE_NAME
from webhook.signatures.strict_json import JsonError, JsonObject, JsonValue

_UNKNOWN = "unknown"
"""Operating system and architecture of what is listed beside images and is none: BuildKit's attestations."""

_COUNTED_AT_ONCE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Child:
    """A manifest that an index lists.

    `media_type` is empty where it is not that of an index or image; `unknown`: its platform is one that no node has.
    """

    digest: Digest
    media_type: str
    unknown: bool


@dataclass(frozen=True, slots=True)
class Index:
    """An index: its manifests, and what it claims about the images' base."""

    children: tuple[Child, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image's manifest: its config, how many layers it has, and what it claims about its base."""

    config: Digest
    config_size: int
    layers: int
    annotations: Mapping[str, str] = field(default_factory=dict)


def read(document: Document, limits: Limits) -> Index | Manifest:
    """The index or manifest that a document is. Raises `RegistryResponseError`."""
    check_values(document.content, limits)
    manifests.check(document)
    with _reading("the manifest"):
        fields = strict_json.load_object(document.content, limits.manifest_bytes, limits.document_values)
        if document.media_type in manifests.INDEX_TYPES:
            entries = strict_json.items(fields, "manifests", limits.index_entries)
            return Index(tuple(_child(entry) for entry in entries), _base(fields))
        layers = strict_json.items(fields, "layers", limits.image_layers)
        config = _descriptor(strict_json.child(fields, "config"))
        return Manifest(_digest(config), config.size, len(layers), _base(fields))


def image_digests(index: Index, limits: Limits) -> tuple[Digest, ...]:
    """The images that an index lists, each once. Raises `RegistryResponseError` where one cannot be looked into."""
    found: dict[Digest, None] = {}
    for child in index.children:
        if child.media_type in manifests.INDEX_TYPES:
            raise RegistryResponseError(f"the index lists another index, {child.digest}, which is not looked into")
        if child.unknown:
            continue
        if child.media_type not in manifests.MANIFEST_TYPES:
            raise RegistryResponseError(f"the index lists {child.digest}, whose media type is not that of an image")
        found[child.digest] = None
    if not 1 <= len(found) <= limits.platforms:
        raise RegistryResponseError(f"the index lists {len(found)} images; expected 1 to {limits.platforms}")
    return tuple(found)


def diff_ids(config: bytes, count: int, limits: Limits) -> tuple[str, ...]:
    """The layers of an image whose manifest has so many, first layer first. Raises `RegistryResponseError`.

    None at all are refused: nothing can run in such an image, and it would be the beginning of every other.
    """
    check_values(config, limits)
    with _reading("the config"):
        fields = strict_json.load_object(config, limits.config_bytes, limits.document_values)
        if strict_json.member(fields, "rootfs") is None:
            raise RegistryResponseError("the config is not that of an image: it has no rootfs")
        rootfs = strict_json.child(fields, "rootfs")
        if strict_json.text(rootfs, "type") != "layers":
            raise RegistryResponseError("the config's rootfs is not made of layers")
        found = strict_json.items(rootfs, "diff_ids", limits.image_layers)
    if not found:
        raise RegistryResponseError("the config lists no layers, so that nothing can run in the image")
    if len(found) != count:
        raise RegistryResponseError(f"the config lists {len(found)} layers, the manifest {count}; expected as many")
    return tuple(str(_checked(text)) for text in found)


def claims(own: Mapping[str, str], index: Index | None) -> Mapping[str, str]:
    """What is claimed about an image's base: by its manifest, or else by the index. The two are never mixed."""
    return own if own or index is None else index.annotations


def check_values(content: bytes, limits: Limits) -> None:
    """A ceiling for what reading costs, within a millisecond. Raises `RegistryResponseError`.

    Each value but the first follows a comma or an opening bracket. They are counted as far as there may be so many.
    """
    seen = 0
    for start in range(0, len(content), _COUNTED_AT_ONCE):
        seen += sum(content.count(mark, start, start + _COUNTED_AT_ONCE) for mark in (b",", b"[", b"{"))
        if seen > limits.document_values:
            raise RegistryResponseError(
                f"a document may have more than {limits.document_values} JSON values, and is not read"
            )


def _child(value: JsonValue) -> Child:
    if not isinstance(value, dict):
        raise JsonError("an entry of the index is not an object")
    entry = _descriptor(value)
    platform = strict_json.optional_child(value, "platform")
    names = [strict_json.member(platform, name) for name in ("os", "architecture")]
    known = next((each for each in manifests.IMAGE_TYPES if each == entry.media_type), "")
    return Child(_digest(entry), known, names == [_UNKNOWN, _UNKNOWN])


def _descriptor(value: JsonObject) -> Descriptor:
    for name in ("mediaType", "digest", "size"):
        strict_json.member(value, name)
    try:
        return msgspec.convert(value, Descriptor)
    except msgspec.ValidationError:
        raise JsonError("a descriptor has not the fields of one") from None


def _digest(descriptor: Descriptor) -> Digest:
    return _checked(descriptor.digest)


def _checked(text: JsonValue) -> Digest:
    digest = manifests.checked(text) if isinstance(text, str) else None
    if digest is None:
        raise RegistryResponseError("it names a digest that is not one of sha256")
    return digest


def _base(fields: JsonObject) -> Mapping[str, str]:
    """The annotations about the base, and no others: nobody asks for them, and they can be as long as the document."""
    annotations = strict_json.optional_child(fields, "annotations")
    texts = {name: annotations.get(name) for name in (BASE_NAME, BASE_DIGEST)}
    return {name: text for name, text in texts.items() if isinstance(text, str) and len(text) <= MAX_LENGTH}


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except JsonError as error:
        raise RegistryResponseError(f"{what} cannot be read: {error}") from None
