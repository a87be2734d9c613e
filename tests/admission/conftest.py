from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeRegistry, FakeTrustRoots
from webhook.admission.decide import Decider, Options
from webhook.admission.verification import Verification
from webhook.kube.namespaces import KnownNamespaces
from webhook.policy.book import Book
from webhook.policy.collection import Collection


class FixedPolicies:
    """Fills `webhook.admission.ports.Policies`."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def current(self) -> Book:
        return self.book


def book(*texts: str) -> Book:
    collection = Collection()
    collection.add("policies.yaml", "---\n".join(texts).encode(), no_file)
    return collection.book("policies.yaml")


def no_file(name: str) -> bytes:
    raise OSError(name)


Deciders = Callable[..., Decider]


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def trust() -> FakeTrustRoots:
    return FakeTrustRoots()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def verification(registry: FakeRegistry, trust: FakeTrustRoots, clock: FakeClock) -> AsyncIterator[Verification]:
    verification = Verification(registry, trust, clock)
    yield verification
    await verification.close()


@pytest.fixture
def decider(verification: Verification, clock: FakeClock) -> Deciders:
    def make(*texts: str, labels: Mapping[str, Mapping[str, str]] | None = None, **options: Any) -> Decider:
        policies, namespaces = FixedPolicies(book(*texts)), KnownNamespaces(labels or {})
        return Decider(policies, verification, namespaces, Options(**options), clock=clock)

    return make
