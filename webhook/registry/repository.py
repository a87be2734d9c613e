"""One repository of one registry, by the calls of distribution-spec 1.1 that we need: manifests, blobs, referrers."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

from yarl import URL

from webhook.errors import RegistryResponseError, RegistryUnavailableError
from webhook.images import Digest
from webhook.registry import authorization, endpoint, manifests
from webhook.registry.authorization import Access
from webhook.registry.endpoint import UrlError
from webhook.registry.manifests import Descriptor, Document
from webhook.registry.questions import Questions
from webhook.registry.settings import Limits
from webhook.registry.transport import Answer, Request

_NO_REFERRERS_API = frozenset({400, 404, 405, 406})
"""404 is the specification's; registries older than it answer the other three to a path that they do not know."""

_LINK = re.compile(r"<([^<>]*)>([^<]*)")
_REL = re.compile(r';[ \t]*rel[ \t]*=[ \t]*(?:([^\s";,]+)|"([^"]*)")[ \t]*(?=[;,]|$)', re.IGNORECASE)
_HASHED_AT_ONCE = 1024 * 1024  # bytes; 0.5 to 3 ms
_MAX_LINKS = 8  # header fields; one is what registries send

T = TypeVar("T")


def _anything(_found: object) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Page:
    """A page of referrers, and who answered with it. `filtered` says that what was not asked for is left out."""

    access: Access
    descriptors: tuple[Descriptor, ...]
    filtered: bool
    url: URL = field(repr=False)
    links: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether neither this page nor another one lists anything."""
        return not self.descriptors and not self.links


class Repository:
    """Raises `NotFoundOutError` of the kind that tells whether it was the registry's answer, its silence, or ours.

    `places` are its mirrors and, last, itself. Each question goes to the first that has something to say: a mirror that
    has nothing (404, an empty list of referrers) or is silent is passed over, any other fault of it is told.
    `Limits.fetches` questions are under way at once.
    """

    def __init__(self, places: Iterable[Access], questions: Questions, limits: Limits) -> None:
        *self._mirrors, self._registry = places
        self._questions = questions
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.fetches)

    @property
    def registry(self) -> str:
        """The registry's name."""
        return self._registry.registry

    @property
    def name(self) -> str:
        """The repository's name there."""
        return self._registry.repository

    async def manifest(
        self,
        reference: str | Digest,
        accept: Iterable[str],
        *,
        ceiling: int | None = None,
        enough: Callable[[Document], bool] = _anything,
    ) -> Document | None:
        """The manifest or index of a tag, or of a digest, which its bytes then have; None where there is none.

        `ceiling` counts bytes, of which it may have `Limits.manifest_bytes` in any case. Where what a mirror has is not
        `enough`, the registry is asked too, and only where it has nothing the mirror's counts.
        """
        most = self._limits.manifest_bytes if ceiling is None else ceiling
        accepted = ", ".join(accept)

        async def ask(access: Access) -> Document | None:
            url = _url(access, f"manifests/{reference}")
            answer = await self._ask(access, url, most, accepted, follow=True)
            if answer.status == 404:
                return None
            document = await _document(access, answer)
            claimed = answer.headers.get("Docker-Content-Digest", "")
            if isinstance(reference, Digest) and document.digest != reference:
                raise RegistryResponseError(f"{access.whom} answered with other content than the digest names")
            if claimed.startswith("sha256:") and claimed != str(document.digest):
                raise RegistryResponseError(f"{access.whom} answered with another digest than its content has")
            return document

        return await self._first(ask, enough)

    async def blob(self, digest: Digest, ceiling: int) -> bytes | None:
        """The content of a digest, of at most so many bytes; None where there is none."""

        async def ask(access: Access) -> bytes | None:
            answer = await self._ask(access, _url(access, f"blobs/{digest}"), ceiling, "*/*", follow=True)
            if answer.status == 404:
                return None
            _expect_success(access, answer)
            if await _digest_of(answer.body) != digest:
                raise RegistryResponseError(f"{access.whom} answered with other content than the digest names")
            return answer.body

        return await self._first(ask)

    async def referrers(self, digest: Digest, artifact_type: str, *, mirrors: bool = True) -> Page | None:
        """The first page of referrers of one type; None where there is no such list.

        A mirror may list only what came through it, so that none there does not mean none. Without `mirrors`, the
        registry itself is asked.
        """
        query = urlencode({"artifactType": artifact_type})

        async def ask(access: Access) -> Page | None:
            page = await self.page(access, _url(access, f"referrers/{digest}", query))
            return None if page is not None and page.is_empty and access.mirror_of is not None else page

        return await (self._first(ask) if mirrors else ask(self._registry))

    async def page(self, access: Access, url: URL) -> Page | None:
        """One page of referrers; None where the registry has no such list."""
        answer = await self._ask(access, url, self._limits.manifest_bytes, manifests.OCI_INDEX, follow=False)
        if answer.status in _NO_REFERRERS_API:
            return None
        document = await _document(access, answer)
        applied = answer.headers.get("OCI-Filters-Applied", "")
        return Page(
            access,
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
                    return _own_url(target, page)
        return None

    async def _first(
        self, ask: Callable[[Access], Awaitable[T | None]], enough: Callable[[T], bool] = _anything
    ) -> T | None:
        poor = None
        for mirror in self._mirrors:
            with suppress(RegistryUnavailableError):
                found = await ask(mirror)
                if found is not None and enough(found):
                    return found
                poor = found if poor is None else poor
        found = await ask(self._registry)
        return poor if found is None else found

    async def _ask(self, access: Access, url: URL, ceiling: int, accept: str, *, follow: bool) -> Answer:
        async with self._slots:
            return await self._questions.ask(access, Request(url, access.whom, ceiling, accept, follow=follow))


def _url(access: Access, path: str, query: str = "") -> URL:
    return access.endpoint.url(f"/v2/{access.repository}/{path}", query)


def _own_url(text: str, page: Page) -> URL:
    try:
        url = endpoint.read(text, page.url)
    except UrlError as error:
        raise RegistryResponseError(f"the next page is at {error}") from None
    if endpoint.of_url(url) != page.access.endpoint:
        raise RegistryResponseError("the next page is at another host, which is not asked")
    return url


async def _document(access: Access, answer: Answer) -> Document:
    _expect_success(access, answer)
    media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Document(media_type, answer.body, await _digest_of(answer.body))


def _expect_success(access: Access, answer: Answer) -> None:
    if answer.status != 200:
        raise authorization.failure(access.whom, answer)


async def _digest_of(content: bytes) -> Digest:
    """The digest of content; that of much content is found out beside the event loop."""
    if len(content) <= _HASHED_AT_ONCE:
        return manifests.digest_of(content)
    return await asyncio.to_thread(manifests.digest_of, content)


def _is_next(parameters: str) -> bool:
    """Whether a link's parameters say that it leads to the next page, in time that grows with their length alone."""
    return any("next" in (bare or quoted).lower().split() for bare, quoted in _REL.findall(parameters))
