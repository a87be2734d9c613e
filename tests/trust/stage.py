"""Trust roots with repositories that they may come from, on a clock that stands still."""

from collections.abc import Mapping
from typing import Any

from tests.fakes import sigstore
from tests.fakes.clock import FakeClock
from tests.fakes.tuf import FakeTuf, FakeWeb
from webhook.policy.model_trust_root import BUILT_IN_REPOSITORY
from webhook.policy.trust_roots import TrustRootSource, TufRepository
from webhook.signatures.trust import TrustRoot
from webhook.trust.roots import TrustRoots

TARGET = "trusted_root.json"
OURS = sigstore.trusted_root()
THEIRS = sigstore.trusted_root(sigstore.services("example.org"))
URL = "https://tuf.example.com"
OTHER_URL = "https://tuf.example.org/v1"
HOUR = 3600.0
SECONDS = 10.0
PUBLIC_GOOD = frozenset({"public-good"})


class FakeObserver:
    """Fills `webhook.trust.roots.Observer`."""

    def __init__(self) -> None:
        self.roots: Mapping[str, TrustRoot] = {}
        self.refreshed: list[tuple[str, bool]] = []

    def trust_roots(self, roots: Mapping[str, TrustRoot]) -> None:
        self.roots = roots

    def trust_root_refreshed(self, name: str, *, ok: bool) -> None:
        self.refreshed.append((name, ok))


class Stage:
    """Trust roots, two repositories that they may come from, and a clock."""

    def __init__(self, *given: TrustRootSource, **options: Any) -> None:
        self.clock = FakeClock()
        self.tuf = FakeTuf(self.clock.now(), {TARGET: OURS})
        self.other = FakeTuf(self.clock.now(), {TARGET: THEIRS})
        self.web = FakeWeb({URL: self.tuf, OTHER_URL: self.other, BUILT_IN_REPOSITORY: self.tuf})
        self.observer = FakeObserver()
        self.roots = TrustRoots({each.name: each for each in given}, self.clock, self.observer, **options)

    def fetched(self, name: str, content: bytes | None = None) -> TrustRootSource:
        """A source that is our repository; with `content`, a copy is there from the beginning."""
        return TrustRootSource(name, content, TufRepository(URL, self.tuf.root, TARGET))

    async def follow(self, *documents: TrustRootSource, needed: frozenset[str] | None = None) -> None:
        by_name = {each.name: each for each in documents}
        await self.roots.follow(frozenset(by_name) if needed is None else needed, by_name)

    async def refresh(self) -> None:
        await self.roots.refresh(self.web, SECONDS)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.tuf.now = self.other.now = self.clock.now()

    def fingerprint(self, name: str) -> str | None:
        root = self.roots.current(name)
        return root.fingerprint if root else None


def given(name: str, content: bytes) -> TrustRootSource:
    return TrustRootSource(name, content, None)


async def print_of(content: bytes) -> str:
    """The fingerprint that a content has."""
    stage = Stage()
    await stage.follow(given("any", content))
    found = stage.fingerprint("any")
    assert found is not None
    return found
