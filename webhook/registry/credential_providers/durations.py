"""Durations as Go writes them (`time.ParseDuration`), in which Kubernetes' `metav1.Duration` travels."""

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]{1,19}(?:\.[0-9]{0,19})?|\.[0-9]{1,19})(ns|us|\u00b5s|\u03bcs|ms|s|m|h)", re.ASCII)
_DURATION = re.compile(rf"([+-]?)((?:{_PART.pattern}){{1,16}}|0)", re.ASCII)
_LONGEST_SECONDS = (2**63 - 1) * 1e-9


def parse(text: str) -> float:
    """The seconds that a text such as `12h`, `1h30m` or `0s` means. Raises ValueError, without what is written."""
    whole = _DURATION.fullmatch(text)
    if whole is None:
        raise ValueError("expected a duration such as 12h or 1h30m")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(whole[2]))
    if seconds > _LONGEST_SECONDS:
        raise ValueError("expected a duration of at most 292 years")
    return -seconds if whole[1] == "-" else seconds
