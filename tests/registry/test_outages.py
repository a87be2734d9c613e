"""What `Retry-After` is taken for."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.registry.outages import LONGEST_PAUSE_SECONDS, UNTOLD_PAUSE_SECONDS, pause_seconds

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7\t", 7.0),
        ("60", 60.0),
        ("3600", 60.0),
        ("999999999", 60.0),
        ("Thu, 01 Jan 2026 12:00:07 GMT", 7.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 60.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_reg_09_what_can_be_read_is_kept_to_a_minute(text: str, seconds: float) -> None:
    assert pause_seconds(text, NOW) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+5",
        "5.5",
        "1e400",
        "1_000",
        "٣",
        "inf",
        "nan",
        "9999999999",
        "5\n",
        "5, 6",
        "Thu, 32 Jan 2026 12:00:07 GMT",
        "Thu, 01 Foo 2026 12:00:07 GMT",
        "Thu, 01 Jan 2026 99:00:07 GMT",
        "Thu, 01 Jan 2026 12:00:07 CET",
        "Thursday, 01-Jan-26 12:00:07 GMT",
        "Thu Jan  1 12:00:07 2026",
        "Thu, ٠١ Jan 2026 12:00:07 GMT",
    ],
)
def test_reg_09_what_cannot_be_read_is_a_short_pause(text: str) -> None:
    assert pause_seconds(text, NOW) == UNTOLD_PAUSE_SECONDS


@given(st.text(max_size=40))
def test_no_text_makes_anybody_wait_longer_or_fails(text: str) -> None:
    assert 0.0 <= pause_seconds(text, NOW) <= LONGEST_PAUSE_SECONDS
