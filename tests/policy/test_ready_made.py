"""The policies of `deploy/policies` can be used as they are."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from webhook import policy_files
from webhook.policy.lint import lint
from webhook.policy.rules import VerifyEntry
from webhook.signatures.authorities import KeylessAuthority
from webhook.signatures.faults import RefusedError
from webhook.signatures.identities import Signer
from webhook.signatures.strict_json import JsonObject
from webhook.verdict import Mode

FOLDER = Path(__file__).parents[2] / "deploy" / "policies"
FILES = sorted(FOLDER.iterdir())
WRITTEN = datetime(2026, 12, 1, tzinfo=UTC)
"""Exemptions end one day."""


def test_there_are_ready_made_policies() -> None:
    assert [file.name for file in FILES] == [
        "attestations.yaml",
        "audit-first.yaml",
        "containers.yaml",
        "exemptions.yaml",
        "keyless.yaml",
        "registries.yaml",
        "signed-images.yaml",
        "workloads.yaml",
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
    assert lint(collection.policies, WRITTEN) == ()
    modes = {policy.name: policy.mode for policy in collection.book("deploy/policies").policies}
    assert modes == {
        "attestations": Mode.ENFORCE,
        "audit-first": Mode.AUDIT,
        "containers": Mode.ENFORCE,
        "exemptions": Mode.ENFORCE,
        "keyless": Mode.ENFORCE,
        "registries": Mode.ENFORCE,
        "signed-images": Mode.ENFORCE,
        "workloads": Mode.WARN,
    }


def entries(name: str) -> dict[str, VerifyEntry]:
    (policy,) = policy_files.load([FOLDER / f"{name}.yaml"]).policies
    assert policy.images is not None
    return {entry.name: entry for entry in policy.images.all_entries}


SIGNERS = [
    ("https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3", "https://github.com/acme/app", True),
    ("https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main", "https://github.com/acme/app", False),
    (
        "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2.3",
        "https://github.com/mallory/x",
        False,
    ),
    ("https://github.com/acme/app/.github/workflows/ci.yml@refs/tags/v1.2.3", "https://github.com/acme/app", False),
]


@pytest.mark.parametrize(("subject", "repository", "accepted"), SIGNERS)
def test_the_keyless_policy_takes_one_workflow_of_one_repository(subject: str, repository: str, accepted: bool) -> None:
    requirement = entries("keyless")["our-images"].requirement
    assert requirement is not None
    (authority,) = requirement.authorities
    assert isinstance(authority, KeylessAuthority)
    signer = Signer("https://token.actions.githubusercontent.com", subject, {"sourceRepositoryURI": repository})
    if accepted:
        authority.identity.check(signer)
    else:
        with pytest.raises(RefusedError):
            authority.identity.check(signer)


PAPERS = [
    ("scanned", {"scanner": {"uri": "pkg:github/aquasecurity/trivy@0.60.0"}}, True),
    ("scanned", {"scanner": {"uri": "pkg:github/anchore/grype@1"}}, False),
    ("built-by-us", {"repository": "https://github.com/acme/app", "ref": "refs/heads/main"}, True),
    ("built-by-us", {"repository": "https://github.com/acme/app", "ref": "refs/heads/other"}, False),
    ("built-by-us", {"repository": "https://github.com/acme/other", "ref": "refs/heads/main"}, False),
    ("built-by-us", {}, False),
]


@pytest.mark.parametrize(("name", "said", "accepted"), PAPERS)
def test_the_attestations_policy_takes_papers_by_what_they_say(name: str, said: JsonObject, accepted: bool) -> None:
    (rule,) = entries("attestations")[name].attestations
    workflow: JsonObject = {"buildDefinition": {"externalParameters": {"workflow": said}}}
    variables: JsonObject = {"predicate": said if name == "scanned" else workflow, "statement": {}, "image": {}}
    refusals = [condition.refusal(variables) for condition in rule.conditions]
    assert all(refusal is None for refusal in refusals) is accepted
