"""The list of faults names tests that exist, each under its own fault, and all of this folder."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.system import faults

ROOT: Final = Path(__file__).parents[3]
FAULTS: Final = (
    "01",
    "02",
    "03",
    "06",
    "07",
    "08",
    "09",
    "10",
    "11",
    "12",
    "13",
    "14",
    "15",
    "16",
    "17",
    "18",
    "19",
    "20",
    "22",
    "23",
    "24",
    "25",
    "29",
    "30",
    "31",
)
_FAULT = re.compile(r"F-(\d\d) ")
_FILE = re.compile(r" {9}(tests/\S+\.py)")
_TEST = re.compile(r" {13}(test_\w+)")


def listed() -> Iterator[tuple[str, str, str]]:
    """Fault, file and test of each entry of the list."""
    fault = file = ""
    for line in (faults.__doc__ or "").splitlines():
        if found := _FAULT.match(line):
            fault, file = found[1], ""
        elif found := _FILE.fullmatch(line):
            file = found[1]
        elif found := _TEST.fullmatch(line):
            yield fault, file, found[1]


def defined(file: Path) -> set[str]:
    """The tests of a file, those of its classes too."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {each.name for each in ast.walk(tree) if isinstance(each, functions) and each.name.startswith("test_")}


def test_each_fault_is_listed_with_tests() -> None:
    assert tuple(dict.fromkeys(fault for fault, _, _ in listed())) == FAULTS


def test_each_listed_test_exists() -> None:
    assert [(file, test) for _, file, test in listed() if test not in defined(ROOT / file)] == []


def test_a_test_that_is_named_after_a_fault_is_listed_under_it() -> None:
    named = {(found[1], test) for _, _, test in listed() if (found := re.match(r"test_f_(\d\d)_", test))}
    assert named <= {(fault, test) for fault, _, test in listed()}


def test_all_tests_of_this_folder_are_listed() -> None:
    files = (file for file in Path(__file__).parent.glob("test_*.py") if file != Path(__file__))
    written = {(str(file.relative_to(ROOT)), test) for file in files for test in defined(file)}
    assert written - {(file, test) for _, file, test in listed()} == set()
