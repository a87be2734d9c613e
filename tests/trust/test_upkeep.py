"""What goes on in the background of a server."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.trust.stage import OURS, THEIRS, Stage, given, print_of
from webhook.policy.book import Book
from webhook.policy.trust_roots import TrustRootSource
from webhook.trust.upkeep import RootedPolicies, upkeep

PATIENCE = 20.0


class FakePolicies:
    """Policies that a test changes."""

    def __init__(self, book: "NeedyBook") -> None:
        self.book = book

    def current(self) -> Book:
        return self.book


class NeedyBook(Book):
    """A book without policies that needs the trust roots beside it."""

    @property
    def needed_trust_roots(self) -> frozenset[str]:
        return frozenset(self.trust_roots)


def book(*documents: TrustRootSource) -> NeedyBook:
    return NeedyBook((), {each.name: each for each in documents})


@asynccontextmanager
async def kept(stage: Stage, policies: FakePolicies) -> AsyncIterator[RootedPolicies]:
    rooted = RootedPolicies(policies, stage.roots)
    await rooted.follow()
    async with upkeep(rooted, stage.roots, stage.web, look_seconds=0.001):
        yield rooted


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - what is seen from outside has no event
            await asyncio.sleep(0.001)


async def test_policies_come_into_force_together_with_the_roots_that_they_need() -> None:
    stage = Stage()
    first, second = book(), book(given("corp", OURS))
    policies = FakePolicies(first)
    rooted = RootedPolicies(policies, stage.roots)
    await rooted.follow()
    assert rooted.current() is first
    policies.book = second
    assert rooted.current() is first
    await rooted.follow()
    assert rooted.current() is second
    assert stage.fingerprint("corp") == await print_of(OURS)


async def test_policies_that_need_nothing_new_are_in_force_at_once() -> None:
    stage = Stage()
    policies = FakePolicies(book(given("corp", OURS), given("other", THEIRS)))
    rooted = RootedPolicies(policies, stage.roots)
    await rooted.follow()
    policies.book = book(given("corp", OURS))
    assert rooted.current() is policies.book
    await rooted.follow()
    assert stage.fingerprint("other") is None


async def test_in_the_background_roots_follow_policies_and_are_fetched() -> None:
    stage = Stage()
    policies = FakePolicies(book())
    async with kept(stage, policies) as rooted:
        policies.book = book(given("corp", OURS), stage.fetched("tuf"))
        await until(lambda: rooted.current() is policies.book)
        assert stage.fingerprint("corp") == await print_of(OURS)
        await until(lambda: stage.roots.current("tuf") is not None)


async def test_nothing_waits_for_a_repository_that_does_not_answer() -> None:
    stage = Stage()
    stage.web.gate.clear()
    policies = FakePolicies(book(stage.fetched("tuf")))
    async with kept(stage, policies) as rooted:
        await until(lambda: bool(stage.web.asked))
        policies.book = book(given("corp", OURS), stage.fetched("tuf"))
        await until(lambda: rooted.current() is policies.book)
        assert stage.roots.current("tuf") is None
        assert stage.fingerprint("corp") == await print_of(OURS)


async def test_a_name_that_a_flag_gives_already_is_told_once_and_the_flag_stays(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage(given("corp", OURS))
    policies = FakePolicies(book())
    async with kept(stage, policies) as rooted:
        policies.book = book(given("corp", THEIRS))
        await until(lambda: bool(caplog.records))
        assert rooted.current() is policies.book
        assert stage.fingerprint("corp") == await print_of(OURS)
        policies.book = book(given("new", THEIRS))
        await until(lambda: stage.roots.current("new") is not None)
    assert [record.getMessage() for record in caplog.records] == [
        "trust roots stay as they were: trust root corp is given both by --trust-root and by a TrustRoot document"
    ]


class BrokenPolicies(FakePolicies):
    """Raises what nobody foresaw, once."""

    broken = False

    def current(self) -> Book:
        if self.broken:
            self.broken = False
            raise RuntimeError("unforeseen")
        return super().current()


async def test_an_unforeseen_failure_is_not_the_end(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    policies = BrokenPolicies(book())
    async with kept(stage, policies):
        policies.broken = True
        await until(lambda: bool(caplog.records))
        policies.book = book(given("corp", OURS))
        await until(lambda: stage.roots.current("corp") is not None)
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "trust roots are not kept up to date")


async def test_it_ends_with_its_block() -> None:
    stage = Stage()
    stage.web.gate.clear()
    before = asyncio.all_tasks()
    async with kept(stage, FakePolicies(book(stage.fetched("tuf")))):
        await until(lambda: bool(stage.web.asked))
        assert asyncio.all_tasks() != before
    assert asyncio.all_tasks() == before
