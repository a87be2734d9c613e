"""Annotations that an authority asks for, in both formats."""

from collections.abc import Callable

import pytest

from tests.signatures.forge import (
    DIGEST,
    WITHOUT_ROOTS,
    dumped,
    evidence,
    payload,
    required,
    signer,
    simple,
    stated,
    statement,
)
from webhook.codes import Code
from webhook.signatures.evidence import Attachment
from webhook.signatures.verify import Outcome, verify

RELEASE = signer("release")


def judged(attachment: Attachment, **annotations: str) -> Outcome:
    return verify(evidence(attachment), DIGEST, required(RELEASE.authority(**annotations)), WITHOUT_ROOTS)


FORMATS: dict[str, Callable[[dict[str, object]], Attachment]] = {
    "signature": lambda annotations: simple(RELEASE, dumped(payload(optional=annotations))),
    "bundle": lambda annotations: stated(RELEASE, statement(annotations=annotations)),
}
"""What makes a signature with annotations, in each format."""


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_annotations_of_an_authority_must_all_be_there(form: Callable[[dict[str, object]], Attachment]) -> None:
    assert judged(form({"team": "red", "env": "prod", "more": "x"}), team="red", env="prod").verified
    assert not judged(form({"team": "red"}), team="red", env="prod").verified


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("value", [1, True, None, ["1"], {"1": "1"}])
def test_only_strings_match_an_annotation(form: Callable[[dict[str, object]], Attachment], value: object) -> None:
    """SIG-39."""
    outcome = judged(form({"build": value}), build="1")
    assert outcome.code is Code.SIGNER_NOT_ALLOWED
    assert outcome.message == 'signed by release, but annotation "build" is missing, expected "1"'


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("value", ["Red", "red ", "", "re\u0064\u0301"])
def test_annotations_match_by_equality_alone(form: Callable[[dict[str, object]], Attachment], value: str) -> None:
    outcome = judged(form({"team": value}), team="red")
    assert outcome.code is Code.SIGNER_NOT_ALLOWED
    shown = value.encode("unicode_escape").decode()
    assert outcome.message == f'signed by release, but annotation "team" is "{shown}", expected "red"'
