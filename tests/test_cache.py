import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.fakes.clock import FakeClock
from webhook.cache import Cache, Kept
from webhook.errors import ImageNotFoundError, TooManyVerificationsError, VerificationTimedOutError

SOON = 5.0
NEVER = 0.01


class Work:
    """Computations that a test can hold back, and count."""

    def __init__(self) -> None:
        self.started = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: BaseException | None = None

    async def __call__(self) -> str:
        self.started += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return f"value {self.started}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def cache(clock: FakeClock) -> AsyncIterator[Cache[str, str]]:
    cache: Cache[str, str] = Cache(maxsize=2, lifetime=lambda _: 10.0, clock=clock.monotonic, max_flights=2)
    yield cache
    await cache.close()


async def begun(flights: int = 1) -> None:
    """So many computations that were asked for have begun."""
    for _ in range(3 * flights):
        await asyncio.sleep(0)


async def test_a_value_is_computed_once_and_kept_for_its_lifetime(cache: Cache[str, str], clock: FakeClock) -> None:
    work = Work()
    assert cache.peek("a") is None
    assert await cache.get("a", work, SOON) == "value 1"
    clock.advance(9.9)
    assert await cache.get("a", work, SOON) == "value 1"
    assert cache.peek("a") == "value 1"
    clock.advance(0.2)
    assert cache.peek("a") is None
    assert await cache.get("a", work, SOON) == "value 2"


async def test_all_who_ask_at_once_share_one_computation(cache: Cache[str, str]) -> None:
    work = Work()
    answers = await asyncio.gather(*(cache.get("a", work, SOON) for _ in range(100)))
    assert set(answers) == {"value 1"}
    assert work.started == 1


async def test_whoever_waits_no_longer_leaves_the_work_to_go_on(cache: Cache[str, str]) -> None:
    work = Work()
    work.gate.clear()
    with pytest.raises(VerificationTimedOutError, match="still verifying"):
        await cache.get("a", work, NEVER)
    work.gate.set()
    assert await cache.get("a", work, SOON) == "value 1"
    assert work.started == 1


async def test_no_time_left_is_no_reason_to_hang_or_to_skip_the_work(cache: Cache[str, str]) -> None:
    work = Work()
    work.gate.clear()
    with pytest.raises(VerificationTimedOutError):
        await cache.get("a", work, -1.0)
    work.gate.set()
    assert await cache.get("a", work, SOON) == "value 1"


async def test_a_failure_reaches_who_waits_and_is_not_kept(cache: Cache[str, str]) -> None:
    work = Work()
    work.failure = ImageNotFoundError("gone")
    with pytest.raises(ImageNotFoundError, match="gone"):
        await cache.get("a", work, SOON)
    work.failure = None
    assert await cache.get("a", work, SOON) == "value 2"


async def test_a_failure_that_nobody_waits_for_is_no_fault(cache: Cache[str, str]) -> None:
    work = Work()
    work.gate.clear()
    work.failure = ImageNotFoundError("gone")
    with pytest.raises(VerificationTimedOutError):
        await cache.get("a", work, NEVER)
    work.gate.set()
    with pytest.raises(ImageNotFoundError):
        await cache.get("a", work, SOON)


async def test_one_computation_has_an_end_of_its_own(clock: FakeClock) -> None:
    cache: Cache[str, str] = Cache(maxsize=2, lifetime=lambda _: 10.0, clock=clock.monotonic, flight_seconds=NEVER)
    work = Work()
    work.gate.clear()
    with pytest.raises(VerificationTimedOutError, match=r"no answer within 0\.01 s"):
        await cache.get("a", work, SOON)


async def test_too_many_computations_at_once_are_refused(cache: Cache[str, str]) -> None:
    work = Work()
    work.gate.clear()
    for key in ("a", "b"):
        with pytest.raises(VerificationTimedOutError):
            await cache.get(key, work, NEVER)
    with pytest.raises(TooManyVerificationsError, match="2 verifications are under way already"):
        await cache.get("c", work, SOON)
    assert work.started == 2


async def test_the_number_of_values_is_bounded(cache: Cache[str, str]) -> None:
    work = Work()
    for key in ("a", "b", "c"):
        await cache.get(key, work, SOON)
    assert [key for key in ("a", "b", "c") if cache.peek(key) is not None] == ["b", "c"]


async def test_a_value_without_a_lifetime_is_not_kept(clock: FakeClock) -> None:
    cache: Cache[str, str] = Cache(maxsize=2, lifetime=lambda _: 0.0, clock=clock.monotonic)
    work = Work()
    assert await cache.get("a", work, SOON) == "value 1"
    assert cache.peek("a") is None


async def test_closing_ends_what_still_runs(cache: Cache[str, str]) -> None:
    work = Work()
    work.gate.clear()
    with pytest.raises(VerificationTimedOutError):
        await cache.get("a", work, NEVER)
    await cache.close()
    assert cache.peek("a") is None


class NativePanic(BaseException):
    """As a panic in native code is raised: not an `Exception`."""


async def test_a_panic_in_native_code_is_an_error_that_who_waits_can_catch(cache: Cache[str, str]) -> None:
    work = Work()
    work.failure = NativePanic("boom")
    with pytest.raises(RuntimeError, match="native code failed"):
        await cache.get("a", work, SOON)


async def test_one_owner_begins_so_many_computations_and_leaves_room_for_others(clock: FakeClock) -> None:
    cache: Cache[str, str] = Cache(
        maxsize=9, lifetime=lambda _: 10.0, clock=clock.monotonic, max_flights=9, max_flights_of_one=2
    )
    work = Work()
    work.gate.clear()
    for key in ("a", "b"):
        with pytest.raises(VerificationTimedOutError):
            await cache.get(key, work, NEVER, "greedy")
    with pytest.raises(TooManyVerificationsError, match="2 verifications are under way for it already"):
        await cache.get("c", work, SOON, "greedy")
    with pytest.raises(VerificationTimedOutError):
        await cache.get("a", work, NEVER, "greedy")
    with pytest.raises(VerificationTimedOutError):
        await cache.get("c", work, NEVER, "modest")
    work.gate.set()
    assert await cache.get("c", work, SOON, "modest") == "value 3"
    assert await cache.get("d", work, SOON, "greedy") == "value 4"
    assert work.started == 4


class Leader:
    """A computation that first fails, once it is let go, and then succeeds."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure
        self.started = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> str:
        self.started += 1
        if self.started == 1:
            await self.gate.wait()
            raise self.failure
        return f"value {self.started}"


@pytest.mark.parametrize("failure", [TooManyVerificationsError("sent away"), VerificationTimedOutError("no time")])
async def test_who_joined_is_not_refused_for_want_of_the_leaders_room_or_time(
    cache: Cache[str, str], failure: Exception
) -> None:
    work = Leader(failure)
    leader = asyncio.create_task(cache.get("a", work, SOON, "leader"))
    await begun()
    joined = [asyncio.create_task(cache.get("a", work, SOON, "joined")) for _ in range(10)]
    await begun()
    work.gate.set()
    with pytest.raises(type(failure)):
        await leader
    assert await asyncio.gather(*joined) == ["value 2"] * 10
    assert work.started == 2


async def test_what_a_registry_failed_to_answer_is_the_answer_to_all_who_wait(cache: Cache[str, str]) -> None:
    work = Leader(ImageNotFoundError("gone"))
    asking = [asyncio.create_task(cache.get("a", work, SOON)) for _ in range(10)]
    await begun()
    work.gate.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert {str(answer) for answer in answers} == {"gone"}
    assert work.started == 1


async def test_each_who_waits_has_a_deadline_of_its_own(cache: Cache[str, str]) -> None:
    work = Work()
    work.gate.clear()
    patient = asyncio.create_task(cache.get("a", work, SOON))
    await begun()
    with pytest.raises(VerificationTimedOutError, match="still verifying"):
        await cache.get("a", work, NEVER)
    work.gate.set()
    assert await patient == "value 1"


class TestRenewal:
    """What is asked for in the last tenth of its life."""

    LIFE = 100.0

    @pytest.fixture
    async def cache(self, clock: FakeClock) -> AsyncIterator[Cache[str, str]]:
        lives = {"value 2": 0.0, "value 3": self.LIFE}
        cache: Cache[str, str] = Cache(
            maxsize=2, lifetime=lambda value: lives.get(value, self.LIFE), clock=clock.monotonic, max_flights_of_one=1
        )
        yield cache
        await cache.close()

    async def due(self, cache: Cache[str, str], clock: FakeClock, work: Work) -> Kept[str]:
        await cache.get("a", work, SOON)
        clock.advance(0.9 * self.LIFE + 1)
        kept = cache.find("a")
        assert kept is not None
        assert kept.due <= clock.monotonic()
        return kept

    async def test_a_value_is_due_in_its_last_tenth(self, cache: Cache[str, str], clock: FakeClock) -> None:
        await cache.get("a", Work(), SOON)
        clock.advance(0.9 * self.LIFE - 1)
        kept = cache.find("a")
        assert kept is not None
        assert clock.monotonic() < kept.due <= clock.monotonic() + 1

    async def test_what_is_kept_for_a_moment_is_never_due(self, clock: FakeClock) -> None:
        cache: Cache[str, str] = Cache(maxsize=2, lifetime=lambda _: 59.9, clock=clock.monotonic)
        await cache.get("a", Work(), SOON)
        clock.advance(59.8)
        kept = cache.find("a")
        assert kept is not None
        assert kept.due > clock.monotonic() + 1000

    async def test_it_is_replaced_in_the_background_and_lives_anew(
        self, cache: Cache[str, str], clock: FakeClock
    ) -> None:
        first, second = Work(), Work()
        second.started = 2
        second.gate.clear()
        kept = await self.due(cache, clock, first)
        cache.renew("a", kept, second)
        await begun()
        assert cache.peek("a") == "value 1"
        second.gate.set()
        await begun()
        assert cache.peek("a") == "value 3"
        clock.advance(self.LIFE - 1)
        assert cache.peek("a") == "value 3"

    async def test_it_is_begun_once(self, cache: Cache[str, str], clock: FakeClock) -> None:
        kept = await self.due(cache, clock, Work())
        cache.renew("a", kept, Work())
        assert kept.due > clock.monotonic() + self.LIFE

    @pytest.mark.parametrize("fails", [True, False])
    async def test_what_fails_or_finds_nothing_out_leaves_the_old_value_to_its_end(
        self, cache: Cache[str, str], clock: FakeClock, fails: bool
    ) -> None:
        kept = await self.due(cache, clock, Work())
        again = Work()
        again.started = 1  # its value, the second, is not kept
        again.failure = ImageNotFoundError("gone") if fails else None
        cache.renew("a", kept, again)
        await begun()
        assert again.started == 2
        assert cache.peek("a") == "value 1"
        clock.advance(0.1 * self.LIFE)
        assert cache.peek("a") is None

    async def test_without_room_to_begin_the_value_stays_due(self, cache: Cache[str, str], clock: FakeClock) -> None:
        kept = await self.due(cache, clock, Work())
        busy = Work()
        busy.gate.clear()
        with pytest.raises(VerificationTimedOutError):
            await cache.get("b", busy, NEVER)
        cache.renew("a", kept, busy)
        assert kept.due <= clock.monotonic()
        assert busy.started == 1


async def test_what_a_cache_was_asked_for_is_counted(cache: Cache[str, str]) -> None:
    work = Work()
    work.gate.clear()
    both = asyncio.gather(cache.get("a", work, SOON), cache.get("a", work, SOON))
    await asyncio.sleep(0)
    work.gate.set()
    await both
    assert await cache.get("a", work, SOON) == "value 1"
    assert cache.peek("b") is None
    counts = cache.counts
    assert (counts.misses, counts.joined, counts.hits, counts.renewed, cache.size) == (1, 1, 1, 0, 1)
    kept = cache.find("a")
    assert kept is not None
    cache.renew("a", kept, work)
    assert (counts.renewed, counts.misses) == (1, 1)


async def test_what_there_is_no_room_for_is_no_miss(cache: Cache[str, str]) -> None:
    work = Work()
    work.gate.clear()
    for key in ("a", "b"):
        with pytest.raises(VerificationTimedOutError):
            await cache.get(key, work, NEVER)
    with pytest.raises(TooManyVerificationsError):
        await cache.get("c", work, NEVER)
    assert cache.counts.misses == 2
