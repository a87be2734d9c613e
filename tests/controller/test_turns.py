import pytest

from tests.controller.reporting_site import Pausing
from webhook.controller.turns import FAILURES, Dropped, Turns
from webhook.errors import ClusterError


class Api:
    """Takes writes, unless an error is set; `seconds` is how long it takes."""

    def __init__(self, clock: Pausing) -> None:
        self._clock = clock
        self.times: list[float] = []
        self.error: ClusterError | None = None
        self.seconds = 0.0

    async def write(self) -> None:
        self.times.append(self._clock.monotonic())
        self._clock.advance(self.seconds)
        if self.error is not None:
            raise self.error


@pytest.fixture
def clock() -> Pausing:
    return Pausing()


@pytest.fixture
def api(clock: Pausing) -> Api:
    return Api(clock)


@pytest.fixture
def turns(clock: Pausing) -> Turns:
    return Turns(clock, 20, 10, clock.pause)


async def test_writes_are_made_at_no_higher_rate(turns: Turns, api: Api) -> None:
    assert [await turns.take(api.write) for _ in range(41)] == [None] * 41
    assert api.times[-1] - api.times[0] == pytest.approx(2.0)


async def test_a_slow_api_server_is_not_asked_faster_afterwards(turns: Turns, api: Api) -> None:
    api.seconds = 1
    await turns.take(api.write)
    api.seconds = 0
    for _ in range(3):
        await turns.take(api.write)
    assert [b - a for a, b in zip(api.times[1:], api.times[2:], strict=False)] == pytest.approx([0.05, 0.05])


async def test_no_write_is_begun_when_the_time_is_over(turns: Turns, api: Api) -> None:
    api.seconds = 6
    assert [await turns.take(api.write) for _ in range(4)] == [None, None, Dropped.TIME, Dropped.TIME]
    assert len(api.times) == 2


@pytest.mark.parametrize(
    ("status", "reason"),
    [(409, "conflict"), (413, "too_large"), (429, "throttled"), (403, "refused"), (404, "refused"), (0, "unavailable")],
)
async def test_a_failure_is_told_by_its_reason(turns: Turns, api: Api, status: int, reason: str) -> None:
    api.error = ClusterError("no", status)
    dropped = await turns.take(api.write)
    assert dropped is not None
    assert dropped.value == reason


@pytest.mark.parametrize("status", [0, 429, 503])
async def test_an_api_server_in_trouble_is_left_alone(turns: Turns, api: Api, status: int) -> None:
    api.error = ClusterError("no", status)
    reasons = [await turns.take(api.write) for _ in range(FAILURES + 3)]
    assert len(api.times) == FAILURES
    assert set(reasons) == {Dropped.of(api.error)}


async def test_failures_of_single_objects_stop_nothing(turns: Turns, api: Api) -> None:
    for status in (409, 413, 403):
        api.error = ClusterError("no", status)
        for _ in range(FAILURES):
            await turns.take(api.write)
    api.error = None
    assert await turns.take(api.write) is None


async def test_only_failures_in_a_row_count(turns: Turns, api: Api) -> None:
    for _ in range(3):
        api.error = ClusterError("no", 429)
        for _ in range(FAILURES - 1):
            await turns.take(api.write)
        api.error = None
        assert await turns.take(api.write) is None
