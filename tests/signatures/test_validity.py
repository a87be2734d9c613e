"""When a key or an authority counts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from webhook.signatures.validity import Window, moment

START = datetime(2025, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("time", "holds"),
    [(START - TICK, False), (START, True), (START + TICK, True), (END, True), (END + TICK, False)],
)
def test_both_ends_belong_to_a_window(time: datetime, holds: bool) -> None:
    assert Window(START, END).holds(time) is holds


def test_a_window_may_have_no_end() -> None:
    assert Window(START).holds(datetime(9999, 12, 31, tzinfo=UTC))
    assert not Window(START).holds(START - TICK)


def test_messages_name_a_window_and_a_time_in_utc_with_four_digits_of_the_year() -> None:
    assert str(Window(START, END)) == "2025-01-01T00:00:00Z to 2026-01-01T00:00:00Z"
    assert str(Window(START)) == "from 2025-01-01T00:00:00Z"
    assert moment(START.astimezone(timezone(timedelta(hours=5)))) == "2025-01-01T00:00:00Z"
    assert moment(START.replace(year=25, microsecond=5)) == "0025-01-01T00:00:00Z"
