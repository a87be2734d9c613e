from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import run

FOREIGN = Path(__file__).parent.parent / "fixtures" / "convert"
GOLDEN = Path(__file__).parent.parent / "golden" / "convert"
EXACT = {"kyverno-key", "policy-controller-exact"}
NAMES = sorted(path.stem for path in FOREIGN.glob("*.yaml"))


def test_each_foreign_file_has_a_golden_one() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.yaml")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_policies_become_what_the_golden_file_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOREIGN)
    result = run("policy", "convert", f"{name}.yaml")
    assert result.stdout == (GOLDEN / f"{name}.yaml").read_text()
    assert result.exit_code == (0 if name in EXACT else 1)


@pytest.mark.parametrize("name", NAMES)
def test_every_loss_is_told_on_standard_error_and_in_a_comment(name: str) -> None:
    result = run("policy", "convert", str(FOREIGN / f"{name}.yaml"))
    told = result.stderr.splitlines()
    assert bool(told) is (name not in EXACT)
    assert all(line.startswith("not converted: ") for line in told)
    assert [f"# {line}" for line in told] == [
        line for line in result.stdout.splitlines() if line.startswith("# not converted: ")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_has_no_fault(name: str, tmp_path: Path) -> None:
    made = tmp_path / "made.yaml"
    made.write_text(run("policy", "convert", str(FOREIGN / f"{name}.yaml")).stdout)
    result = run("policy", "lint", str(made))
    assert result.exit_code == 0, result.output
    assert "(fault)" not in result.stdout


def test_standard_input_is_read() -> None:
    piped = run("policy", "convert", "-", "-o", "yaml", stdin=(FOREIGN / "kyverno-key.yaml").read_text())
    assert (piped.exit_code, piped.stdout) == (0, (GOLDEN / "kyverno-key.yaml").read_text())


@pytest.mark.parametrize("text", ["a: [", "", "a: 1\na: 2\n"])
def test_what_cannot_be_read_is_exit_code_2(text: str) -> None:
    assert run("policy", "convert", "-", stdin=text).exit_code == 2
    assert run("policy", "convert", "/nowhere/at/all.yaml").exit_code == 2


def test_a_document_that_is_no_policy_is_told() -> None:
    result = run("policy", "convert", "-", stdin=yaml.safe_dump({"apiVersion": "v1", "kind": "Pod\x1b"}))
    assert result.exit_code == 1
    assert result.stderr.startswith("not converted: <stdin>:1: is no policy of Kyverno")
    assert list(yaml.safe_load_all(result.stdout)) == []
