"""How long a review may take: what `?timeout=` of its URL says, less a margin.

The API server writes the time that is left of the webhook's `timeoutSeconds` (1 to 30) as a Go duration, rounded up to
a whole second, so that up to one second less may really be left
(`k8s.io/apiserver/pkg/admission/plugin/webhook/validating/dispatcher.go`).
"""

import re

DEFAULT_SECONDS = 10.0
"""The API server's own default."""

MAX_SECONDS = 30.0
"""The most that a webhook configuration may name."""

MAX_WRITTEN_SECONDS = 60.0
"""No API server writes more; such a text is taken for garbage."""

MAX_CHARACTERS = 32
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_TERM = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|ms|s|m|h)")
_DURATION = re.compile(rf"(?:{_TERM.pattern})+")


def duration(text: str) -> float | None:
    """The seconds in a Go duration such as `1m0s` or `500ms`; None for anything else, and for a sign."""
    if len(text) > MAX_CHARACTERS or not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _TERM.findall(text))


def seconds(query: str) -> float:
    """The time that the query of a URL allows; the default where it is absent, twice, not positive or unreadable."""
    written = [value for name, _, value in (pair.partition("=") for pair in query.split("&")) if name == "timeout"]
    allowed = duration(written[0]) if len(written) == 1 else None
    if allowed is None or not 0 < allowed <= MAX_WRITTEN_SECONDS:
        return DEFAULT_SECONDS
    return min(allowed, MAX_SECONDS)


def budget(query: str) -> float:
    """The seconds in which the answer must be ready: a second less than allowed, or half of it where that is more."""
    allowed = seconds(query)
    return max(allowed * 0.5, allowed - 1.0)
