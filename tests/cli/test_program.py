import re
from pathlib import Path

import click
import pytest

from tests.cli.conftest import run
from webhook import __version__
from webhook.cli import main
from webhook.cli.exits import Exit, worst

COMMANDS = {name: main.commands[name] for name in ("check", "review", "verify", "serve")}


def test_the_version() -> None:
    assert run("--version").output == f"tidewaiter, version {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_flag_has_an_environment_variable(name: str) -> None:
    without = {
        parameter.opts[-1]
        for parameter in COMMANDS[name].params
        if isinstance(parameter, click.Option)
        and parameter.envvar != "TIDEWAITER_" + parameter.opts[-1].removeprefix("--").replace("-", "_").upper()
    }
    assert without <= {"--help"}


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], 0),
        ([0, 3], 3),
        ([3, 1, 0], 1),
        ([1, 2, 3, 0], 2),
    ],
)
def test_of_several_outcomes_2_beats_1_beats_3_beats_0(outcomes: list[int], expected: int) -> None:
    assert worst(map(Exit, outcomes)) == expected


def test_lint_tells_faults_and_weaknesses(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(
        "apiVersion: tidewaiter.dev/v1alpha1\nkind: ClusterPodPolicy\nmetadata: {name: a}\n"
        "spec:\n  images: {tags: UnsafeResolved}\n"
    )
    result = run("policy", "lint", str(good))
    assert result.exit_code == 0
    assert re.search(rf"^{good}:\d+: spec\.images.* \(warning\)$", result.stdout, re.MULTILINE)
    assert result.stdout.endswith("1 policy can be used\n")
    bad = tmp_path / "bad.yaml"
    bad.write_text(good.read_text().replace("tags:", "tgas:"))
    result = run("policy", "lint", str(tmp_path))
    assert result.exit_code == 2
    assert "did you mean `tags`" in result.stdout
    assert "can be used" not in result.stdout


def test_a_failure_of_ours_does_not_look_like_a_denial(tmp_path: Path) -> None:
    @main.command("crash")
    def crash() -> None:
        raise RuntimeError("boom")

    try:
        result = run("crash")
    finally:
        del main.commands["crash"]
    assert result.exit_code == Exit.INCONCLUSIVE
    assert "RuntimeError: boom" in result.stderr


def test_an_interrupt_does_not_look_like_a_denial() -> None:
    @main.command("wait")
    def wait() -> None:
        raise KeyboardInterrupt

    try:
        result = run("wait")
    finally:
        del main.commands["wait"]
    assert result.exit_code == 130
