"""Figures, beside what they are meant to reach, as a table. A figure that falls short is told, and is no fault."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks import wrk

WIDTH = 140

_LIBRARIES = ("aiohttp", "uvloop", "msgspec", "cryptography", "cachetools")


class Goal(msgspec.Struct, frozen=True):
    """What a figure is meant to reach: at least or at most so much."""

    value: float
    least: bool = False

    def reached(self, value: float) -> bool:
        """Whether a figure reaches it."""
        return value >= self.value if self.least else value <= self.value


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured value. `echo` is the same of the bare echo server, where that has one.

    `by` is who asked the server, `wrk` or the `own` clients; "" where nobody did.
    """

    scenario: str
    name: str
    value: float
    unit: str
    echo: float | None = None
    goal: Goal | None = None
    by: str = ""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured. `load` is the average of the last minute before: other work makes all figures worse.

    `wrk` is the version of the external load generator, "" where it is not on PATH and our own clients asked instead.
    """

    cpu: str
    cores: int
    python: str
    libraries: dict[str, str]
    wrk: str
    load: float


class Explanation(msgspec.Struct, frozen=True):
    """What a load's time is made of, where a goal was missed."""

    load: str
    parts: Mapping[str, float]


class Results(msgspec.Struct, frozen=True):
    """All of one run."""

    machine: Machine
    figures: list[Figure]
    explained: list[Explanation] = []


def machine() -> Machine:
    """This machine, now."""
    models = [line for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line]
    return Machine(
        cpu=models[0].partition(":")[2].strip() if models else platform.machine(),
        cores=os.cpu_count() or 0,
        python=platform.python_version(),
        libraries={name: version(name) for name in _LIBRARIES},
        wrk=wrk.version(),
        load=os.getloadavg()[0],
    )


def table(figures: list[Figure]) -> Table:
    """The figures with the goals beside them."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("scenario", "figure"):
        rows.add_column(column, no_wrap=True)
    for column in ("measured", "echo", "goal"):
        rows.add_column(column, justify="right", no_wrap=True)
    for column in ("unit", "asked by"):
        rows.add_column(column, no_wrap=True)
    rows.add_column("", no_wrap=True)
    before = ""
    for figure in figures:
        rows.add_row(*_row(figure, figure.scenario if figure.scenario != before else ""))
        before = figure.scenario
    return rows


def _row(figure: Figure, scenario: str) -> tuple[str | Text, ...]:
    goal, mark = "", Text("")
    if figure.goal is not None:
        goal = f"{'>=' if figure.goal.least else '<='} {_number(figure.goal.value)}"
        reached = figure.goal.reached(figure.value)
        mark = Text("reached", "green") if reached else Text("short of it", "yellow")
    echo = "" if figure.echo is None else _number(figure.echo)
    return scenario, figure.name, _number(figure.value), echo, goal, figure.unit, figure.by, mark


def _number(value: float) -> str:
    """Three digits that count."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def show(results: Results) -> None:
    """Print it."""
    console = Console(highlight=False, width=WIDTH)
    where = results.machine
    console.print(f"{where.cores} cores, {where.cpu}, Python {where.python}, load average {where.load:.1f} before")
    if where.load > where.cores / 2:
        console.print("The machine did other work: times are worse than they need be, CPU says more.", style="yellow")
    console.print(f"The warm figures were asked for by {where.wrk or 'our own clients: wrk is not on PATH'}")
    console.print(table(results.figures))
    if results.explained:
        console.print("Where the time goes, for goals that were not reached:")
    for each in results.explained:
        parts = ", ".join(f"{name} {value:.1f}" for name, value in each.parts.items())
        console.print(f"- {each.load}: {parts}")
