"""Image references: the text of a pod's `image` field, parsed once into the one normal form that everything else uses.

Grammar and normal form are those of github.com/distribution/reference v0.6.0 (`regexp.go`, `normalize.go`), with which
kubelet and containerd read references, narrowed where a legal reference cannot be judged or is a second spelling:

- A registry is lower case; its host is a DNS name or an IPv6 address in its shortest form, its port 1 to 65535 without
  leading zeros. `:443` is dropped where the host stays recognisable as one without it. The aliases of Docker Hub stay
  registries of their own, but for `index.docker.io`, which upstream unifies; neither name may have a port, because
  upstream then stops adding `library/`.
- A digest is sha256. Runtimes take sha384 and sha512 too, about which signatures do not speak.
- `sha256:<hex>` is refused: containerd takes it for the ID of an image that lies on the node (`LocalResolve`), or for
  the first digits of one, and asks no registry. Tags under which signatures are kept are not images.

An underscore in a host makes upstream find no registry at all; that is refused, and never read as Docker Hub.
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

import msgspec

DOCKER_HUB = "docker.io"
MAX_LENGTH = 1024
"""Longest text that is looked at, in characters: a host, 255 of repository, 128 of tag and a digest fit."""

_CACHED_REFERENCES = 4096  # at most about 3 KiB each: the text, its parts, the struct
_MAX_REPOSITORY = 255  # upstream's RepositoryNameTotalLengthMax
_MAX_HOST = 253  # RFC 1035, in text form
_EXCERPT = 64
_LEGACY_DOCKER_HUB = "index.docker.io"
_EXPECTED = "expected registry/repository[:tag][@sha256:digest]"

_ILLEGAL_CHARACTER = re.compile(r"[^!-~]", re.ASCII)
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_SEGMENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*", re.ASCII)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_SHA256_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LOCAL_IMAGE_ID = re.compile(r"[0-9a-f]{64}|sha(?:256|384|512):.*", re.ASCII)
_EVIDENCE_TAG = re.compile(r"sha256-[0-9a-f]{64}(?:\.[a-z]+)?", re.ASCII)  # cosign's, and OCI 1.1's referrers tag


class ImageReferenceError(ValueError):
    """A text that is no legal image reference, or none that can be judged.

    The message is one line of printable ASCII: what was found where, and what is expected. Of the text it quotes only
    the part that is at fault, and nothing where that part may hold a password.
    """


class Digest(msgspec.Struct, frozen=True, cache_hash=True):
    """A content digest: `algorithm` is `sha256`, `hex` its 64 lower-case hexadecimal digits."""

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> "Digest":
        """The digest that a text such as `sha256:…` writes. Raises `ImageReferenceError`."""
        algorithm, colon, encoded = text.partition(":")
        if not colon:
            raise ImageReferenceError(
                f"digest {excerpt(text)} has no algorithm; expected sha256:<64 hexadecimal digits>"
            )
        if algorithm != "sha256":
            raise ImageReferenceError(f"digest algorithm {excerpt(algorithm)} is not supported; expected sha256")
        if not _SHA256_HEX.fullmatch(encoded):
            raise ImageReferenceError(
                f"digest {excerpt(text)} is malformed; expected sha256: and 64 digits of 0-9 and a-f"
            )
        return cls(algorithm, encoded)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


class PinnedImage(msgspec.Struct, frozen=True, cache_hash=True):
    """An image named by its digest: it means the same content for ever, and is the only thing that can be verified."""

    registry: str
    repository: str
    digest: Digest

    @property
    def name(self) -> str:
        """`registry/repository`."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"


class ImageReference(msgspec.Struct, frozen=True, cache_hash=True):
    """A legal reference in its normal form.

    `registry` is `host[:port]`. `tag` is `latest` where the text has neither tag nor digest; beside a digest, runtimes
    ignore it. `qualified` says whether the text named its registry itself. It is part of equality: runtimes other than
    containerd may look for an unqualified name elsewhere than on Docker Hub, so no cache may mix the two.
    """

    registry: str
    repository: str
    tag: str | None
    digest: str | None
    qualified: bool

    @property
    def name(self) -> str:
        """`registry/repository`."""
        return f"{self.registry}/{self.repository}"

    def pinned(self) -> PinnedImage | None:
        """The image that the digest names; None where there is only a tag."""
        return _pinned(self)

    def __str__(self) -> str:
        return _written(self)


@lru_cache(_CACHED_REFERENCES)
def _pinned(image: ImageReference) -> PinnedImage | None:
    """Remembered, because each review asks for all of its images again; so is the text."""
    return None if image.digest is None else PinnedImage(image.registry, image.repository, Digest.parse(image.digest))


@lru_cache(_CACHED_REFERENCES)
def _written(image: ImageReference) -> str:
    tag = "" if image.tag is None else f":{image.tag}"
    digest = "" if image.digest is None else f"@{image.digest}"
    return f"{image.name}{tag}{digest}"


def parse(text: str) -> ImageReference:
    """The reference that a text writes, in normal form; its `str()` parses to the same. Raises `ImageReferenceError`.

    Results are remembered, because each review asks for all of its images again.
    """
    if len(text) > MAX_LENGTH:
        raise ImageReferenceError(f"image reference has {len(text)} characters; expected at most {MAX_LENGTH}")
    return _parse(text)


def parse_registry(text: str) -> str:
    """The one spelling of a registry `host[:port]` that references carry. Raises `ImageReferenceError`."""
    _check_characters(text, "registry")
    if text != text.lower():
        raise ImageReferenceError(f"registry {excerpt(text)} has upper case; expected {excerpt(text.lower())}")
    host_end = text.find(":", text.find("]") + 1)
    host, port = (text, None) if host_end < 0 else (text[:host_end], text[host_end + 1 :])
    _check_host(host)
    if port is not None and not (_PORT.fullmatch(port) and int(port) <= 65535):
        raise ImageReferenceError(f"registry port {excerpt(port)} is not 1 to 65535 without leading zeros")
    if host in {DOCKER_HUB, _LEGACY_DOCKER_HUB}:
        if port is not None:
            raise ImageReferenceError(f"registry {excerpt(text)} has a port; expected {DOCKER_HUB}")
        return DOCKER_HUB
    return host if port == "443" and is_registry(host) else text


def is_registry(segment: str) -> bool:
    """Whether the first of several segments names a registry; if not, it is a part of a repository on Docker Hub.

    Upstream's `splitDockerDomain` tells by a dot, a colon, upper case, or the word `localhost`.
    """
    return segment == "localhost" or "." in segment or ":" in segment or segment != segment.lower()


def repository_fault(repository: str) -> str | None:
    """What keeps a text from being a repository, and what is expected; None for a legal one."""
    if not repository:
        return f"no repository is named; {_EXPECTED}"
    if len(repository) > _MAX_REPOSITORY:
        return f"repository has {len(repository)} characters; expected at most {_MAX_REPOSITORY}"
    if repository != repository.lower():
        return f"repository {excerpt(repository)} has upper case; expected {excerpt(repository.lower())}"
    for segment in repository.split("/"):
        if not segment:
            return f"repository {excerpt(repository)} has an empty path segment; expected one '/' between two segments"
        if not _SEGMENT.fullmatch(segment):
            return (
                f"path segment {excerpt(segment)} is not legal; expected lower-case letters and digits with a single"
                " '.', '_' or '__' or any number of '-' between them"
            )
    return None


def excerpt(text: str) -> str:
    """A text of unknown origin as it may stand in a message: quoted, escaped to printable ASCII, its end cut off."""
    return ascii(text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}...")


@lru_cache(maxsize=_CACHED_REFERENCES)
def _parse(text: str) -> ImageReference:
    _check_characters(text, "image reference")
    registry, remainder, qualified = _split_registry(text)
    name, at, digest = remainder.partition("@")
    repository, colon, tag = name.partition(":")
    if registry == DOCKER_HUB and repository and "/" not in repository:
        repository = f"library/{repository}"
    if fault := repository_fault(repository):
        raise ImageReferenceError(fault)
    if at:
        digest = str(Digest.parse(digest))
    if colon:
        _check_tag(tag)
    elif not at:
        tag = "latest"
    return ImageReference(registry, repository, tag or None, digest or None, qualified)


def _check_characters(text: str, what: str) -> None:
    if not text:
        raise ImageReferenceError(f"{what} is empty; {_EXPECTED}")
    if found := _ILLEGAL_CHARACTER.search(text):
        raise ImageReferenceError(
            f"{what} has {found[0]!a} as character {found.start() + 1}; expected printable ASCII without spaces"
        )


def _split_registry(text: str) -> tuple[str, str, bool]:
    """The registry, all that follows it, and whether the text named it."""
    if "://" in text:
        raise ImageReferenceError(f"image reference has a scheme ('://'); {_EXPECTED}")
    first, slash, rest = text.partition("/")
    if not slash:
        if _LOCAL_IMAGE_ID.fullmatch(text):
            raise ImageReferenceError(f"{excerpt(text)} is the ID of an image on a node; {_EXPECTED}")
        return DOCKER_HUB, text, False
    if "@" in first:
        raise ImageReferenceError(f"image reference has '@' before its first '/'; {_EXPECTED} without credentials")
    if is_registry(first):
        return parse_registry(first), rest, True
    return DOCKER_HUB, text, False


def _check_host(host: str) -> None:
    if host.startswith("["):
        _check_ipv6(host)
    elif "_" in host:
        raise ImageReferenceError(
            f"registry host {excerpt(host)} has an underscore; expected letters, digits, '-', '.'"
        )
    elif len(host) > _MAX_HOST or not _HOST.fullmatch(host):
        raise ImageReferenceError(
            f"registry host {excerpt(host)} is not a host name; expected at most {_MAX_HOST} characters, in labels of"
            " 1 to 63 letters, digits and inner '-' with one '.' between two of them"
        )


def _check_ipv6(host: str) -> None:
    """IPv4 in IPv6 form is refused as well: its shortest form has dots, which upstream's grammar does not take."""
    try:
        address = IPv6Address(host[1:-1])
    except AddressValueError:
        raise ImageReferenceError(f"registry host {excerpt(host)} is not an IPv6 address in brackets") from None
    if address.ipv4_mapped or address.scope_id or host != f"[{address.compressed}]":
        raise ImageReferenceError(f"registry host {excerpt(host)} is not the shortest form of a plain IPv6 address")


def _check_tag(tag: str) -> None:
    if not _TAG.fullmatch(tag):
        raise ImageReferenceError(
            f"tag {excerpt(tag)} is not legal; expected 1 to 128 letters, digits, '_', '.', '-', no '.' or '-' first"
        )
    if _EVIDENCE_TAG.fullmatch(tag):
        raise ImageReferenceError(f"tag {excerpt(tag)} is where signatures are kept; expected that of an image")
