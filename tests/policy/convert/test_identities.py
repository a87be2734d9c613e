import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from webhook.policy.convert.identities import UnsaidError, exact, keyless, of_wildcards, whole

ISSUER = "https://accounts.example.com"


@pytest.mark.parametrize(
    "pattern",
    [
        "acme",
        "^acme",
        "acme$",
        "^acme$",
        "a|b",
        "^a|b$",
        "^$",
        "(?i)ACME",
        "^a\\$",
        "^a\\\\$",
        "a.*b",
        "^*a$",
        "[$]",
        "^[a$|]$",
    ],
)
@given(subject=st.text("acmeACME$\\|b*", max_size=8))
def test_a_pattern_matches_all_of_what_theirs_is_found_in(pattern: str, subject: str) -> None:
    found = re2.search(pattern, subject) is not None
    assert (re2.fullmatch(whole(pattern), subject) is not None) is found


@pytest.mark.parametrize("pattern", ["a)(?:b", "(", "\\Qa", "^\\Qa$", "(?=a)", "a\\"])
def test_a_pattern_that_cannot_be_wrapped_is_unsaid(pattern: str) -> None:
    with pytest.raises(UnsaidError):
        whole(pattern)


def test_an_issuer_is_exact() -> None:
    assert exact(r"^https://accounts\.example\.com$") == ISSUER


@pytest.mark.parametrize("pattern", [ISSUER, f"^{ISSUER}$", f"{ISSUER}$", "^https://.*$", ".*", "^$", "^a|b$", "^a\\$"])
def test_a_pattern_for_several_issuers_is_unsaid(pattern: str) -> None:
    with pytest.raises(UnsaidError):
        exact(pattern)


@pytest.mark.parametrize(
    ("texts", "made"),
    [
        ((ISSUER, "", "a@b.c", ""), {"issuer": ISSUER, "subject": "a@b.c"}),
        ((ISSUER, "", "", "^a.*$"), {"issuer": ISSUER, "subjectPattern": "a.*"}),
        ((ISSUER, "", "", ""), {"issuer": ISSUER, "subjectPattern": ".*"}),
        (("", r"^https://accounts\.example\.com$", "a", ""), {"issuer": ISSUER, "subject": "a"}),
    ],
)
def test_an_identity_is_said_exactly(texts: tuple[str, str, str, str], made: dict[str, str]) -> None:
    assert keyless(*texts) == made


@pytest.mark.parametrize(
    "texts", [("", "", "a", ""), (ISSUER, "^a$", "a", ""), (ISSUER, "", "a", "a"), ("\n", "", "a", "")]
)
def test_an_identity_that_is_open_or_said_twice_is_unsaid(texts: tuple[str, str, str, str]) -> None:
    with pytest.raises(UnsaidError):
        keyless(*texts)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20))
def test_a_wildcard_pattern_takes_the_text_that_it_was_made_for(text: str) -> None:
    field, made = of_wildcards(text)
    if field == "subject":
        assert made == text
    else:
        assert re2.fullmatch(made, text.replace("*", "xyz").replace("?", "x")) is not None
        assert re2.fullmatch(made, text.replace("*", "xyz").replace("?", "x") + "\n") is None or text.endswith("*")
