import asyncio
import logging
from datetime import timedelta

import pytest

from tests.admission.conftest import FixedPolicies
from tests.fakes.clock import FakeClock
from tests.server.serving import until
from webhook.codes import Code
from webhook.policy.allowlist import Pattern
from webhook.policy.book import Book, Policy
from webhook.policy.exemptions import Exemption
from webhook.server.exemption_ends import MAX_LINES, MAX_SERIES, ExemptionEnds
from webhook.server.metrics import Metrics

NAME = "tidewaiter_exemption_expiry_timestamp_seconds"
DAY = timedelta(days=1)
START = FakeClock().now()


def exemption(after: timedelta, reason: str = "OPS-17", code: Code = Code.NOT_SIGNED) -> Exemption:
    image = Pattern.parse("ghcr.io/acme/app")
    return Exemption(reason, START + after, frozenset({code}), (image,), frozenset({"legacy"}))


def book(*exemptions: Exemption, name: str = "p") -> Book:
    return Book((Policy(name=name, exemptions=exemptions), Policy(name="none")))


class Subject:
    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.clock, self.metrics, self._caplog = FakeClock(), Metrics("1"), caplog
        self.ends = ExemptionEnds(self.metrics, self.clock)

    def said(self, policies: Book, after: timedelta = timedelta(0)) -> list[str]:
        """What one look writes to the log, after some time."""
        self.clock.advance(after.total_seconds())
        self._caplog.clear()
        self.ends.look(policies)
        assert all(record.levelno == logging.WARNING for record in self._caplog.records)
        return self._caplog.messages

    def gauge(self) -> list[str]:
        return [line for line in self.metrics.text().decode().splitlines() if line.startswith(f"{NAME}{{")]


@pytest.fixture
def subject(caplog: pytest.LogCaptureFixture) -> Subject:
    return Subject(caplog)


NEAR = "policy p: the exemption of NOT_SIGNED in legacy (OPS-17) ends at 2026-01-11T00:16:40+00:00"
PAST = (
    "policy p: the exemption of NOT_SIGNED in legacy (OPS-17) has ended at 2026-01-11T00:16:40+00:00 and has no effect"
)


def test_an_end_is_said_for_the_last_seven_days_once_a_day_and_then_that_it_has_passed(subject: Subject) -> None:
    policies, second = book(exemption(10 * DAY)), timedelta(seconds=1)
    assert subject.said(policies) == []
    assert subject.said(policies, 3 * DAY - second) == []
    assert subject.said(policies, second) == [NEAR]
    assert subject.said(policies, DAY - second) == []
    assert subject.said(policies, second) == [NEAR]
    assert subject.said(policies, 6 * DAY - second) == [NEAR]
    assert subject.said(policies, second) == []
    assert subject.said(policies, DAY) == [PAST]


def test_an_exemption_that_changes_is_said_at_once(subject: Subject) -> None:
    assert len(subject.said(book(exemption(DAY)))) == 1
    assert len(subject.said(book(exemption(2 * DAY)))) == 1
    assert len(subject.said(book(exemption(2 * DAY), name="q"))) == 1
    assert len(subject.said(book(exemption(2 * DAY), exemption(DAY), name="q"))) == 1
    assert subject.said(book()) == []


def test_a_reason_stays_in_its_line(subject: Subject) -> None:
    (line,) = subject.said(book(exemption(DAY, reason="a\n\u202eb")))
    assert "(a\\n\\u202eb)" in line
    (label,) = subject.gauge()
    assert 'reason="a\\\\n\\\\u202eb"' in label


def test_the_metric_has_each_reason_of_each_policy_and_of_those_alike_the_first_end(subject: Subject) -> None:
    subject.ends.look(
        book(exemption(9 * DAY), exemption(5 * DAY), exemption(7 * DAY), exemption(DAY, reason="r" * 500))
    )
    found = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in subject.gauge()}
    assert found == {
        f'{NAME}{{policy="p",reason="OPS-17"}}': (START + 5 * DAY).timestamp(),
        f'{NAME}{{policy="p",reason="{"r" * 100}"}}': (START + DAY).timestamp(),
    }
    subject.ends.look(book())
    assert subject.gauge() == []


def test_of_very_many_each_look_names_some_until_all_were_named_once_a_day(subject: Subject) -> None:
    policies, minute = book(*(exemption(DAY, reason=f"r{index}") for index in range(50))), timedelta(minutes=1)
    looks = [subject.said(policies, minute)[:] for _ in range(4)]
    assert [len(each) for each in looks] == [MAX_LINES + 1, MAX_LINES + 1, 10, 0]
    assert looks[0][-1] == "and 30 more exemptions that end within a week or have ended"
    named = [line for look in looks for line in look if line.startswith("policy p: ")]
    assert len(set(named)) == len(named) == 50
    assert len(subject.said(policies, 2 * DAY)) == MAX_LINES + 1


def test_the_metric_has_the_ends_that_come_next_and_then_those_that_have_passed(subject: Subject) -> None:
    passed = [exemption(-index * DAY, reason=f"passed {index}") for index in range(10)]
    coming = [exemption((index + 1) * DAY, reason=f"coming {index}") for index in range(MAX_SERIES - 5)]
    subject.ends.look(book(*passed, *coming))
    shown = subject.gauge()
    assert len(shown) == MAX_SERIES
    assert sum('reason="coming' in line for line in shown) == MAX_SERIES - 5
    subject.ends.look(book(*passed, *coming, *(exemption(100 * DAY, reason=f"late {index}") for index in range(50))))
    shown = subject.gauge()
    assert len(shown) == MAX_SERIES
    assert sum('reason="late' in line for line in shown) == 5


async def test_it_is_looked_at_again_and_again(subject: Subject) -> None:
    policies = FixedPolicies(book())
    watching = asyncio.create_task(subject.ends.watch(policies, interval=0.001))
    policies.book = book(exemption(20 * DAY))
    await until(lambda: len(subject.gauge()) == 1)
    policies.book = book()
    await until(lambda: subject.gauge() == [])
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
