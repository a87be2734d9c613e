"""What is legal in authorities, and weak."""

import pytest

from tests.policy.test_lint import NOW
from tests.policy.writing import ATTESTED, of_images, tweaked, written
from webhook.policy.lint import lint


def notices(text: str) -> list[str]:
    return [str(notice).removeprefix("policies/prod.yaml:") for notice in lint([written(text)], NOW)]


GITHUB = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"


def of_keyless(keyless: str, more: str = "") -> str:
    return of_images(f"""
    allow: ["ghcr.io/acme/*"]
    authorities:
    - name: signer
      keyless:
        {keyless}
      {more}
    verify: [{{name: all, images: ["ghcr.io/acme/*"], signatures: {{}}}}]
""")


def of_pattern(pattern: str, more: str = "") -> str:
    return of_keyless(f"{{issuer: {GITHUB}, subjectPattern: '{pattern}'{more}}}")


REUSABLE = (
    "9: spec.images.authorities[0].keyless: names a workflow, and a reusable one runs for whoever calls it; "
    "extensions.sourceRepositoryURI says for which repository"
)


@pytest.mark.parametrize(
    "keyless",
    [
        f"{{issuer: {GITHUB}, subject: {WORKFLOW}}}",
        f"{{issuer: {GITHUB}/acme, subject: {WORKFLOW}}}",
        f"{{issuer: {GITHUB}, subjectPattern: 'https://github\\.com/acme/app/\\.github/workflows/.+@refs/tags/v.*'}}",
        f"{{issuer: {GITHUB}, subject: {WORKFLOW}, extensions: {{buildTrigger: push}}}}",
    ],
)
def test_a_workflow_without_the_repository_that_it_ran_for_is_told(keyless: str) -> None:
    assert notices(of_keyless(keyless)) == [REUSABLE]


@pytest.mark.parametrize(
    "extension",
    [
        "sourceRepositoryURI",
        "sourceRepositoryIdentifier",
        "sourceRepositoryOwnerURI",
        "sourceRepositoryOwnerIdentifier",
        "buildConfigURI",
        "githubWorkflowRepository",
    ],
)
def test_a_workflow_is_safe_with_an_extension_that_says_whose_repository_it_ran_for(extension: str) -> None:
    assert notices(of_keyless(f"{{issuer: {GITHUB}, subject: {WORKFLOW}, extensions: {{{extension}: x}}}}")) == []


def test_an_identity_that_is_no_workflow_has_no_caller() -> None:
    assert notices(of_keyless("{issuer: https://accounts.example.com, subject: me@acme.example}")) == []


WIDE = [
    (".*", "https://github.com/mallory/mallory/.github/workflows/mallory.yml@refs/heads/mallory"),
    ("(?s:.+)", "https://github.com/mallory/mallory/.github/workflows/mallory.yml@refs/heads/mallory"),
    (r"https://github\.com/.*", "https://github.com/mallory/mallory/.github/workflows/mallory.yml@refs/heads/mallory"),
    (
        r"https://github\.com/[^/]+/[^/]+/\.github/workflows/.*",
        "https://github.com/mallory/mallory/.github/workflows/mallory.yml@refs/heads/mallory",
    ),
    ("https://gitlab.com/.*", "https://gitlab.com/mallory/mallory//.gitlab-ci.yml@refs/heads/mallory"),
    (".*@.*example", "mallory@mallory.example"),
    ("[a-z]+", "mallory"),
]


@pytest.mark.parametrize(("pattern", "stranger"), WIDE)
def test_a_pattern_that_takes_a_stranger_is_told(pattern: str, stranger: str) -> None:
    message = f"takes nearly any identity of this issuer, such as {stranger}"
    assert notices(of_pattern(pattern)) == [f"10: spec.images.authorities[0].keyless.subjectPattern: {message}"]


def test_a_wide_pattern_of_one_repository_is_as_wide_as_its_author_wants() -> None:
    assert notices(of_pattern(".*", ", extensions: {sourceRepositoryURI: https://github.com/acme/app}")) == []


@pytest.mark.parametrize("pattern", [r"[a-z]+@acme\.example", r"https://gitlab\.com/acme/.*"])
def test_a_pattern_of_ones_own_is_not_wide(pattern: str) -> None:
    assert notices(of_pattern(pattern)) == []


UNLOGGED = "no log need hold a signature that was made with a stolen identity; Required lets its owner see it"
UNLOGGED_CERTIFICATE = "no log need hold a certificate that was issued to somebody else; Required lets its owner see it"


def test_an_identity_whose_signatures_or_certificates_no_log_holds_is_told() -> None:
    identity = "{issuer: https://accounts.example.com, subject: me@acme.example}"
    text = of_keyless(identity, "transparencyLog: NotRequired\n      certificateTransparency: NotRequired")
    assert notices(text) == [
        f"11: spec.images.authorities[0].transparencyLog: {UNLOGGED}",
        f"12: spec.images.authorities[0].certificateTransparency: {UNLOGGED_CERTIFICATE}",
    ]
    assert notices(of_keyless(identity, "transparencyLog: Required\n      certificateTransparency: Required")) == []


def test_a_key_needs_no_log() -> None:
    text = tweaked(
        "      transparencyLog: Required\n    verify:", "      transparencyLog: NotRequired\n    verify:", ATTESTED
    )
    assert notices(text) == []


@pytest.mark.parametrize("proof", ["transparencyLog", "timestamp"])
def test_a_trust_root_of_a_key_without_proofs_has_no_effect(proof: str) -> None:
    old = "      transparencyLog: Required\n    verify:"
    without = tweaked(old, "      trustRoot: private\n    verify:", ATTESTED)
    idle = "spec.images.authorities[2].trustRoot: has no effect: of this key neither log nor timestamp is Required"
    assert notices(without) == [f"26: {idle}"]
    assert notices(tweaked(old, f"      trustRoot: private\n      {proof}: Required\n    verify:", ATTESTED)) == []
