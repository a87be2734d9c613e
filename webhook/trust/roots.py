"""The trust roots in force: by name, from flags, from policies, or built in."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol

from webhook.clock import Clock
from webhook.errors import ConfigurationError
from webhook.policy.trust_roots import TrustRootSource
from webhook.signatures.authorities import PUBLIC_GOOD
from webhook.signatures.trust import TrustRoot
from webhook.trust.held import BUILT_IN, Held, load
from webhook.trust.renewal import renew
from webhook.trust.web import Web

if TYPE_CHECKING:
    from webhook.trust.tuf import Repository

_log = logging.getLogger(__name__)


class Observer(Protocol):
    """Who is told, on the event loop, what becomes of trust roots."""

    def trust_roots(self, roots: Mapping[str, TrustRoot]) -> None:
        """Take note of all that are there, those whose time is over among them."""
        ...

    def trust_root_refreshed(self, name: str, *, ok: bool) -> None:
        """Take note of an attempt to fetch one."""
        ...


class TrustRoots:
    """Fills `webhook.admission.ports.TrustRoots`.

    `given` are those of flags; they go before those of policies, and all go before the one that is built in. What
    nobody needs is not loaded, so that programs without it pay nothing for it; what flags give always is.
    """

    def __init__(
        self,
        given: Mapping[str, TrustRootSource],
        clock: Clock,
        observer: Observer | None = None,
        *,
        refresh_public_good: bool = False,
    ) -> None:
        self._given = given
        self._load = partial(load, refresh_public_good=refresh_public_good)
        self._clock = clock
        self._observer = observer
        self._held: dict[str, Held] = {}

    def current(self, name: str) -> TrustRoot | None:
        """The trust root of that name; None where there is none, or its time is over. Asks nobody."""
        held = self._held.get(name)
        return None if held is None else held.usable(self._clock)

    def follows(self, needed: frozenset[str], documents: Mapping[str, TrustRootSource]) -> bool:
        """Whether those that policies need are the ones that are held."""
        wanted = self._wanted(needed, documents)
        return all(name in self._held and self._held[name].source == source for name, source in wanted.items())

    async def follow(self, needed: frozenset[str], documents: Mapping[str, TrustRootSource]) -> None:
        """Hold what policies need and flags give, and nothing else. Raises `ConfigurationError`.

        What is held already stays as it is, with all that was fetched. A repository is asked by `refresh` alone.
        """
        if both := sorted(self._given.keys() & documents.keys()):
            raise ConfigurationError(f"trust root {both[0]} is given both by --trust-root and by a TrustRoot document")
        held: dict[str, Held] = {}
        for name, source in sorted(self._wanted(needed, documents).items()):
            before = self._held.get(name)
            held[name] = before if before and before.source == source else await asyncio.to_thread(self._load, source)
            if held[name].fault and name in self._given:
                raise ConfigurationError(f"--trust-root {name}={source.file}: {held[name].fault}")
        changed, self._held = held != self._held, held
        if changed:
            self._tell()

    async def refresh(self, web: Web, seconds: float) -> None:
        """Fetch all that are due from their repositories, within `seconds`. Never raises: what was there stays."""
        now = self._clock.monotonic()
        due = [(held, held.repository) for held in self._held.values() if held.due <= now]
        await asyncio.gather(*(self._refresh(held, each, web, seconds) for held, each in due if each is not None))

    async def _refresh(self, held: Held, repository: "Repository", web: Web, seconds: float) -> None:
        ok = await renew(held, repository, web, self._clock, seconds)
        if self._observer is not None and self._held.get(held.name) is held:
            self._observer.trust_root_refreshed(held.name, ok=ok)
            self._observer.trust_roots(self._there())

    def _wanted(self, needed: frozenset[str], documents: Mapping[str, TrustRootSource]) -> dict[str, TrustRootSource]:
        """What must be held, by name."""
        found = {PUBLIC_GOOD: BUILT_IN, **documents, **self._given}
        return {name: source for name, source in found.items() if name in needed or name in self._given}

    def _there(self) -> dict[str, TrustRoot]:
        return {name: held.root for name, held in self._held.items() if held.root is not None}

    def _tell(self) -> None:
        if self._held:
            _log.info("trust roots: %s", ", ".join(map(str, self._held.values())))
        for held in self._held.values():
            held.tell_faults()
        if self._observer is not None:
            self._observer.trust_roots(self._there())
