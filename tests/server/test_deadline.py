import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.server import deadline


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("timeout=10s", 10.0),
        ("timeout=7s", 7.0),
        ("timeout=1s", 1.0),
        ("timeout=30s", 30.0),
        ("timeout=500ms", 0.5),
        ("timeout=1.5s", 1.5),
        ("timeout=.5s", 0.5),
        ("timeout=2.s", 2.0),
        ("timeout=1s500ms", 1.5),
        ("timeout=250us", 0.00025),
        ("timeout=100ns", 1e-7),
        ("dryRun=All&timeout=3s", 3.0),
        ("timeout=45s", 30.0),
        ("timeout=1m0s", 30.0),
        ("timeout=1m", 30.0),
        ("timeout=1m0.001s", 10.0),
        ("timeout=10m", 10.0),
        ("timeout=1h", 10.0),
        ("", 10.0),
        ("timeout=", 10.0),
        ("timeout", 10.0),
        ("timeout=0", 10.0),
        ("timeout=0s", 10.0),
        ("timeout=-1s", 10.0),
        ("timeout=+5s", 10.0),
        ("timeout=10", 10.0),
        ("timeout=s", 10.0),
        ("timeout=.s", 10.0),
        ("timeout=10s\n", 10.0),
        ("timeout= 5s", 10.0),
        ("timeout=5S", 10.0),
        ("timeout=5_0s", 10.0),
        ("timeout=\u0665s", 10.0),
        ("timeout=5s5", 10.0),
        ("timeout=nan", 10.0),
        ("timeout=1e1s", 10.0),
        ("timeout=" + "0" * 40 + "5s", 10.0),
        ("timeout=3s&timeout=4s", 10.0),
        ("Timeout=3s", 10.0),
    ],
)
def test_the_time_in_a_url_is_read_as_the_api_server_writes_it(query: str, seconds: float) -> None:
    assert deadline.seconds(query) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("query", "budget"),
    [("timeout=10s", 9.0), ("timeout=30s", 29.0), ("timeout=2s", 1.0), ("timeout=1s", 0.5), ("timeout=500ms", 0.25)],
)
def test_the_answer_is_due_a_second_earlier_or_after_half_the_time(query: str, budget: float) -> None:
    assert deadline.budget(query) == pytest.approx(budget)


@given(st.text(max_size=60))
def test_any_query_gives_a_time_within_bounds(query: str) -> None:
    assert 0 < deadline.seconds(query) <= deadline.MAX_SECONDS


@given(st.integers(1, 59), st.integers(1, 999))
def test_whole_durations_are_read_exactly(seconds: int, milliseconds: int) -> None:
    read = deadline.duration(f"{seconds}s{milliseconds}ms")
    assert read == pytest.approx(seconds + milliseconds / 1000)
