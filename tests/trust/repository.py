"""A client of a repository in memory, at a time that a test chooses."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.tuf import FakeTuf, FakeWeb
from webhook.policy.trust_roots import TufRepository
from webhook.trust.errors import UnusableError
from webhook.trust.tuf import Fetched, Repository

URL = "https://tuf.example.com/v1"
TARGET = "trusted_root.json"
OLD, NEW = b"old content", b"new content"


def signed(metadata: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(metadata)["signed"]
    return found


class Client:
    """A repository, and who asks it, at a time."""

    def __init__(self, *, consistent: bool = True) -> None:
        self.clock = FakeClock()
        self.tuf = FakeTuf(self.clock.now(), {TARGET: OLD}, consistent=consistent)
        self.web = FakeWeb({URL: self.tuf})
        self.repository = self.known_by(self.tuf.root)

    def known_by(self, root: bytes) -> Repository:
        return Repository(TufRepository(URL, root, TARGET))

    def later(self, **time: float) -> None:
        self.clock.advance(timedelta(**time).total_seconds())
        self.tuf.now = self.clock.now()

    async def fetch(self) -> Fetched:
        self.web.asked.clear()
        return await self.repository.fetch(self.web, self.clock.now())

    async def refusal(self) -> str:
        with pytest.raises(UnusableError) as caught:
            await self.fetch()
        return str(caught.value)
