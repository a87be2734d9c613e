"""`tidewaiter policy lint`."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.policy.writing import ATTESTED, KEY, TRUST_ROOT, TRUSTED_ROOT, TUF, of_match
from webhook.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "release.pub").write_text(KEY)
    (tmp_path / "trusted_root.json").write_text(TRUSTED_ROOT)
    return tmp_path


def lint(path: Path, text: str, *flags: str) -> Result:
    (path / "policy.yaml").write_text(text)
    return CliRunner().invoke(main, ["policy", "lint", str(path), *flags])


def test_trust_roots_are_counted_where_there_are_any(folder: Path) -> None:
    (folder / "trusted_root.json").unlink()
    assert lint(folder, of_match("a")).output == "1 policy can be used\n"
    assert lint(folder, f"{of_match('a')}---\n{TRUST_ROOT}").output == "1 policy and 1 trust root can be used\n"
    two = TUF.replace("tuf.example.com/roots/", "tuf-repo-cdn.sigstore.dev").replace("    rootFile: root.json\n", "")
    result = lint(folder, "---\n".join([of_match("a"), of_match("b"), TRUST_ROOT, two]))
    assert result.output == "2 policies and 2 trust roots can be used\n"
    assert result.exit_code == 0


def test_faults_of_trust_roots_are_told(folder: Path) -> None:
    result = lint(folder, ATTESTED.replace("{file: trusted_root.json}", "{file: gone.json}"))
    assert result.exit_code == 2
    assert f"{folder}/policy.yaml:48: spec.file: cannot be read: No such file or directory (fault)" in result.output


def test_policies_may_name_trust_roots_that_the_programs_get_by_flag(folder: Path) -> None:
    text = ATTESTED.partition("---\n")[0]
    (folder / "trusted_root.json").unlink()
    assert lint(folder, text).exit_code == 2
    result = lint(folder, text, "--trust-root", "private=roots/private.json")
    assert (result.exit_code, result.output) == (0, "1 policy can be used\n")


def test_weaknesses_of_authorities_are_warnings(folder: Path) -> None:
    weak = ATTESTED.replace("        extensions: {sourceRepositoryURI: https://github.com/acme/app}\n", "")
    result = lint(folder, weak)
    assert result.exit_code == 0
    assert "policy.yaml:9: spec.images.authorities[0].keyless: names a workflow" in result.output
    assert result.output.splitlines()[0].endswith("(warning)")
