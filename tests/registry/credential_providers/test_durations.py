import pytest

from webhook.registry.credential_providers import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0), ("0", 0), ("-0", 0), ("12h", 43200), ("1h30m", 5400), ("1.5h", 5400), (".5s", 0.5), ("5.s", 5),
        ("+1m", 60),
        ("-10s", -10), ("100ms", 0.1), ("1us", 1e-6), ("1\u00b5s", 1e-6), ("1\u03bcs", 1e-6),
        ("1ns", 1e-9), ("10m0s", 600),
        ("2562047h47m", 9223372020),
    ],
)  # fmt: skip
def test_durations_are_read_as_go_reads_them(text: str, seconds: float) -> None:
    assert durations.parse(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "1", "s", "12 h", "1d", "1h ", "1h\n", "\u0661h", "--1h", "1e3s", ".s", "12H", "2562048h"]
)
def test_what_go_does_not_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^expected a duration") as refusal:
        durations.parse(text)
    assert len(text) < 3 or text not in str(refusal.value)
