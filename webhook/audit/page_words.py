"""Words, numbers and bars that the parts of the page share."""

import re
from datetime import datetime

from webhook.audit.markup import Markup, joined, markup, number, tag
from webhook.audit.summary import Count, Counts
from webhook.codes import MEANINGS, Code

SEPARATOR = Markup(" &middot; ")

BAR_WIDTH = 1000
"""Of a bar, in its own units. Widths are attributes: the page's policy allows no style of a single element."""

_LONG_DIGEST = re.compile(r"(?<=sha256:[0-9a-f]{12})[0-9a-f]{52}")

_HEIGHTS = {True: 28, False: 10}
_GAP = 4
_LEAST = 8
"""What is there at all is seen."""


def pods(number: int) -> Markup:
    """How many pods."""
    return markup(number, " pod" if number == 1 else " pods")


def amount(count: Count) -> Markup:
    """How many pods of how many workloads."""
    return markup(count.pods, " ", unit(count))


def unit(count: Count) -> Markup:
    """The same without the number of pods, which stands before it."""
    pods = "pod" if count.pods == 1 else "pods"
    return markup(pods, " of ", count.subjects, " workload" if count.subjects == 1 else " workloads")


def shortened(written: str) -> Markup:
    """Text in which digests are cut short, where whole ones stand nearby."""
    return joined(_LONG_DIGEST.split(written), Markup("&hellip;"))


def moment(time: datetime) -> Markup:
    """A moment, to the minute, in UTC."""
    return tag("time", f"{time:%Y-%m-%d %H:%M} UTC", datetime=f"{time:%Y-%m-%dT%H:%M:%SZ}")


def meaning(code: Code) -> Markup:
    """What a code means; what the sentence has between backticks is shown as code."""
    pieces = MEANINGS[code].split("`")
    return markup(*(tag("code", piece) if place % 2 else piece for place, piece in enumerate(pieces)))


def bar(counts: Counts, *, large: bool = False) -> Markup:
    """The shares of a group side by side. It says nothing that no number beside it says, and is hidden from readers."""
    shares = [(kind, count.pods) for kind, count in by_kind(counts) if count.pods]
    room = BAR_WIDTH - _GAP * (len(shares) - 1) - _LEAST * len(shares)
    total = sum(share for _, share in shares)
    height = _HEIGHTS[large]
    drawn, left = [], 0
    for kind, share in shares:
        width = _LEAST + room * share // total
        drawn.append(tag("rect", class_=kind, x=left, y=0, width=width, height=height))
        left += width + _GAP
    return tag(
        "svg",
        *drawn,
        class_="bar",
        viewBox=f"0 0 {BAR_WIDTH} {height}",
        preserveAspectRatio="none",
        aria_hidden="true",
        focusable="false",
    )


def by_kind(counts: Counts) -> list[tuple[str, Count]]:
    """The disjoint parts of a group by the page's names of them, worst first."""
    return [
        ("denied", counts.denied),
        ("later", counts.would_be_denied),
        ("unknown", counts.undecided),
        ("clear", counts.clear),
    ]


def cut_note(more: int, what: str) -> Markup:
    """What was left out of a list, if anything was."""
    if more <= 0:
        return markup()
    return tag("p", number(more), f" more {what} are left out here. ", _ELSEWHERE, class_="cut")


_ELSEWHERE = markup("All are in the output of ", tag("code", "tidewaiter audit -o json"), ".")
