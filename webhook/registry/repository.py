"""One repository of one registry, by the calls of distribution-spec 1.1 that we need: manifests, blobs, referrers."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from yarl import URL

from webhook.errors import RegistryResponseError
from webhook.images import Digest
from webhook.registry import authorization, endpoint, manifests
from webhook.registry.authorization import Access, Authorizer
from webhook.registry.endpoint import UrlError
from webhook.registry.manifests import Descriptor, Document
from webhook.registry.settings import Limits
from webhook.registry.transport import Answer, Request, Transport

_NO_REFERRERS_API = frozenset({400, 404, 405, 406})
"""404 is the specification's; registries older than it answer the other three to a path that they do not know."""

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = re.compile(r';[ \t]*rel[ \t]*=[ \t]*(?:([^\s";,]+)|"([^"]*)")[ \t]*(?=[;,]|$)', re.IGNORECASE)
_HASHED_AT_ONCE = 1024 * 1024  # bytes; 0.5 to 3 ms
_MAX_LINKS = 8  # header fields; one is what registries send


@dataclass(frozen=True, slots=True)
class Page:
    """A page of referrers. `filtered` says that the registry left out what was not asked for."""

    descriptors: tuple[Descriptor, ...]
    filtered: bool
    url: URL = field(repr=False)
    links: tuple[str, ...] = field(default=(), repr=False)


class Repository:
    """Raises `NotFoundOutError` of the kind that tells whether it was the registry's answer, its silence, or ours."""

    def __init__(self, access: Access, authorizer: Authorizer, transport: Transport, limits: Limits) -> None:
        self._access = access
        self._authorizer = authorizer
        self._transport = transport
        self._limits = limits

    async def manifest(self, reference: str | Digest, accept: Iterable[str]) -> Document | None:
        """The manifest or index of a tag, or of a digest, which its bytes then have; None where there is none."""
        url = self._url(f"manifests/{reference}")
        answer = await self._get(url, self._limits.manifest_bytes, ", ".join(accept), follow=True)
        if answer.status == 404:
            return None
        document = await self._document(answer)
        claimed = answer.headers.get("Docker-Content-Digest", "")
        if isinstance(reference, Digest) and document.digest != reference:
            raise RegistryResponseError(f"{self._access.whom} answered with other content than the digest names")
        if claimed.startswith("sha256:") and claimed != str(document.digest):
            raise RegistryResponseError(f"{self._access.whom} answered with another digest than its content has")
        return document

    async def blob(self, digest: Digest, ceiling: int) -> bytes | None:
        """The content of a digest, of at most so many bytes; None where there is none."""
        answer = await self._get(self._url(f"blobs/{digest}"), ceiling, "*/*", follow=True)
        if answer.status == 404:
            return None
        self._expect_success(answer)
        if await _digest_of(answer.body) != digest:
            raise RegistryResponseError(f"{self._access.whom} answered with other content than the digest names")
        return answer.body

    def referrers_url(self, digest: Digest, artifact_type: str) -> URL:
        """Where the list of referrers of one type begins."""
        return self._url(f"referrers/{digest}", urlencode({"artifactType": artifact_type}))

    async def referrers(self, url: URL) -> Page | None:
        """One page of referrers; None where the registry has no such list."""
        answer = await self._get(url, self._limits.manifest_bytes, manifests.OCI_INDEX, follow=False)
        if answer.status in _NO_REFERRERS_API:
            return None
        document = await self._document(answer)
        applied = answer.headers.get("OCI-Filters-Applied", "")
        return Page(
            manifests.index(document),
            "artifactType" in {name.strip() for name in applied.split(",")},
            answer.url,
            tuple(answer.headers.getall("Link", [])),
        )

    def next_page(self, page: Page) -> URL | None:
        """Where the page after this one is. Raises `RegistryResponseError` when that is no page of this registry."""
        for link in page.links[:_MAX_LINKS]:
            for target, parameters in _LINK.findall(link):
                if _is_next(parameters):
                    return self._own_url(target, page.url)
        return None

    def _own_url(self, text: str, base: URL) -> URL:
        try:
            url = endpoint.read(text, base)
        except UrlError as error:
            raise RegistryResponseError(f"the next page is at {error}") from None
        if endpoint.of_url(url) != self._access.endpoint:
            raise RegistryResponseError("the next page is at another host, which is not asked")
        return url

    def _url(self, path: str, query: str = "") -> URL:
        return self._access.endpoint.url(f"/v2/{self._access.repository}/{path}", query)

    async def _get(self, url: URL, ceiling: int, accept: str, *, follow: bool) -> Answer:
        whom = self._access.whom
        async with self._transport.deadline(whom):
            return await self._authorizer.get(self._access, Request(url, whom, ceiling, accept, follow=follow))

    async def _document(self, answer: Answer) -> Document:
        self._expect_success(answer)
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Document(media_type, answer.body, await _digest_of(answer.body))

    def _expect_success(self, answer: Answer) -> None:
        if answer.status != 200:
            raise authorization.failure(self._access.whom, answer.status)


async def _digest_of(content: bytes) -> Digest:
    """The digest of content; that of much content is found out beside the event loop."""
    if len(content) <= _HASHED_AT_ONCE:
        return manifests.digest_of(content)
    return await asyncio.to_thread(manifests.digest_of, content)


def _is_next(parameters: str) -> bool:
    """Whether a link's parameters say that it leads to the next page, in time that grows with their length alone."""
    return any("next" in (bare or quoted).lower().split() for bare, quoted in _REL.findall(parameters))
