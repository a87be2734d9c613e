"""Whom a policy accepts: issuer, subject or pattern, and extensions."""

from dataclasses import replace

import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.identities import EXTENSIONS, MAX_TEXT_CHARACTERS, Identity, IdentityError, Signer

ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
PATTERN = r"https://github\.com/acme/app/\.github/workflows/release\.yml@refs/heads/main"
SIGNER = Signer(ISSUER, SUBJECT, {"sourceRepositoryURI": "https://github.com/acme/app", "buildTrigger": "push"})


def refusal(identity: Identity, signer: Signer) -> tuple[Fault, str]:
    with pytest.raises(RefusedError) as refused:
        identity.check(signer)
    return refused.value.fault, refused.value.reason


@pytest.mark.parametrize(
    "identity",
    [
        Identity(ISSUER, SUBJECT),
        Identity(ISSUER, subject_pattern=PATTERN),
        Identity(
            ISSUER, subject_pattern=r"https://github\.com/acme/[^/]+/\.github/workflows/release\.yml@refs/heads/.*"
        ),
        Identity(ISSUER, subject_pattern=r"(?i)HTTPS://.*"),
        Identity(ISSUER, subject_pattern=f"^{PATTERN}$"),
        Identity(ISSUER, SUBJECT, extensions={"buildTrigger": "push"}),
        Identity(ISSUER, SUBJECT, extensions=dict(SIGNER.extensions)),
    ],
    ids=str,
)
def test_the_signer_that_a_policy_speaks_of_is_accepted(identity: Identity) -> None:
    identity.check(SIGNER)


OTHER_SUBJECTS = {
    "SIG-27 the text in a query": f"https://evil.example/x?u={SUBJECT}",
    "SIG-27 text after it": f"{SUBJECT}-evil",
    "SIG-27 text before it": f"x{SUBJECT}",
    "SIG-27 another workflow and the text": "https://github.com/acme/app/.github/workflows/release.yml@evil.yml@refs/heads/main",
    "SIG-27 a sibling": SUBJECT.replace("acme", "acme-evil"),
    "SIG-27 another branch": SUBJECT.replace("heads/main", "heads/attacker"),
    "SIG-27 a dot is a dot": SUBJECT.replace("github.com", "githubXcom"),
    "a newline at the end": f"{SUBJECT}\n",
    "a line before it": f"https://evil.example\n{SUBJECT}",
    "other case": SUBJECT.upper(),
    "nothing": "",
}


@pytest.mark.parametrize("subject", OTHER_SUBJECTS.values(), ids=OTHER_SUBJECTS)
@pytest.mark.parametrize(
    "wanted", [{"subject": SUBJECT}, {"subject_pattern": PATTERN}, {"subject_pattern": f"(?m)^{PATTERN}$"}], ids=str
)
def test_another_subject_is_refused(wanted: tuple[str, str], subject: str) -> None:
    fault, _ = refusal(Identity(ISSUER, *wanted), replace(SIGNER, subject=subject))
    assert fault is Fault.SUBJECT_MISMATCH


def test_a_subject_over_the_ceiling_matches_no_pattern() -> None:
    long = replace(SIGNER, subject="a" * (MAX_TEXT_CHARACTERS + 1))
    assert refusal(Identity(ISSUER, subject_pattern="a*"), long)[0] is Fault.SUBJECT_MISMATCH


OTHER_ISSUERS = {
    "SIG-29 a slash at the end": f"{ISSUER}/",
    "SIG-29 another": "https://accounts.google.com",
    "SIG-29 other case": ISSUER.upper(),
    "SIG-29 text after it": f"{ISSUER}.evil.example",
    "nothing": "",
}


@pytest.mark.parametrize("issuer", OTHER_ISSUERS.values(), ids=OTHER_ISSUERS)
def test_another_issuer_is_refused_before_the_subject_is_looked_at(issuer: str) -> None:
    found = refusal(Identity(ISSUER, "somebody@example.com"), replace(SIGNER, issuer=issuer))
    assert found == (Fault.ISSUER_MISMATCH, f'identity issued by "{issuer}", expected "{ISSUER}"')


def test_a_refusal_names_the_subject_and_what_was_expected() -> None:
    other = replace(SIGNER, subject=SUBJECT.replace("main", "dev"))
    expected = f'certificate for "{other.subject}", expected "{SUBJECT}"'
    assert refusal(Identity(ISSUER, SUBJECT), other) == (Fault.SUBJECT_MISMATCH, expected)
    expected = f'certificate for "{other.subject}", expected a match of /https://x\\\\.y/'
    assert refusal(Identity(ISSUER, subject_pattern=r"https://x\.y"), other) == (Fault.SUBJECT_MISMATCH, expected)


def test_a_refusal_is_one_line_of_ascii_with_an_end() -> None:
    _, reason = refusal(Identity(ISSUER, SUBJECT), replace(SIGNER, subject="\u202e\n" + "x" * 5000))
    assert reason.startswith(r'certificate for "\u202e\nxxx')
    assert reason.isascii()
    assert len(reason) < 500


@pytest.mark.parametrize(
    ("extensions", "reason"),
    [
        ({"buildTrigger": "Push"}, 'extension buildTrigger is "push", expected "Push"'),
        ({"buildTrigger": ""}, 'extension buildTrigger is "push", expected ""'),
        ({"runnerEnvironment": "github-hosted"}, 'extension runnerEnvironment is missing, expected "github-hosted"'),
        ({"runnerEnvironment": ""}, 'extension runnerEnvironment is missing, expected ""'),
        (
            {"buildTrigger": "push", "sourceRepositoryURI": "https://github.com/acme/app/"},
            'extension sourceRepositoryURI is "https://github.com/acme/app", expected "https://github.com/acme/app/"',
        ),
    ],
)
def test_an_extension_that_is_missing_or_another_is_refused(extensions: dict[str, str], reason: str) -> None:
    """SIG-31: whoever calls a public workflow has its subject."""
    assert refusal(Identity(ISSUER, SUBJECT, extensions=extensions), SIGNER) == (Fault.EXTENSION_MISMATCH, reason)


NOT_SUPPORTED = "(RE2's syntax, without look-arounds and backreferences: they are not supported)"
FAULTS = {
    "SIG-28 no issuer": (("", SUBJECT, ""), 'issuer: expected the URL of an issuer, found ""'),
    "issuer with a space": ((f"{ISSUER} ", SUBJECT, ""), f'issuer: expected the URL of an issuer, found "{ISSUER} "'),
    "issuer with a newline": (
        (f"{ISSUER}\n", SUBJECT, ""),
        f'issuer: expected the URL of an issuer, found "{ISSUER}\\n"',
    ),
    "SIG-28 no subject": ((ISSUER, "", ""), "expected exactly one of a subject and a pattern of subjects"),
    "two subjects": ((ISSUER, SUBJECT, PATTERN), "expected exactly one of a subject and a pattern of subjects"),
    "subject not ASCII": (
        (ISSUER, "j\u00f6@example.com", ""),
        r'subject: no certificate names "j\xf6@example.com": it must be printable ASCII',
    ),
    "subject with a newline": ((ISSUER, "a\n", ""), r'subject: no certificate names "a\n": it must be printable ASCII'),
    "look-ahead": ((ISSUER, "", "(?=a)b"), f"pattern: invalid perl operator: (?= {NOT_SUPPORTED}"),
    "look-behind": ((ISSUER, "", "(?<!a)b"), f"pattern: invalid perl operator: (?<! {NOT_SUPPORTED}"),
    "backreference": ((ISSUER, "", r"(a)\1"), rf"pattern: invalid escape sequence: \\1 {NOT_SUPPORTED}"),
    "open bracket": ((ISSUER, "", "[a"), f"pattern: missing ]: [a {NOT_SUPPORTED}"),
    "too many repetitions": ((ISSUER, "", "a{1001}"), f"pattern: invalid repetition size: {{1001}} {NOT_SUPPORTED}"),
    "too large": ((ISSUER, "", r"(\pL{30}){33}"), f"pattern: pattern too large - compile failed {NOT_SUPPORTED}"),
    "too long": ((ISSUER, "", "a" * 2049), "pattern: 2049 characters are more than 2048"),
    "surrogate": ((ISSUER, "", "a\udc00"), "pattern: not text that UTF-8 can hold"),
}


@pytest.mark.parametrize(("texts", "message"), FAULTS.values(), ids=FAULTS)
def test_a_policy_that_names_nobody_is_refused(texts: tuple[str, str, str], message: str) -> None:
    with pytest.raises(IdentityError) as fault:
        Identity(*texts)
    assert str(fault.value) == message


def test_an_unknown_extension_is_refused() -> None:
    with pytest.raises(IdentityError) as fault:
        Identity(ISSUER, SUBJECT, extensions={"sourceRepositoryUri": "x"})
    assert str(fault.value) == f'unknown extension "sourceRepositoryUri"; known: {", ".join(EXTENSIONS)}'


@pytest.mark.parametrize("pattern", ["(a+)+", "(a|aa)+", "(a*)*b", "(.*a){25}", "(a?){500}a{500}"])
def test_matching_takes_linear_time(pattern: str) -> None:
    """Python's `re` takes longer than the age of the universe for the first three."""
    identity = Identity(ISSUER, subject_pattern=pattern)
    hostile = replace(SIGNER, subject="a" * (MAX_TEXT_CHARACTERS - 1) + "!")
    assert refusal(identity, hostile)[0] is Fault.SUBJECT_MISMATCH


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=5))
def test_an_escaped_text_matches_itself_and_nothing_longer(text: str, more: str) -> None:
    identity = Identity(ISSUER, subject_pattern=re2.escape(text))
    identity.check(replace(SIGNER, subject=text))
    for longer in (text + more, more + text):
        assert refusal(identity, replace(SIGNER, subject=longer))[0] is Fault.SUBJECT_MISMATCH


def test_identities_are_values() -> None:
    one = Identity(ISSUER, subject_pattern=PATTERN, extensions={"buildTrigger": "push"})
    assert one == Identity(ISSUER, subject_pattern=PATTERN, extensions={"buildTrigger": "push"})
    assert len({one, Identity(ISSUER, subject_pattern=PATTERN, extensions={"buildTrigger": "push"})}) == 1
    assert one != Identity(ISSUER, subject_pattern=PATTERN)
    assert one != Identity(ISSUER, PATTERN, extensions={"buildTrigger": "push"})


def test_messages_name_an_identity_by_subject_and_issuer() -> None:
    assert str(Identity(ISSUER, "jo@example.com")) == f"jo@example.com by {ISSUER}"
    assert str(Identity(ISSUER, subject_pattern=r"\S+@example\.com")) == rf"/\\S+@example\\.com/ by {ISSUER}"


def test_a_signer_is_one_voice_by_issuer_and_subject() -> None:
    assert SIGNER.voice == f"{ISSUER} {SUBJECT}"
    assert SIGNER.voice == Signer(ISSUER, SUBJECT).voice
    assert hash(SIGNER) == hash(replace(SIGNER))
