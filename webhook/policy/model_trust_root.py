"""`TrustRoot` (tidewaiter.dev/v1alpha1) as written: whose certificates, logs and timestamps count."""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from webhook.images import ImageReferenceError, parse_registry
from webhook.policy.model import API_VERSION, Metadata
from webhook.policy.part import Finding, Part, exactly_one, shown
from webhook.policy.texts import FileName, ObjectName
from webhook.signatures.strict_json import JsonError, load_object

KIND: Final = "TrustRoot"

BUILT_IN_REPOSITORY: Final = "https://tuf-repo-cdn.sigstore.dev"
"""Sigstore's own, the one whose first root is built in."""

MAX_ROOT_BYTES: Final = 512_000
"""Of a TUF `root.json`: python-tuf's own ceiling."""

_URL = re.compile(r"(?P<scheme>https?)://(?P<place>[!-.0-~]+)(?:/[!-~]*)?", re.ASCII)
_NOT_IN_URL = frozenset("?#@")
_PORT = re.compile(r":[0-9]+\Z", re.ASCII)
_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*", re.ASCII)
_MAX_URL = 2048
_MAX_TARGET = 255


def _url(text: str) -> str:
    """The URL without a slash at its end. Where it may hold a password, it is not quoted."""
    match = _URL.fullmatch(text)
    if match is None or len(text) > _MAX_URL or _NOT_IN_URL.intersection(text):
        raise ValueError("expected https://host/path, without credentials, '?' and '#'")
    try:
        place = parse_registry(match["place"])
    except ImageReferenceError as error:
        raise ValueError(f"expected https://host/path: {str(error).removeprefix('registry ')}") from error
    if match["scheme"] == "http" and not _is_loopback(_PORT.sub("", place)):
        raise ValueError(f"expected https, but for loopback hosts, found {shown(text)}")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    """A name other than `localhost` may mean any address tomorrow."""
    try:
        return host == "localhost" or ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _target(text: str) -> str:
    if len(text) > _MAX_TARGET or not _TARGET.fullmatch(text):
        raise ValueError(f"expected the path of a target, such as trusted_root.json, found {shown(text)}")
    return text


def tuf_root_fault(content: bytes) -> str | None:
    """What keeps the content from being a TUF `root.json`, as far as its form goes; None for one."""
    try:
        signed = load_object(content, MAX_ROOT_BYTES).get("signed")
    except JsonError as error:
        return f"no TUF root: {error}"
    kind = signed.get("_type") if isinstance(signed, dict) else None
    return None if kind == "root" else f"no TUF root: expected signed._type root, found {shown(kind)}"


def _root(text: str) -> str:
    if fault := tuf_root_fault(text.encode("utf-8", "replace")):
        raise ValueError(fault)
    return text


class TrustRootMetadata(Metadata):
    """The object's metadata."""

    name: ObjectName = Field(description="Name of the trust root, by which authorities choose it.")


class Tuf(Part):
    """A TUF repository that hands out a trust root, and newer ones when there are."""

    url: Annotated[str, AfterValidator(_url)] = Field(description="Where it is: https, without credentials.")
    root: Annotated[str, AfterValidator(_root)] | None = Field(
        None,
        description="The first `root.json` to trust, as text. Exactly one of `root` and `rootFile` is there, "
        f"but for {BUILT_IN_REPOSITORY}, whose root is built in.",
    )
    root_file: FileName | None = Field(None, description="A file with it, relative to this document's file.")
    target: Annotated[str, AfterValidator(_target)] = Field(
        "trusted_root.json", description="Path of the trust root within the repository's targets."
    )

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """The first root has to come from somewhere that is not the repository itself."""
        url = value.get("url")
        built_in = isinstance(url, str) and url.rstrip("/") == BUILT_IN_REPOSITORY
        if not built_in or "root" in value or "rootFile" in value:
            yield from exactly_one(value, "root", "rootFile")


class TrustRootSpec(Part):
    """Where it comes from: exactly one of its fields."""

    trusted_root: dict[str, Any] | None = Field(
        None,
        min_length=1,
        description="The content of a Sigstore `trusted_root.json`. Exactly one of `trustedRoot`, `file` and `tuf` is "
        "there.",
    )
    file: FileName | None = Field(None, description="A file `trusted_root.json`, relative to this document's file.")
    tuf: Tuf | None = Field(None, description="A TUF repository; it is fetched again before it expires.")

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """Exactly one of them."""
        yield from exactly_one(value, "trustedRoot", "file", "tuf")


class TrustRoot(Part):
    """Certificate authorities, logs and timestamp authorities that belong together, by a name."""

    api_version: Literal["tidewaiter.dev/v1alpha1"] = Field(description=API_VERSION)
    kind: Literal["TrustRoot"] = Field(description=KIND)
    metadata: TrustRootMetadata = Field(description="The object's metadata.")
    spec: TrustRootSpec = Field(description="Where it comes from.")
