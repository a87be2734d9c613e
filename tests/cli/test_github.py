from pathlib import Path

import click
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import run
from tests.cli.reports import MANIFEST, finding, one_of_each_mode, report
from webhook.cli.outputs.as_github import command, write
from webhook.cli.outputs.judged import Report

FIXED = "no signature (policy production)%0Afix: sign it"
WHOLE = f"""\
::error file=pod.yaml,line=10,title=NOT_SIGNED::Pod/prod/web spec.containers[0].image: {FIXED}
::warning file=pod.yaml,line=12,title=LATEST_TAG::Pod/prod/web spec.containers[1].image: {FIXED}
::notice file=pod.yaml,line=11,title=READ_ONLY_ROOT_FILESYSTEM::Pod/prod/web spec.containers[1].securityContext: {FIXED}
::debug::RUN_AS_NON_ROOT: Pod/prod/web spec.containers[0].securityContext: exempt: OPS-17
0 allowed, 1 denied, 0 errors
"""


def written(shown: Report) -> list[str]:
    result: Result = CliRunner().invoke(click.Command("write", callback=lambda: write(shown)))
    assert result.exception is None
    return result.stdout.splitlines()


def test_each_finding_is_a_command_by_its_mode() -> None:
    assert written(one_of_each_mode()) == WHOLE.splitlines()


def test_properties_and_data_are_escaped_as_the_runner_reads_them() -> None:
    made = command("error", {"file": "a,b:c%\r\n"}, "x: 100%, y\r\n::error::z")
    assert made == "::error file=a%2Cb%3Ac%25%0D%0A::x: 100%25, y%0D%0A::error::z"


@given(st.text(), st.text())
def test_no_text_ends_its_command_or_begins_another(name: str, data: str) -> None:
    made = command("error", {"file": name}, data)
    assert not set("\r\n") & set(made)
    head, _, tail = made.removeprefix("::error file=").partition("::")
    assert not set(":,") & set(head)
    assert unescaped(head) == name
    assert unescaped(tail) == data


def unescaped(text: str) -> str:
    for escape, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(escape, char)
    return text


def test_names_with_commands_in_them_stay_one_line() -> None:
    evil = finding(message="a\n::add-mask::x\r::stop-commands::y", policy="\n::error::", path="\n::debug::")
    lines = written(report(evil, source="a\n::error::b\u2028.yaml"))
    assert len(lines) == 2
    assert lines[0].startswith("::error file=a\ufffd%3A%3Aerror%3A%3Ab\ufffd.yaml,line=1,title=NOT_SIGNED::")


def test_check_writes_it(policies: str, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(MANIFEST)
    result = run("check", "-p", policies, "-f", str(file), "-o", "github")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "0 allowed, 1 denied, 0 errors"
