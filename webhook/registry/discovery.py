"""From a digest to everything beside it that may vouch for it.

These places are looked at, all of them always:

1. the tag `sha256-<hex>.sig`: a manifest whose layers are signatures (cosign 2, and 3 in its old format);
2. the Referrers API (distribution-spec 1.1): manifests whose `subject` is the digest (cosign 3, GitHub attestations);
3. the tag `sha256-<hex>`, where clients keep that list for registries without the API. It is read beside the API too,
   since entries stay there when a registry learns the API;
4. where attestations are asked for, the tag `sha256-<hex>.att`: a manifest whose layers are attestations.

Without 4 there are attestations too, since nothing authenticated tells them from signatures in 2 and 3: those that are
no longer than a signature may be.

What was found in one place never hides another: candidates are the union. Everything here is a hint until a signature
was verified, so nothing of it is trusted; but content is what its digest names, and a referrer's subject is ours. Where
there is more than is looked at, hints say what comes first.

A mirror is asked before the registry. Where it has none of these, or nothing in them, the registry is asked as well: a
mirror may know less, and its silence is never taken for "not signed". Where it has some, those are all that is seen.

404 means that nothing lies there. An answer that cannot be used is `Unusable`, no answer is `Unanswered`, and what is
in other places is still looked at.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from webhook.errors import BeyondCeilingError, NotFoundOutError, RegistryResponseError
from webhook.images import Digest
from webhook.registry import manifests
from webhook.registry.layers import BUNDLE, Ceilings, Content, Layers
from webhook.registry.manifests import Descriptor, Document, Manifest
from webhook.registry.repository import Page, Repository
from webhook.registry.settings import Limits
from webhook.signatures.evidence import Attachment, Evidence, Unanswered, Unusable, merged

COSIGN_SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
"""The layers of the `.sig` tag, but as a referrer: cosign with `--registry-referrers-mode=oci-1-1`."""

IN_TOTO = "application/vnd.in-toto+json"
"""The layers of the `.att` tag, but as a referrer: cosign's library, `WriteAttestationsReferrer`."""

_CREATED = "org.opencontainers.image.created"
_PREDICATE = "dev.sigstore.bundle.predicateType"
_SIGNATURE_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
"""What cosign writes about its bundles into the annotations of their manifests, which lists of referrers repeat."""

_API = "referrers API"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Found:
    """A layer whose content is on its way."""

    source: str
    layer: Descriptor
    content: asyncio.Task[Content]

    def evidence(self) -> Evidence:
        content = self.content.result()
        if isinstance(content, NotFoundOutError):
            return _fault(self.source, content)
        annotations = self.layer.annotations or {}
        return Evidence(attachments=(Attachment(self.source, self.layer.media_type, content, annotations),))


_Parts = list[_Found | Evidence]


@dataclass(frozen=True, slots=True)
class _Listing:
    """One list of referrers: its entries, whether the registry had filtered them, and what could not be read."""

    entries: tuple[Descriptor, ...]
    filtered: bool
    faults: _Parts


class Search:
    """One search beside one digest, for one use."""

    def __init__(self, repository: Repository, digest: Digest, limits: Limits, *, attestations: bool) -> None:
        self._repository = repository
        self._digest = digest
        self._limits = limits
        self._suffixes = ("sig", "att") if attestations else ("sig",)
        self._kinds = (BUNDLE, COSIGN_SIGNATURE, IN_TOTO) if attestations else (BUNDLE, COSIGN_SIGNATURE)
        self._fetches = asyncio.TaskGroup()
        self._ceilings = Ceilings.of(limits, attestations=attestations)
        self._layers = Layers(repository, limits, self._ceilings, self._fetches)

    async def run(self) -> Evidence:
        """All that was found, with what was not usable and what was not answered."""
        async with self._fetches:
            places = await _together([*map(self._tag, self._suffixes), self._referrers()])
            self._layers.all_found()
        parts = (part for place in places for part in place)
        return merged(part.evidence() if isinstance(part, _Found) else part for part in parts)

    async def _tag(self, suffix: str) -> _Parts:
        tag = f"sha256-{self._digest.hex}.{suffix}"
        return await _answered(f"tag {tag}", self._read_tag(tag))

    async def _read_tag(self, tag: str) -> _Parts:
        document = await self._repository.manifest(tag, manifests.MANIFEST_TYPES, enough=_has_layers)
        return [] if document is None else self._found(f"tag {tag}", manifests.manifest(document))

    async def _referrers(self) -> _Parts:
        listings = await _together([self._api(), self._fallback_tag()])
        entries = (entry for listing in listings for entry in listing.entries)
        # Before entries of one digest become one: an entry of another type must not hide one of ours.
        ours = [entry for entry in entries if entry.artifact_type in {"", *self._kinds}]
        wanted = dict.fromkeys(entry.digest for entry in _most_wanted_first(ours))
        looked_at = tuple(wanted)[: self._ceilings.referrers]
        found = await _together([self._referrer(number, text) for number, text in enumerate(looked_at)])
        if len(wanted) > len(looked_at):
            found.append(_beyond("referrers", f"there are {len(wanted)}; {len(looked_at)} of them are looked at"))
        return [part for parts in (*(listing.faults for listing in listings), *found) for part in parts]

    async def _api(self) -> _Listing:
        """Asks for bundles; for the other kinds too, where the registry leaves out what it was not asked for."""
        bundles = await self._listing(BUNDLE)
        if not bundles.filtered:
            return bundles
        listings = [bundles, *await _together([self._listing(kind) for kind in self._kinds if kind != BUNDLE])]
        return _Listing(
            tuple(entry for listing in listings for entry in listing.entries),
            filtered=True,
            faults=[fault for listing in listings for fault in listing.faults],
        )

    async def _listing(self, kind: str) -> _Listing:
        pages: list[Page] = []
        faults = await _answered(_API, self._read_pages(kind, pages))
        entries = tuple(entry for page in pages for entry in page.descriptors)
        return _Listing(entries, any(page.filtered for page in pages), faults)

    async def _read_pages(self, kind: str, pages: list[Page]) -> _Parts:
        """Fills `pages`, so that those before a fault are not lost.

        What a mirror lists is enough where one of ours is there. Else the registry's list counts too.
        """
        faults = await self._read_list(await self._repository.referrers(self._digest, kind), pages)
        entries = (entry for page in pages for entry in page.descriptors)
        if pages and pages[0].access.mirror_of is not None and not self._lists_ours(entries):
            own = await self._repository.referrers(self._digest, kind, mirrors=False)
            faults += await self._read_list(own, pages)
        return faults

    async def _read_list(self, page: Page | None, pages: list[Page]) -> _Parts:
        first = len(pages)
        while page is not None:
            pages.append(page)
            following = self._repository.next_page(page)
            if following is None:
                break
            if len(pages) - first == self._limits.pages:
                return _beyond(_API, f"there are more than {self._limits.pages} pages, which are not read")
            page = await self._repository.page(page.access, following)
        return []

    async def _fallback_tag(self) -> _Listing:
        tag = f"sha256-{self._digest.hex}"
        entries: list[Descriptor] = []
        faults = await _answered(f"tag {tag}", self._read_fallback_tag(tag, entries))
        return _Listing(tuple(entries), filtered=False, faults=faults)

    async def _read_fallback_tag(self, tag: str, entries: list[Descriptor]) -> _Parts:

        def enough(document: Document) -> bool:
            return self._lists_ours(manifests.index(document))

        document = await self._repository.manifest(tag, (manifests.OCI_INDEX,), enough=enough)
        if document is not None:
            entries.extend(manifests.index(document))
        return []

    def _lists_ours(self, entries: Iterable[Descriptor]) -> bool:
        """Whether one of the entries says that it may vouch for the image. One that does not say what it is may not."""
        return any(entry.artifact_type in self._kinds for entry in entries)

    async def _referrer(self, number: int, text: str) -> _Parts:
        digest = manifests.checked(text)
        if digest is None:
            return _unusable(f"referrer {number}", "its digest is not one of sha256")
        return await _answered(f"referrer {digest}", self._read_referrer(digest))

    async def _read_referrer(self, referrer: Digest) -> _Parts:
        document = await self._repository.manifest(referrer, manifests.MANIFEST_TYPES)
        if document is None:
            raise RegistryResponseError("it is listed, and the registry has no such manifest")
        manifest = manifests.manifest(document)
        if manifest.kind not in self._kinds:
            return []
        if manifest.subject is None or manifest.subject.digest != str(self._digest):
            raise RegistryResponseError("its subject is another digest")
        if manifest.kind == BUNDLE and len(manifest.layers) != 1:
            raise RegistryResponseError(f"it has {len(manifest.layers)} layers; expected one bundle")
        return self._found(f"referrer {referrer}", manifest)

    def _found(self, source: str, manifest: Manifest) -> _Parts:
        """One part for each layer: several signatures may share one content and differ in annotations alone.

        Of too many layers the last are looked at, since cosign appends: the newest report must not be the one unseen.
        """
        first = max(0, len(manifest.layers) - self._ceilings.layers)
        numbered = list(enumerate(manifest.layers[first:], first))
        distinct = {(layer.media_type, layer.digest, layer.size): layer for _, layer in numbered}
        contents = {key: self._layers.fetch(layer) for key, layer in distinct.items()}
        found: _Parts = [
            _Found(f"{source}, layer {number}", layer, contents[layer.media_type, layer.digest, layer.size])
            for number, layer in numbered
        ]
        if first:
            found += _beyond(source, f"it has {len(manifest.layers)} layers; the last {len(numbered)} are looked at")
        return found


def _has_layers(document: Document) -> bool:
    return bool(manifests.manifest(document).layers)


def _most_wanted_first(entries: Iterable[Descriptor]) -> list[Descriptor]:
    """Referrers in the order in which they are looked at: what says that it is a signature, then what is new.

    An image can gather a scanner's reports night after night. All of this is a hint by whoever pushed, and changes only
    what is left out where not everything is looked at.
    """
    newest_first = sorted(entries, key=lambda entry: _hint(entry, _CREATED), reverse=True)
    return sorted(newest_first, key=lambda entry: _hint(entry, _PREDICATE) != _SIGNATURE_PREDICATE)


def _hint(entry: Descriptor, annotation: str) -> str:
    return (entry.annotations or {}).get(annotation, "")


async def _together(searches: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all searches, which run at once."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(search) for search in searches]
    return [task.result() for task in tasks]


async def _answered(source: str, search: Coroutine[Any, Any, _Parts]) -> _Parts:
    """What a search found; where it failed, that as a part of the evidence."""
    try:
        return await search
    except NotFoundOutError as error:
        return [_fault(source, error)]


def _fault(source: str, error: NotFoundOutError) -> Evidence:
    """An answer that cannot be used is final; all else may be answered another time, or to somebody else."""
    if isinstance(error, RegistryResponseError):
        return Evidence(unusable=(Unusable(source, str(error), isinstance(error, BeyondCeilingError)),))
    return Evidence(unanswered=(Unanswered(source, error.code, str(error)),))


def _beyond(source: str, reason: str) -> _Parts:
    return [Evidence(unusable=(Unusable(source, reason, beyond=True),))]


def _unusable(source: str, reason: str) -> _Parts:
    return [Evidence(unusable=(Unusable(source, reason),))]
