"""From a digest to everything beside it that may vouch for it.

Three places are looked at, all of them always:

1. the tag `sha256-<hex>.sig`: a manifest whose layers are signatures (cosign 2, and 3 in its old format);
2. the Referrers API (distribution-spec 1.1): manifests whose `subject` is the digest (cosign 3, GitHub attestations);
3. the tag `sha256-<hex>`, where clients keep that list for registries without the API. It is read beside the API too,
   since entries stay there when a registry learns the API.

What was found in one place never hides another: candidates are the union. Everything here is a hint until a signature
was verified, so nothing of it is trusted; but content is what its digest names, and a referrer's subject is ours.

404 means that nothing lies there. An answer that cannot be used is `Unusable`, no answer is `Unanswered`, and what is
in other places is still looked at.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from webhook.errors import NotFoundOutError, RegistryResponseError
from webhook.images import Digest
from webhook.registry import manifests
from webhook.registry.manifests import Descriptor, Manifest
from webhook.registry.repository import Page, Repository
from webhook.registry.settings import Limits
from webhook.signatures.evidence import Attachment, Evidence, Unanswered, Unusable

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
"""One Sigstore bundle in one layer: signatures and attestations of cosign 3."""

COSIGN_SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
"""The layers of the `.sig` tag, but as a referrer: cosign with `--registry-referrers-mode=oci-1-1`."""

_KINDS = (BUNDLE, COSIGN_SIGNATURE)
_API = "referrers API"
_NOTHING = Evidence()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Listing:
    """One list of referrers: its entries, whether the registry had filtered them, and what could not be read."""

    entries: tuple[Descriptor, ...] = ()
    filtered: bool = False
    faults: Evidence = _NOTHING


class Search:
    """One search beside one digest, for one use: it counts the bytes that it may still fetch."""

    def __init__(self, repository: Repository, digest: Digest, limits: Limits) -> None:
        self._repository = repository
        self._digest = digest
        self._limits = limits
        self._bytes_left = limits.evidence_bytes
        self._slots = asyncio.Semaphore(limits.fetches)

    async def run(self) -> Evidence:
        """All that was found, with what was not usable and what was not answered."""
        tag = f"sha256-{self._digest.hex}.sig"
        signature_tag = _answered(f"tag {tag}", self._signature_tag(tag))
        return _merged(await _together([signature_tag, self._referrers()]))

    async def _signature_tag(self, tag: str) -> Evidence:
        document = await self._repository.manifest(tag, manifests.MANIFEST_TYPES)
        return _NOTHING if document is None else await self._layers(f"tag {tag}", manifests.manifest(document))

    async def _referrers(self) -> Evidence:
        listings = await _together([self._api(), self._fallback_tag()])
        entries = (entry for listing in listings for entry in listing.entries)
        # Before entries of one digest become one: an entry of another type must not hide one of ours.
        wanted = dict.fromkeys(entry.digest for entry in entries if entry.artifact_type in {"", *_KINDS})
        looked_at = tuple(wanted)[: self._limits.referrers]
        found = await _together([self._referrer(number, text) for number, text in enumerate(looked_at)])
        if len(wanted) > len(looked_at):
            found.append(_unusable("referrers", f"there are {len(wanted)}; the first {len(looked_at)} are looked at"))
        return _merged([*(listing.faults for listing in listings), *found])

    async def _api(self) -> _Listing:
        """Asks for bundles; for the other kind too, where the registry leaves out what it was not asked for."""
        bundles = await self._listing(BUNDLE)
        if not bundles.filtered:
            return bundles
        others = await self._listing(COSIGN_SIGNATURE)
        return _Listing(bundles.entries + others.entries, faults=_merged([bundles.faults, others.faults]))

    async def _listing(self, kind: str) -> _Listing:
        pages: list[Page] = []
        faults = await _answered(_API, self._read_pages(kind, pages))
        entries = tuple(entry for page in pages for entry in page.descriptors)
        return _Listing(entries, any(page.filtered for page in pages), faults)

    async def _read_pages(self, kind: str, pages: list[Page]) -> Evidence:
        """Fills `pages`, so that those before a fault are not lost."""
        url = self._repository.referrers_url(self._digest, kind)
        for _ in range(self._limits.pages):
            page = await self._repository.referrers(url)
            if page is None:
                return _NOTHING
            pages.append(page)
            following = self._repository.next_page(page)
            if following is None:
                return _NOTHING
            url = following
        return _unusable(_API, f"there are more than {len(pages)} pages, which are not read")

    async def _fallback_tag(self) -> _Listing:
        tag = f"sha256-{self._digest.hex}"
        entries: list[Descriptor] = []
        faults = await _answered(f"tag {tag}", self._read_fallback_tag(tag, entries))
        return _Listing(tuple(entries), faults=faults)

    async def _read_fallback_tag(self, tag: str, entries: list[Descriptor]) -> Evidence:
        document = await self._repository.manifest(tag, (manifests.OCI_INDEX,))
        if document is not None:
            entries.extend(manifests.index(document))
        return _NOTHING

    async def _referrer(self, number: int, text: str) -> Evidence:
        digest = manifests.checked(text)
        if digest is None:
            return _unusable(f"referrer {number}", "its digest is not one of sha256")
        return await _answered(f"referrer {digest}", self._signatures_of(digest))

    async def _signatures_of(self, referrer: Digest) -> Evidence:
        async with self._slots:
            document = await self._repository.manifest(referrer, manifests.MANIFEST_TYPES)
        if document is None:
            raise RegistryResponseError("it is listed, and the registry has no such manifest")
        manifest = manifests.manifest(document)
        if manifest.kind not in _KINDS:
            return _NOTHING
        if manifest.subject is None or manifest.subject.digest != str(self._digest):
            raise RegistryResponseError("its subject is another digest")
        if manifest.kind == BUNDLE and len(manifest.layers) != 1:
            raise RegistryResponseError(f"it has {len(manifest.layers)} layers; expected one bundle")
        return await self._layers(f"referrer {referrer}", manifest)

    async def _layers(self, source: str, manifest: Manifest) -> Evidence:
        """An attachment for each layer: several signatures may share one content and differ in annotations alone."""
        layers = manifest.layers[: self._limits.layers]
        distinct = tuple(dict.fromkeys((layer.digest, layer.size) for layer in layers))
        contents = await _together([self._content(*key) for key in distinct])
        by_key = dict(zip(distinct, contents, strict=True))
        found = [
            _attachment(f"{source}, layer {number}", layer, by_key[layer.digest, layer.size])
            for number, layer in enumerate(layers)
        ]
        if len(manifest.layers) > len(layers):
            reason = f"it has {len(manifest.layers)} layers; the first {len(layers)} are looked at"
            found.append(_unusable(source, reason))
        return _merged(found)

    async def _content(self, text: str, size: int) -> bytes | NotFoundOutError:
        digest = manifests.checked(text)
        if digest is None:
            return RegistryResponseError("its digest is not one of sha256")
        if size > min(self._limits.layer_bytes, self._bytes_left):
            return RegistryResponseError(
                f"it has {size} bytes; expected at most {self._limits.layer_bytes},"
                f" and {self._limits.evidence_bytes} for all signatures together"
            )
        self._bytes_left -= size
        try:
            async with self._slots:
                content = await self._repository.blob(digest, size)
        except NotFoundOutError as error:
            return error
        return RegistryResponseError("it is listed, and the registry has no such blob") if content is None else content


async def _together(searches: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all searches, which run at once."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(search) for search in searches]
    return [task.result() for task in tasks]


async def _answered(source: str, search: Coroutine[Any, Any, Evidence]) -> Evidence:
    """What a search found; where it failed, that as a part of the evidence."""
    try:
        return await search
    except NotFoundOutError as error:
        return _fault(source, error)


def _attachment(source: str, layer: Descriptor, content: bytes | NotFoundOutError) -> Evidence:
    if isinstance(content, NotFoundOutError):
        return _fault(source, content)
    return Evidence(attachments=(Attachment(source, layer.media_type, content, layer.annotations or {}),))


def _fault(source: str, error: NotFoundOutError) -> Evidence:
    """An answer that cannot be used is final; all else may be answered another time, or to somebody else."""
    if isinstance(error, RegistryResponseError):
        return _unusable(source, str(error))
    return Evidence(unanswered=(Unanswered(source, error.code, str(error)),))


def _unusable(source: str, reason: str) -> Evidence:
    return Evidence(unusable=(Unusable(source, reason),))


def _merged(parts: Iterable[Evidence]) -> Evidence:
    parts = tuple(parts)
    return Evidence(
        attachments=tuple(found for part in parts for found in part.attachments),
        unusable=tuple(found for part in parts for found in part.unusable),
        unanswered=tuple(found for part in parts for found in part.unanswered),
    )
