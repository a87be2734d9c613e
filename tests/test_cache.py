import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.fakes.clock import FakeClock
from webhook.cache import Cache
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
