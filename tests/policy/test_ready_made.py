"""The policies of `deploy/policies` can be used as they are."""

from pathlib import Path

import pytest

from webhook import policy_files
from webhook.policy.lint import lint
from webhook.verdict import Mode

FOLDER = Path(__file__).parents[2] / "deploy" / "policies"
FILES = sorted(FOLDER.iterdir())


def test_there_are_ready_made_policies() -> None:
    assert [file.name for file in FILES] == [
        "audit-first.yaml",
        "containers.yaml",
        "registries.yaml",
        "signed-images.yaml",
    ]


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_a_ready_made_policy_loads_alone_and_is_named_after_its_file(file: Path) -> None:
    (policy,) = policy_files.load([file]).policies
    assert policy.name == file.stem


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
def test_a_ready_made_policy_says_what_it_is_for(file: Path) -> None:
    assert file.read_text(encoding="utf-8").startswith("# ")


def test_all_ready_made_policies_load_together_and_none_is_weak() -> None:
    collection = policy_files.read([FOLDER])
    assert lint(collection.policies) == ()
    modes = {policy.name: policy.mode for policy in collection.book("deploy/policies").policies}
    assert modes == {
        "audit-first": Mode.AUDIT,
        "containers": Mode.ENFORCE,
        "registries": Mode.ENFORCE,
        "signed-images": Mode.ENFORCE,
    }
