"""Results as a picture: throughput and p99 by clients, and what each kind of signature takes. SVG, written by hand.

Run as `python -m benchmarks.plot RESULTS.json > PLOT.svg`.
"""

import math
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import msgspec

from benchmarks.figures import Figure, Results
from benchmarks.kinds import Kind

OURS, OTHER, INK, FAINT = "#0b6e99", "#d9822b", "#333333", "#dddddd"
WIDTH, PANEL_WIDTH, PANEL_HEIGHT, TOP = 900, 330, 200, 70
BAR_TOP, BAR, ROW, BAR_LEFT = 360, 12, 36, 270
_CLIENTS = re.compile(r"warm, ([0-9]+) clients?")


class Series(NamedTuple):
    """One line or one row of bars."""

    name: str
    colour: str
    values: Sequence[float]


def plot(results: Results) -> str:
    """The picture, as one SVG document."""
    found = {(each.scenario, each.name): each for each in results.figures}
    machine = results.machine
    where = f"{machine.cores} cores, {machine.cpu}, Python {machine.python}, load average {machine.load:.1f} before"
    warm = [(int(match[1]), scenario) for scenario, name in found if name == "p99" and (match := _warm(scenario))]
    clients = [number for number, _ in warm]
    height = BAR_TOP + ROW * len(Kind) + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f'<g font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(20, 22, f"tidewaiter serve, one process. {where}"),
    ]
    for left, name, title in ((70, "reviews", "warm reviews a second, by clients"), (520, "p99", "their p99, ms")):
        figures = [found[scenario, name] for _, scenario in warm]
        parts.extend(_lines(left, title, clients, _series(figures)))
    alone = [_value(found.get(("verify", str(kind)))) for kind in Kind]
    whole = [_value(found.get((f"cold, {kind}, 1 client", "p50"))) for kind in Kind]
    series = [Series("verification alone", OTHER, alone), Series("cold review, p50", OURS, whole)]
    parts.extend(_bars("ms by kind of signature, 1 client, registry on loopback", [str(kind) for kind in Kind], series))
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _warm(scenario: str) -> re.Match[str] | None:
    return _CLIENTS.fullmatch(scenario)


def _series(figures: Sequence[Figure]) -> list[Series]:
    echo = [each.echo or 0.0 for each in figures]
    return [
        Series("tidewaiter", OURS, [each.value for each in figures]),
        Series("a bare echo, same run", OTHER, echo),
    ]


def _value(figure: Figure | None) -> float:
    return 0.0 if figure is None else figure.value


def _lines(left: float, title: str, marks: Sequence[int], series: Sequence[Series]) -> Iterator[str]:
    """A panel of lines from zero, whose marks stand in equal distances."""
    top = _ceiling(max((value for each in series for value in each.values), default=1.0))
    bottom, step = TOP + PANEL_HEIGHT, PANEL_WIDTH / max(1, len(marks) - 1)
    yield _text(left, TOP - 18, title, weight="bold")
    for part in range(5):
        y = bottom - PANEL_HEIGHT * part / 4
        yield f'<line x1="{left}" y1="{y}" x2="{left + PANEL_WIDTH}" y2="{y}" stroke="{FAINT}"/>'
        yield _text(left - 6, y + 4, f"{top * part / 4:,g}", anchor="end")
    for index, mark in enumerate(marks):
        yield _text(left + index * step, bottom + 18, str(mark), anchor="middle")
    for row, each in enumerate(series):
        points = [(left + index * step, bottom - PANEL_HEIGHT * value / top) for index, value in enumerate(each.values)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{each.colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{each.colour}"/>' for x, y in points)
        yield from _legend(left + 160 * row, bottom + 40, each)


def _bars(title: str, names: Sequence[str], series: Sequence[Series]) -> Iterator[str]:
    """A panel of horizontal bars, the series' one below the other for each name."""
    top = _ceiling(max((value for each in series for value in each.values), default=1.0))
    scale = (WIDTH - BAR_LEFT - 70) / top
    yield _text(20, BAR_TOP - 16, title, weight="bold")
    for index, name in enumerate(names):
        y = BAR_TOP + ROW * index
        yield _text(BAR_LEFT - 8, y + BAR + 4, name, anchor="end")
        for row, each in enumerate(series):
            width, value = each.values[index] * scale, each.values[index]
            yield f'<rect x="{BAR_LEFT}" y="{y + BAR * row}" width="{width:.1f}" height="{BAR}" fill="{each.colour}"/>'
            yield _text(BAR_LEFT + width + 5, y + BAR * (row + 1) - 2, f"{value:.2g}")
    for row, each in enumerate(series):
        yield from _legend(BAR_LEFT + 160 * row, BAR_TOP + ROW * len(names) + 20, each)


def _legend(x: float, y: float, series: Series) -> Iterator[str]:
    yield f'<rect x="{x}" y="{y - 9}" width="10" height="10" fill="{series.colour}"/>'
    yield _text(x + 15, y, series.name)


def _text(x: float, y: float, content: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-weight="{weight}">{escape(content)}</text>'


def _ceiling(value: float) -> float:
    """A number above it whose quarters are round."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3, 4, 6, 8, 10) if step * power >= value)


if __name__ == "__main__":
    decoded = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Results)
    sys.stdout.write(plot(decoded))
