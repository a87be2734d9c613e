"""What OpenVEX documents name: images and packages. Source: openvex/spec `OPENVEX-SPEC.md`, Product and Component."""

import re
from itertools import chain
from urllib.parse import unquote

from webhook import images
from webhook.images import ImageReferenceError, PinnedImage
from webhook.signatures.reports.lenient_json import object_of, text_of
from webhook.signatures.reports.purls import PackageUrl
from webhook.signatures.strict_json import JsonObject, JsonValue

_FREE_QUALIFIERS = frozenset({"repository_url"})
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}(?![0-9a-f])", re.ASCII)


def package_of(component: JsonObject) -> PackageUrl | None:
    """The package that a component is."""
    return next((purl for text in _identifiers(component) if (purl := PackageUrl.parse(text)) is not None), None)


def is_image(component: JsonObject, image: PinnedImage) -> bool:
    """By its digest, as a hash or in an identifier; or by a package URL of nothing but its name."""
    if object_of(component.get("hashes")).get("sha-256") == image.digest.hex:
        return True
    return any(_names_image(text, image) for text in _identifiers(component))


def may_mean(component: JsonObject, image: PinnedImage) -> bool:
    """Whether nothing in it says that it is another image: another digest, or else another name."""
    identifiers = _identifiers(component)
    hashed = object_of(component.get("hashes")).get("sha-256")
    digests = [*chain.from_iterable(map(_DIGEST.findall, map(unquote, identifiers)))]
    if isinstance(hashed, str):
        digests.append(f"sha256:{hashed}")
    if digests:
        return str(image.digest) in digests
    said = [same for text in identifiers if (same := _same_name(text, image)) is not None]
    return not said or any(said)


def _same_name(identifier: str, image: PinnedImage) -> bool | None:
    """Whether an identifier names the image, of whatever tag; None if it names none. A registry may be left out."""
    purl = PackageUrl.parse(identifier)
    if purl is None:
        try:
            reference = images.parse(identifier)
        except ImageReferenceError:
            return None
        return reference.name == image.name if reference.qualified else None
    if purl.type not in {"oci", "docker"}:
        return None
    named = purl.image()
    if named is not None and named.qualified:
        return named.name == image.name
    return purl.name == image.repository.rpartition("/")[2]


def _names_image(identifier: str, image: PinnedImage) -> bool:
    locator = identifier.partition("#")[0].partition("?")[0]
    if unquote(locator.rpartition("@")[2]) == str(image.digest):
        return True
    purl = PackageUrl.parse(identifier)
    if purl is None or purl.version or not purl.qualifiers.keys() <= _FREE_QUALIFIERS:
        return False
    named = purl.image()
    return named is not None and named.name == image.name


def _identifiers(component: JsonObject) -> list[str]:
    texts = (component.get("@id"), object_of(component.get("identifiers")).get("purl"))
    return [text for text in map(text_of, texts) if text]


def component_of(value: JsonValue) -> JsonObject:
    """A product or subcomponent, which 0.0.1 writes as its identifier alone."""
    return {"@id": value} if isinstance(value, str) else object_of(value)
