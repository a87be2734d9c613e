"""What provenance says that went into an image, and which of it are images.

Sources: slsa.dev `provenance/v0.2` (materials) and in-toto/attestation `spec/v1/resource_descriptor.md`. Nobody
prescribes how an image is written there. So what is known to be none is passed over; what may be one and is not written
in a way that says which, cannot be judged.
"""

import json
import re
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from webhook import images
from webhook.images import ImageReference, ImageReferenceError
from webhook.signatures.candidate import quoted
from webhook.signatures.reports.lenient_json import object_of, text_of
from webhook.signatures.reports.purls import PackageUrl
from webhook.signatures.strict_json import JsonValue

_IMAGES: Final = ("docker://", "oci://", "docker-image://", "docker-pullable://")
_OTHER_THINGS: Final = re.compile(r"(?:(?:git|hg|svn|bzr)\+[a-z]+|git|https?|ssh|file|ftp|s3|gs):", re.ASCII)
"""Sources and files. Of any other scheme nobody can tell what is behind it: `containers-storage:`, `oci-layout://`."""

_URI: Final = re.compile(r"[!-~]+", re.ASCII)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.ASCII)
_HOST: Final = re.compile(r"(?:(?:[a-z0-9_-]+\.)+[a-z0-9_-]+|localhost|\[[^/]*)/", re.ASCII)
_OF_REGISTRY: Final = re.compile(r"/v2/.*/(?:manifests|blobs)/", re.ASCII)
"""In the path of a URL: distribution-spec, `GET /v2/<name>/manifests/<reference>`."""

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


class Material(NamedTuple):
    """An image that went into another; `digest` None if it is named without one, or with several."""

    image: ImageReference
    digest: str | None


class Unjudgeable(str):
    """A material that may be an image, in words for a reader: nobody can tell which one, or whose."""

    __slots__ = ()


_Found: TypeAlias = Material | Unjudgeable | None


def image_of(material: JsonValue) -> _Found:
    """The image that a material is; None if it is something else."""
    uri = object_of(material).get("uri")
    if not isinstance(uri, str) or not _URI.fullmatch(uri):
        return _unjudgeable(uri if isinstance(uri, str) else json.dumps(material))
    digest = object_of(object_of(material).get("digest")).get("sha256")
    lower = uri.lower()
    if lower.startswith("pkg:"):
        return _packaged(uri, PackageUrl.parse(f"pkg:{uri[4:]}"), digest)
    if scheme := next((one for one in _IMAGES if lower.startswith(one)), None):
        return _referenced(uri, _reference(uri[len(scheme) :]), digest)
    if "://" not in uri and "@sha256:" in uri:
        reference = _reference(uri)
        return _referenced(uri, reference if reference and reference.qualified else None, digest)
    return _unjudgeable(uri) if _may_be_image(unquote(uri).lower(), hashed=digest is not None) else None


def _may_be_image(uri: str, *, hashed: bool) -> bool:
    """Of one that is not written as images are; `hashed` if its SHA-256 stands beside it."""
    if _OTHER_THINGS.match(uri):
        return "@sha256:" in uri or bool(_OF_REGISTRY.search(uri))
    return bool(_SCHEME.match(uri)) or (bool(_HOST.match(uri)) and (hashed or ":" in uri))


def _packaged(uri: str, purl: PackageUrl | None, digest: JsonValue) -> _Found:
    """The image of a package URL. Other packages may say from where they were had, and that may be an image."""
    if purl is None:
        return _unjudgeable(uri)
    if purl.type not in {"docker", "oci"}:
        place = purl.qualifiers.get("download_url")
        return None if place is None or image_of({"uri": place}) is None else _unjudgeable(uri)
    return _referenced(uri, purl.image(), digest, purl.version, purl.qualifiers.get("digest", ""))


def _referenced(uri: str, image: ImageReference | None, *digests: JsonValue) -> _Found:
    if image is None:
        return _unjudgeable(uri)
    beside, *own = map(text_of, digests)
    named = {one for one in (f"sha256:{beside}", *own, image.digest or "") if _DIGEST.fullmatch(one)}
    return Material(image, named.pop() if len(named) == 1 else None)


def _reference(name: str) -> ImageReference | None:
    try:
        return images.parse(name)
    except ImageReferenceError:
        return None


def _unjudgeable(text: str) -> Unjudgeable:
    return Unjudgeable(f"{quoted(text)}, which is no image that can be judged")
