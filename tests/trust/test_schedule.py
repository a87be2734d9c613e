import pytest

from webhook.trust import schedule


@pytest.mark.parametrize(
    ("life", "pause"), [(7 * 86400, 3600), (7200, 3600), (3600, 1800), (30, 15), (1, 10), (0, 10), (-5, 10)]
)
def test_a_root_is_fetched_again_after_an_hour_or_half_of_its_life(life: float, pause: float) -> None:
    assert schedule.after_success(life) == pause


def test_pauses_after_failures_double_up_to_an_hour() -> None:
    pauses = [schedule.after_failure(failures, usable=True) for failures in (1, 2, 3, 9, 10, 10_000)]
    assert pauses == [10, 20, 40, 2560, 3600, 3600]


def test_without_a_root_they_stay_short() -> None:
    assert [schedule.after_failure(failures, usable=False) for failures in (1, 5, 6, 10_000)] == [10, 160, 300, 300]
