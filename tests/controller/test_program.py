"""The parts together, and what probes are told."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from click.testing import CliRunner

from webhook.cli import main
from webhook.controller.health import Health
from webhook.controller.metrics import Metrics
from webhook.controller.program import PartEndedError, together
from webhook.errors import ConfigurationError


class Steady:
    """A part that does nothing for ever."""

    def __init__(self) -> None:
        self.running = asyncio.Event()
        self.ended = False

    async def run(self) -> None:
        self.running.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


class Brief:
    """A part that comes to an end."""

    async def run(self) -> None:
        await asyncio.sleep(0)


async def test_parts_run_until_they_are_cancelled() -> None:
    every = Steady(), Steady()
    running = asyncio.create_task(together(every))
    for each in every:
        await each.running.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert all(each.ended for each in every)


async def test_all_end_where_one_does() -> None:
    steady = Steady()
    with pytest.raises(ExceptionGroup) as caught:
        await together((steady, Brief()))
    assert [type(each) for each in caught.value.exceptions] == [PartEndedError]
    assert steady.ended


async def test_a_replica_without_parts_stands_still() -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(together(()), 0.05)


class Site:
    """A health port whose replica may be made to overstay its Lease."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.address = ("", 0)

    async def get(self, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.address[1]}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.text()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    health = Health(lambda: made.reason, Metrics("1.2.3").text)
    async with health.listening("127.0.0.1", 0) as made.address:
        yield made


async def test_probes_say_whether_the_replica_is_well(site: Site) -> None:
    for path in ("/livez", "/readyz"):
        site.reason = None
        assert await site.get(path) == (200, "ok\n")
        site.reason = "overdue"
        assert await site.get(path) == (503, "overdue\n")
    assert (await site.get("/elsewhere"))[0] == 404


async def test_metrics_are_text(site: Site) -> None:
    status, text = await site.get("/metrics")
    assert status == 200
    assert 'tidewaiter_build_info{python="' in text
    assert "tidewaiter_leader 0.0" in text


async def test_a_port_that_is_taken_is_a_fault_of_configuration(site: Site) -> None:
    health = Health(lambda: None, bytes)
    with pytest.raises(ConfigurationError, match=r"cannot listen on 127\.0\.0\.1:"):
        async with health.listening("127.0.0.1", site.address[1]):
            pass


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing option '--namespace'"),
        (("--namespace=a/b", "--name=x"), "expected the name of an object, found 'a/b'"),
        (("--namespace=a", "--name=x", "--lease-seconds=1"), "--lease-seconds"),
        (("--namespace=a", "--name=x", "--health-bind=nowhere"), "expected HOST:PORT"),
        (("--namespace=a", "--name=x", "--health-bind=127.0.0.1:0"), "there is no cluster to look after"),
    ],
)
def test_what_cannot_be_used_ends_with_its_reason(arguments: tuple[str, ...], told: str) -> None:
    result = CliRunner().invoke(main, ["controller", *arguments])
    assert result.exit_code == 2, result.output
    assert told in result.output
