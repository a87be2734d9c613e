import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from webhook.audit.background import JITTER, BackgroundAudit
from webhook.audit.results import Scan

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def at_once(_low: float, _high: float) -> float:
    return 0.0


class Scans:
    """Fills `webhook.audit.background.Scans`: counts, and how many there are at a time."""

    def __init__(self, *, fault: str = "") -> None:
        self.count = self.now = self.most = 0
        self.fault = fault
        self.gate = asyncio.Event()
        self.gate.set()
        self.crash: Exception | None = None

    async def scan(self) -> Scan:
        self.count += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await self.gate.wait()
        self.now -= 1
        if self.crash is not None:
            raise self.crash
        return Scan(began=NOW, ended=NOW, fault=self.fault, notes=("a note",))


class Told:
    """What `on_scan` got; whoever waits for the n-th scan learns of it."""

    def __init__(self) -> None:
        self.scans: list[Scan] = []
        self._changed = asyncio.Condition()

    async def __call__(self, scan: Scan) -> None:
        async with self._changed:
            self.scans.append(scan)
            self._changed.notify_all()

    async def wait_for(self, number: int) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.scans) >= number)


async def during(audit: BackgroundAudit, work: Awaitable[None]) -> None:
    running = asyncio.create_task(audit.run())
    try:
        await work
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_it_scans_again_and_again_and_tells_each_scan() -> None:
    scans, told = Scans(), Told()
    await during(BackgroundAudit(scans, told, period=0.01, jitter=at_once), told.wait_for(3))
    assert scans.count >= 3
    assert scans.most == 1


async def test_the_first_scan_and_each_next_one_come_by_chance_around_their_time() -> None:
    asked: list[tuple[float, float]] = []

    def jitter(low: float, high: float) -> float:
        asked.append((low, high))
        return 0.0

    told = Told()
    await during(BackgroundAudit(Scans(), told, period=600.0, start=30.0, jitter=jitter), told.wait_for(2))
    assert asked[:2] == [(0.0, 30.0), (600.0 * (1 - JITTER), 600.0 * (1 + JITTER))]


async def test_it_waits_for_its_period_unless_it_is_asked() -> None:
    scans, told = Scans(), Told()

    def middle(low: float, high: float) -> float:
        return (low + high) / 2 if low else 0.0

    audit = BackgroundAudit(scans, told, settle=0.01, soonest=0.0, jitter=middle)

    async def work() -> None:
        await told.wait_for(1)
        await asyncio.sleep(0.1)
        assert scans.count == 1
        audit.ask()
        await told.wait_for(2)

    await during(audit, work())


async def test_it_waits_until_nothing_changes_any_more() -> None:
    scans, told = Scans(), Told()
    audit = BackgroundAudit(scans, told, settle=0.2, soonest=0.0, jitter=lambda low, _: low)

    async def work() -> None:
        await told.wait_for(1)
        for _ in range(10):
            audit.ask()
            await asyncio.sleep(0.04)
        assert scans.count == 1
        await told.wait_for(2)

    await during(audit, work())
    assert scans.count == 2


async def test_however_often_it_is_asked_scans_have_a_distance() -> None:
    scans, told = Scans(), Told()
    audit = BackgroundAudit(scans, told, settle=0.0, soonest=60.0, jitter=lambda low, _: low)

    async def work() -> None:
        await told.wait_for(1)
        for _ in range(10):
            audit.ask()
            await asyncio.sleep(0.01)

    await during(audit, work())
    assert scans.count == 1


async def test_what_is_asked_during_a_scan_makes_another_one_afterwards() -> None:
    scans, told = Scans(), Told()
    scans.gate.clear()
    audit = BackgroundAudit(scans, told, settle=0.0, soonest=0.0, jitter=lambda low, _: low)

    async def work() -> None:
        while not scans.now:  # noqa: ASYNC110 - the fake tells nobody
            await asyncio.sleep(0)
        audit.ask()
        await asyncio.sleep(0.05)
        assert scans.count == 1
        scans.gate.set()
        await told.wait_for(2)

    await during(audit, work())
    assert scans.most == 1


@pytest.mark.parametrize("failing", ["scan", "telling"])
async def test_a_failure_does_not_end_it(failing: str, caplog: pytest.LogCaptureFixture) -> None:
    scans, told = Scans(), Told()
    tell: Callable[[Scan], Awaitable[None]] = told
    if failing == "scan":
        scans.crash = RuntimeError("nobody foresaw this")
    else:

        async def tell(scan: Scan) -> None:
            await told(scan)
            raise RuntimeError("nobody foresaw this")

    async def work() -> None:
        while scans.count < 3:  # noqa: ASYNC110 - the fake tells nobody
            await asyncio.sleep(0.001)

    await during(BackgroundAudit(scans, tell, jitter=at_once), asyncio.wait_for(work(), 10))
    assert "what a scan found could not be told" in caplog.text


async def test_a_scan_that_is_not_whole_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    await during(BackgroundAudit(Scans(fault="no pods"), told, jitter=at_once), told.wait_for(1))
    assert "the audit is not whole: no pods" in caplog.text
    assert "a note" in caplog.text
