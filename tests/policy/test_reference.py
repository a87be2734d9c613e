"""The reference in the documentation is what the models say."""

import runpy
from pathlib import Path

import pytest

from webhook.policy import reference

PAGE = Path(__file__).parents[2] / "docs" / "policy-reference.md"


def rows() -> dict[str, list[str]]:
    """The rows of both tables by field; those of trust roots with their kind before it."""
    policies, trust_roots = reference.reference().split("\n## TrustRoot\n")
    return table(policies, "") | table(trust_roots, "TrustRoot.")


def table(text: str, prefix: str) -> dict[str, list[str]]:
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    return {f"{prefix}{row[0].strip('`')}": row for row in cells}


def test_the_committed_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference.reference()


def test_the_page_is_written_by_the_command_that_it_names(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(reference.__file__), run_name="__main__")
    assert capsys.readouterr().out == reference.reference()


def test_every_row_has_a_type_what_absence_means_and_a_meaning() -> None:
    assert len(rows()) > 85
    assert [path for path, row in rows().items() if len(row) != 4 or not all(row)] == []


@pytest.mark.parametrize(
    ("path", "kind", "absent"),
    [
        ("spec.mode", "`Enforce`, `Warn`, `Audit`", "`Enforce`"),
        ("spec.onError", "`Deny`, `Warn`, `Allow`", "`Deny`"),
        ("spec.match", "mapping", "every pod"),
        ("spec.images.allow", "list of text", "any registry"),
        ("spec.images.tags", "`Pinned`, `UnsafeResolved`", "`Pinned`"),
        ("spec.images.requireFullyQualified", "true or false", "`false`"),
        ("spec.images.authorities", "list", "nobody"),
        ("spec.images.authorities[].annotations", "mapping of text to text", "none"),
        ("spec.images.verify[].signatures.minimum", "whole number", "`1`"),
        ("spec.images.verify[].name", "text", "a fault"),
        ("spec.exemptions[].expires", "time", "a fault"),
        (
            "spec.images.authorities[].transparencyLog",
            "`Required`, `NotRequired`",
            "Required for keyless, else NotRequired",
        ),
        ("spec.images.authorities[].trustRoot", "text", "`public-good`"),
        ("TrustRoot.metadata.name", "text", "a fault"),
        ("TrustRoot.spec.trustedRoot", "mapping", "-"),
        ("TrustRoot.spec.tuf", "mapping", "-"),
        ("TrustRoot.spec.tuf.target", "text", "`trusted_root.json`"),
    ],
)
def test_a_row_says_what_the_model_says(path: str, kind: str, absent: str) -> None:
    assert rows()[path][1:3] == [kind, absent]
