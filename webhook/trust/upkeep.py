"""What goes on in the background of a server: trust roots follow the policies, and are fetched anew in time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from webhook.errors import ConfigurationError
from webhook.policy.book import Book
from webhook.trust.roots import TrustRoots
from webhook.trust.web import Web

FETCH_SECONDS = 30.0
"""For all that one attempt takes: half a dozen small files, and one more for each root that is newer."""

LOOK_SECONDS = 0.5
"""Between two looks at whether anything is to be done."""

_log = logging.getLogger(__name__)


class Policies(Protocol):
    """Where policies come from."""

    def current(self) -> Book:
        """The set of policies that was read last."""
        ...


class RootedPolicies:
    """Policies that come into force together with the trust roots that they need.

    Reading a first trust root takes a third of a second, for which no review should wait and which no event loop should
    miss. Until `follow` has done it, the policies before stay in force.
    """

    def __init__(self, policies: Policies, roots: TrustRoots) -> None:
        self._policies = policies
        self._roots = roots
        self._book = self._followed = Book(())

    def current(self) -> Book:
        """The policies in force."""
        book = self._policies.current()
        if book is not self._book and self._roots.follows(book.needed_trust_roots, book.trust_roots):
            self._book = book
        return self._book

    async def follow(self) -> None:
        """Have the newest policies in force, with their trust roots. Raises `ConfigurationError`."""
        book = self._policies.current()
        if book is not self._followed:
            self._followed = book
            await self._roots.follow(book.needed_trust_roots, book.trust_roots)
            self._book = book


@asynccontextmanager
async def upkeep(
    policies: RootedPolicies, roots: TrustRoots, web: Web, *, look_seconds: float = LOOK_SECONDS
) -> AsyncIterator[None]:
    """Policies and trust roots are kept up to date inside; what is fetched is not waited for."""

    async def refresh() -> None:
        await roots.refresh(web, FETCH_SECONDS)

    tasks = [asyncio.create_task(_again(action, look_seconds)) for action in (policies.follow, refresh)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _again(action: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do it for ever, each time so many seconds after the last."""
    while True:
        try:
            await action()
        except ConfigurationError as error:
            _log.error("trust roots stay as they were: %s", error)
        except Exception:  # noqa: BLE001 - whatever it is, it must not be the last thing that is done
            _log.exception("trust roots are not kept up to date")
        await asyncio.sleep(seconds)
