import re
from pathlib import Path

import click
import pytest

from tests.admission.conftest import book
from webhook import codes
from webhook.cli import main
from webhook.codes import MEANINGS, Code
from webhook.signatures import faults
from webhook.verdict import Mode

ROOT = Path(__file__).parent.parent
PAGES = sorted(path for path in ROOT.rglob("*.md") if ".venv" not in path.parts)
README = (ROOT / "README.md").read_text()


def test_the_page_of_finding_codes_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "finding-codes.md").read_text() == codes.reference()
    assert set(MEANINGS) == set(Code)


def test_the_page_of_faults_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "faults.md").read_text() == faults.reference()
    assert set(faults.MEANINGS) == set(faults.Fault)


def test_the_policy_in_the_readme_can_be_used() -> None:
    found = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert found is not None
    [policy] = book(found[1]).policies
    assert (policy.name, policy.mode) == ("production", Mode.ENFORCE)


def test_the_readme_names_every_command_and_no_other() -> None:
    commands = set(re.findall(r"^\| `tidewaiter ([a-z]+)", README, re.MULTILINE))
    assert commands == set(main.commands)


def test_the_flags_in_the_readme_are_flags_of_their_command() -> None:
    for words in re.findall(r"^\| `tidewaiter ([a-z][^`]*)`", README, re.MULTILINE):
        command, *line = words.split()
        found: click.Command = main.commands[command]
        if isinstance(found, click.Group):
            found = found.commands[line[0]]
        known = {flag for parameter in found.params if isinstance(parameter, click.Option) for flag in parameter.opts}
        assert set(re.findall(r"(?<![\w-])--?[a-z-]+", " ".join(line))) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text())
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def test_make_targets_in_the_documentation_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"`make ([a-z]+)`", page.read_text())}
    assert named <= targets
